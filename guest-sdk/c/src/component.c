/*
 * The component's side: the host's imports behind host_…, and the exports that the host calls. Nothing else in the library sees
 * the generated bindings. It decides nothing.
 *
 * What is handed to the host need not be freed, and what the host hands in is kept: an instance runs one run.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bindings.h"

/* ------------------------------------------------------------------------------------------------- conversions */

static bindings_string_t to_string(const char *text) {
    size_t size = text ? strlen(text) : 0;
    text = utf8_text(text ? text : "", &size);
    return (bindings_string_t){.ptr = (uint8_t *)(uintptr_t)text, .len = size};
}

static bindings_option_string_t to_option(const char *text) {
    return (bindings_option_string_t){text != NULL, to_string(text)};
}

static abide_durable_types_option_json_t to_option_json(const char *text) {
    return (abide_durable_types_option_json_t){text != NULL, to_string(text)};
}

static abide_durable_types_option_duration_t to_option_ms(optional_ms ms) {
    return (abide_durable_types_option_duration_t){ms.is_some, ms.ms};
}

static bindings_option_u32_t to_option_count(optional_count count) {
    return (bindings_option_u32_t){count.is_some, count.count};
}

static abide_durable_types_option_backoff_t to_backoff(const schedule *from) {
    abide_durable_types_option_backoff_t backoff = {.is_some = from->kind != ABIDE_DEFAULT_BACKOFF};
    if (backoff.is_some) {
        backoff.val.kind = (abide_durable_types_backoff_kind_t)(from->kind - ABIDE_EXPONENTIAL);
        backoff.val.base = from->base;
        backoff.val.factor = (bindings_option_f64_t){from->factor != 0, from->factor};
        backoff.val.max = to_option_ms(from->max);
        backoff.val.jitter = to_option_ms(from->jitter);
    }
    return backoff;
}

static abide_durable_types_failure_t to_failure(const abide_error *error) {
    abide_durable_types_failure_t failure = {
        .name = to_string(error->name),
        .message = to_string(error->message),
        .stack = to_option(error->stack),
        .data = to_option_json(error->data ? abide_write(error->data) : NULL),
    };
    uint64_t ms;
    if (error->final) {
        failure.retry.tag = ABIDE_DURABLE_TYPES_RETRY_ADVICE_NON_RETRIABLE;
    } else if (error->retry_after && parse_duration(error->retry_after, &ms)) {
        failure.retry.tag = ABIDE_DURABLE_TYPES_RETRY_ADVICE_RETRY_AFTER;
        failure.retry.val.retry_after = ms;
    } else if (error->retry_at) {
        failure.retry.tag = ABIDE_DURABLE_TYPES_RETRY_ADVICE_RETRY_AT;
        failure.retry.val.retry_at = error->retry_at;
    }
    return failure;
}

static const char *from_string(bindings_string_t text) {
    return keep_text((const char *)text.ptr, text.len);
}

static const char *from_option(bindings_option_string_t text) {
    return text.is_some ? from_string(text.val) : NULL;
}

static const abide_json *from_json(bindings_string_t text) {
    abide_json *value = NULL;
    if (!abide_parse(from_string(text), &value)) {
        panic("a JSON value from outside is nested deeper than this library reads");
    }
    return value;
}

static const abide_json *from_option_json(abide_durable_types_option_json_t text) {
    return text.is_some ? from_json(text.val) : NULL;
}

static abide_event from_event(const abide_durable_types_event_t *event) {
    return (abide_event){
        .id = from_string(event->id),
        .name = from_string(event->name),
        .data = from_json(event->data),
        .user = from_option_json(event->user),
        .ts = event->ts,
        .version = from_option(event->v),
    };
}

/* --------------------------------------------------------------------------------------------------- the host */

static abide_durable_types_list_new_event_t to_events(const request *request) {
    abide_durable_types_new_event_t *events = keep(request->event_count * sizeof *events);
    for (size_t i = 0; i < request->event_count; i++) {
        const abide_new_event *event = &request->events[i];
        events[i] = (abide_durable_types_new_event_t){
            .id = to_option(event->id),
            .name = to_string(event->name),
            .data = to_option_json(event->data ? abide_write(event->data) : NULL),
            .user = to_option_json(event->user ? abide_write(event->user) : NULL),
            .ts = {event->ts != 0, event->ts},
            .v = to_option(event->version),
        };
    }
    return (abide_durable_types_list_new_event_t){events, request->event_count};
}

static abide_durable_types_fetch_options_t to_fetch(const request *request) {
    bindings_tuple2_string_string_t *headers = keep(request->header_count * sizeof *headers);
    for (size_t i = 0; i < request->header_count; i++) {
        headers[i] = (bindings_tuple2_string_string_t){to_string(request->headers[i].name), to_string(request->headers[i].value)};
    }
    return (abide_durable_types_fetch_options_t){
        .method = to_string(request->method),
        .url = to_string(request->target),
        .headers = {headers, request->header_count},
        .body = {request->body != NULL, {(uint8_t *)(uintptr_t)request->body, request->body_size}},
        .timeout = to_option_ms(request->timeout),
        .retries = to_option_count(request->retries),
        .backoff = to_backoff(&request->backoff),
    };
}

uint32_t host_start(const char *id, const request *request) {
    bindings_string_t name = to_string(id);
    abide_durable_operations_operation_t op = {.tag = (uint8_t)request->kind};
    switch (request->kind) {
    case OPERATION_RUN:
        op.val.run.retries = to_option_count(request->retries);
        op.val.run.timeout = to_option_ms(request->timeout);
        op.val.run.backoff = to_backoff(&request->backoff);
        op.val.run.input = to_option_json(request->json);
        break;
    case OPERATION_SLEEP:
        op.val.sleep = request->ms;
        break;
    case OPERATION_SLEEP_UNTIL:
        op.val.sleep_until = request->ms;
        break;
    case OPERATION_WAIT_FOR_EVENT:
        op.val.wait_for_event.event = to_string(request->target);
        op.val.wait_for_event.timeout = request->timeout.ms;
        op.val.wait_for_event.if_ = to_option(request->when);
        op.val.wait_for_event.match = to_option(request->match);
        op.val.wait_for_event.lookback = to_option_ms(request->extra);
        break;
    case OPERATION_WAIT_FOR_SIGNAL:
        op.val.wait_for_signal.signal = to_string(request->target);
        op.val.wait_for_signal.timeout = request->timeout.ms;
        op.val.wait_for_signal.on_conflict.is_some = request->replace;
        op.val.wait_for_signal.on_conflict.val = ABIDE_DURABLE_TYPES_SIGNAL_CONFLICT_REPLACE;
        break;
    case OPERATION_SEND_EVENTS:
        op.val.send_events = to_events(request);
        break;
    case OPERATION_SEND_SIGNAL:
        op.val.send_signal.signal = to_string(request->target);
        op.val.send_signal.data = to_option_json(request->json);
        op.val.send_signal.ttl = to_option_ms(request->extra);
        break;
    case OPERATION_INVOKE:
        op.val.invoke.function = to_string(request->target);
        op.val.invoke.data = to_option_json(request->json);
        op.val.invoke.timeout = to_option_ms(request->timeout);
        break;
    case OPERATION_FETCH:
        op.val.fetch = to_fetch(request);
        break;
    case OPERATION_AI_INFER:
        op.val.ai_infer.format = (abide_durable_types_ai_format_t)request->format;
        op.val.ai_infer.model = to_string(request->target);
        op.val.ai_infer.url = to_option(request->url);
        op.val.ai_infer.key_variable = to_option(request->key_variable);
        op.val.ai_infer.body = to_string(request->json);
        op.val.ai_infer.timeout = to_option_ms(request->timeout);
        op.val.ai_infer.retries = to_option_count(request->retries);
        break;
    }
    return abide_durable_operations_start(&name, &op);
}

uint32_t host_next(news *news) {
    abide_durable_operations_tuple2_ticket_news_t next;
    abide_durable_operations_next(&next);
    news->kind = (news_kind)next.f1.tag;
    if (news->kind == NEWS_DONE) {
        news->json = from_string(next.f1.val.done);
    } else if (news->kind == NEWS_FAILED) {
        const abide_durable_types_failure_t *failure = &next.f1.val.failed;
        news->error = (abide_error){
            .name = from_string(failure->name),
            .message = from_string(failure->message),
            .stack = from_option(failure->stack),
            .data = from_option_json(failure->data),
            .final = true,
        };
    } else if (news->kind == NEWS_EXECUTE) {
        const abide_durable_types_execution_t *execution = &next.f1.val.execute;
        news->execution = (abide_execution){
            .attempt = execution->attempt,
            .max_attempts = execution->max_attempts,
            .idempotency_key = from_string(execution->idempotency_key),
            .step_key = from_string(execution->step_key),
            .input = from_option_json(execution->input),
        };
    }
    /* Everything is copied: give the bytes back, so that a long run holds each result once. */
    abide_durable_operations_tuple2_ticket_news_free(&next);
    return next.f0;
}

void host_finish(uint32_t ticket, outcome outcome) {
    abide_durable_operations_result_json_failure_t result = {.is_err = !outcome.json};
    if (outcome.json) {
        result.val.ok = to_string(outcome.json);
    } else {
        result.val.err = to_failure(outcome.error);
    }
    abide_durable_operations_finish(ticket, &result);
}

void host_cancel(uint32_t ticket) {
    abide_durable_operations_cancel(ticket);
}

/* The C library reads the environment once, and what it reads it from is remembered too: of a time when there was none. */
void host_environment(bool body) {
    clearenv();
    if (!body) {
        return;
    }
    bindings_list_tuple2_string_string_t variables;
    wasi_cli_environment_get_environment(&variables);
    for (size_t i = 0; i < variables.len; i++) {
        setenv(from_string(variables.ptr[i].f0), from_string(variables.ptr[i].f1), 1);
    }
}

static void log_line(abide_level level, const char *line) {
    bindings_string_t message = to_string(line);
    abide_durable_logging_log((abide_durable_logging_level_t)level, &message);
}

void abide_log(abide_level level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *line = NULL;
    int size = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (size >= 0) {
        log_line(level, line);
        free(line);
    }
}

void abide_log_with(abide_level level, const abide_json *fields, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (size >= 0) {
        /* The host takes an object with a message for a line with fields. */
        abide_json *line = abide_set(abide_object(), "message", abide_string(text));
        log_line(level, fields ? abide_write(abide_set(line, "fields", fields)) : text);
        free(text);
    }
}

/* A line in the form that the host knows: its first member is the one by which it does. */
static abide_json *span_mark(const char *what, abide_span span, const abide_json *attributes) {
    abide_json *mark = abide_set(abide_object(), "abide.span", abide_string(what));
    abide_set(mark, "id", abide_integer((int64_t)span));
    return attributes ? abide_set(mark, "fields", attributes) : mark;
}

abide_span abide_span_begin(abide_span around, const abide_json *attributes, const char *name) {
    static abide_span last = 0;
    abide_json *mark = span_mark("begin", ++last, attributes);
    if (around) {
        abide_set(mark, "parent", abide_integer((int64_t)around));
    }
    log_line(ABIDE_INFO, abide_write(abide_set(mark, "message", abide_string(name))));
    return last;
}

void abide_span_end(abide_span span, const abide_json *attributes, const char *error) {
    abide_json *mark = span_mark("end", span, attributes);
    if (error) {
        abide_set(mark, "error", abide_string(error));
    }
    log_line(ABIDE_INFO, abide_write(mark));
}

uint64_t abide_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------------------------------------ the exports */

/*
 * The bindings would free what an export returned. Much of it is the author's constants, and the instance ends anyway: these take
 * the place of the bindings' weak functions.
 */
#define KEEP(function, name)                                                                   \
    __attribute__((export_name("cabi_post_abide:durable/functions@0.1.0#" name))) void        \
        __wasm_export_exports_abide_durable_functions_##function##_post_return(uint8_t *area); \
    void __wasm_export_exports_abide_durable_functions_##function##_post_return(uint8_t *area) { \
        (void)area;                                                                            \
    }
KEEP(describe, "describe")
KEEP(event_schemas, "event-schemas")
KEEP(run, "run")

/* Apps without shapes of events need not say so. */
__attribute__((weak)) const abide_event_schema *const abide_app_schemas = NULL;
__attribute__((weak)) const size_t abide_app_schema_count = 0;


static const char FAILURE_SUFFIX[] = "-failure";

/* What is wrong with the functions, all of it, to end the deploy with. */
static buffer problems;

static void complain(const abide_function *function, const char *problem) {
    buffer_add_text(&problems, abide_text("%sfunction `%s`: %s", problems.size ? "; " : "", function->id ? function->id : "", problem));
}

static uint64_t required_ms(const abide_function *function, const char *option, const char *text) {
    optional_ms ms = {0};
    const char *problem = NULL;
    if (!text) {
        complain(function, abide_text("%s: it is missing", option));
    } else if (!read_ms(option, text, &ms, &problem)) {
        complain(function, problem);
    }
    return ms.ms;
}

static abide_durable_types_option_duration_t optional_length(const abide_function *function, const char *option, const char *text) {
    optional_ms ms = {text != NULL, text ? required_ms(function, option, text) : 0};
    return to_option_ms(ms);
}

static void add_event(abide_durable_types_list_trigger_t *to, const char *event, const char *when) {
    to->ptr[to->len++] = (abide_durable_types_trigger_t){
        .tag = ABIDE_DURABLE_TYPES_TRIGGER_EVENT,
        .val.event = {to_string(event), to_option(when)},
    };
}

static void add_cron(abide_durable_types_list_trigger_t *to, const abide_function *function, const abide_trigger *trigger) {
    to->ptr[to->len++] = (abide_durable_types_trigger_t){
        .tag = ABIDE_DURABLE_TYPES_TRIGGER_CRON,
        .val.cron =
            {
                .schedule = to_string(trigger->cron),
                .jitter = optional_length(function, "cron.jitter", trigger->jitter),
                .catchup = {trigger->catchup != ABIDE_CATCHUP_DEFAULT,
                            (abide_durable_types_catchup_t)(trigger->catchup - ABIDE_CATCHUP_NONE)},
            },
    };
}

static abide_durable_types_list_trigger_t triggers_of(const abide_function *function) {
    abide_durable_types_list_trigger_t list = {keep((ABIDE_MAX_TRIGGERS + 2) * sizeof *list.ptr), 0};
    if (function->on) {
        add_event(&list, function->on, NULL);
    }
    if (function->cron) {
        add_cron(&list, function, &(abide_trigger){.cron = function->cron});
    }
    for (size_t i = 0; i < ABIDE_MAX_TRIGGERS; i++) {
        const abide_trigger *trigger = &function->triggers[i];
        if (trigger->event && trigger->cron) {
            complain(function, abide_text("triggers[%zu]: it is an event or a schedule, not both", i));
        } else if (trigger->event) {
            add_event(&list, trigger->event, trigger->when);
        } else if (trigger->cron) {
            add_cron(&list, function, trigger);
        }
    }
    return list;
}

static abide_durable_types_list_concurrency_t concurrency_of(const abide_function *function) {
    abide_durable_types_list_concurrency_t list = {keep(ABIDE_MAX_CONCURRENCY * sizeof *list.ptr), 0};
    for (size_t i = 0; i < ABIDE_MAX_CONCURRENCY; i++) {
        const abide_concurrency *limit = &function->concurrency[i];
        if (limit->limit == 0 && !limit->key) {
            continue;
        }
        list.ptr[list.len++] = (abide_durable_types_concurrency_t){
            .limit = limit->limit > 0 ? (uint32_t)limit->limit : 0,
            .key = to_option(limit->key),
            .scope = {limit->scope != ABIDE_SCOPE_DEFAULT, (abide_durable_types_concurrency_scope_t)(limit->scope - ABIDE_SCOPE_FN)},
            .per = {limit->per_run, ABIDE_DURABLE_TYPES_CONCURRENCY_UNIT_RUN},
        };
    }
    return list;
}

static abide_durable_types_list_cancel_on_t cancel_on_of(const abide_function *function) {
    abide_durable_types_list_cancel_on_t list = {keep(ABIDE_MAX_CANCEL_ON * sizeof *list.ptr), 0};
    for (size_t i = 0; i < ABIDE_MAX_CANCEL_ON; i++) {
        const abide_cancel_on *cancel = &function->cancel_on[i];
        if (cancel->event) {
            list.ptr[list.len++] = (abide_durable_types_cancel_on_t){
                .event = to_string(cancel->event),
                .if_ = to_option(cancel->when),
                .match = to_option(cancel->match),
                .all = cancel->all,
                .timeout = optional_length(function, "cancel_on.timeout", cancel->timeout),
            };
        }
    }
    return list;
}

static bindings_option_u32_t retries_of(const abide_function *function, int retries) {
    optional_count count = {0};
    const char *problem = NULL;
    if (!read_retries(retries, &count, &problem)) {
        complain(function, problem);
    }
    return to_option_count(count);
}

static uint32_t limit_of(int limit) {
    return limit > 0 ? (uint32_t)limit : 0;
}

static abide_durable_types_function_config_t config_of(const abide_function *it) {
    schedule backoff = {0};
    const char *problem = NULL;
    if (!read_backoff(&it->backoff, &backoff, &problem)) {
        complain(it, problem);
    }
    if (!it->handler) {
        complain(it, "it has no handler");
    }
    abide_durable_types_function_config_t config = {
        .id = to_string(it->id),
        .name = to_option(it->name),
        .triggers = triggers_of(it),
        .retries = retries_of(it, it->retries),
        .backoff = to_backoff(&backoff),
        .concurrency = concurrency_of(it),
        .priority = to_option(it->priority),
        .idempotency = to_option(it->idempotency),
        .cancel_on = cancel_on_of(it),
        .retention = optional_length(it, "retention", it->retention),
    };
    if (it->throttle.limit || it->throttle.period) {
        config.throttle.is_some = true;
        config.throttle.val = (abide_durable_types_throttle_t){
            .limit = limit_of(it->throttle.limit),
            .period = required_ms(it, "throttle.period", it->throttle.period),
            .burst = {it->throttle.burst > 0, limit_of(it->throttle.burst)},
            .key = to_option(it->throttle.key),
        };
    }
    if (it->rate_limit.limit || it->rate_limit.period) {
        config.rate_limit.is_some = true;
        config.rate_limit.val = (abide_durable_types_rate_limit_t){
            .limit = limit_of(it->rate_limit.limit),
            .period = required_ms(it, "rate_limit.period", it->rate_limit.period),
            .key = to_option(it->rate_limit.key),
        };
    }
    if (it->debounce.period || it->debounce.timeout || it->debounce.key) {
        config.debounce.is_some = true;
        config.debounce.val = (abide_durable_types_debounce_t){
            .period = required_ms(it, "debounce.period", it->debounce.period),
            .key = to_option(it->debounce.key),
            .timeout = optional_length(it, "debounce.timeout", it->debounce.timeout),
        };
    }
    if (it->batch_events.max_size || it->batch_events.timeout) {
        config.batch_events.is_some = true;
        config.batch_events.val = (abide_durable_types_batch_events_t){
            .max_size = limit_of(it->batch_events.max_size),
            .timeout = required_ms(it, "batch_events.timeout", it->batch_events.timeout),
            .key = to_option(it->batch_events.key),
            .if_ = to_option(it->batch_events.when),
        };
    }
    if (it->singleton.mode != ABIDE_NO_SINGLETON) {
        config.singleton.is_some = true;
        config.singleton.val = (abide_durable_types_singleton_t){
            .key = to_option(it->singleton.key),
            .mode = (abide_durable_types_singleton_mode_t)(it->singleton.mode - ABIDE_SINGLETON_SKIP),
        };
    } else if (it->singleton.key) {
        complain(it, "singleton: it has a key but no mode: set .mode = ABIDE_SINGLETON_SKIP or ABIDE_SINGLETON_CANCEL");
    }
    if (it->timeouts.start || it->timeouts.finish) {
        config.timeouts.is_some = true;
        config.timeouts.val = (abide_durable_types_timeouts_t){
            .start = optional_length(it, "timeouts.start", it->timeouts.start),
            .finish = optional_length(it, "timeouts.finish", it->timeouts.finish),
        };
    }
    return config;
}

/* The handler of a function's failures is a function of its own, behind it. */
static abide_durable_types_function_config_t failure_config_of(const abide_function *it) {
    abide_durable_types_trigger_t *trigger = keep(sizeof *trigger);
    trigger->tag = ABIDE_DURABLE_TYPES_TRIGGER_FAILURE_OF;
    trigger->val.failure_of = to_string(it->id);
    return (abide_durable_types_function_config_t){
        .id = to_string(abide_text("%s%s", it->id, FAILURE_SUFFIX)),
        .triggers = {trigger, 1},
        .retries = retries_of(it, it->on_failure_retries),
    };
}

static void must_be_fine(void) {
    if (problems.size) {
        panic("%s", problems.text);
    }
}

void exports_abide_durable_functions_describe(exports_abide_durable_functions_list_function_config_t *ret) {
    ret->ptr = keep(2 * abide_app_function_count * sizeof *ret->ptr);
    ret->len = 0;
    for (size_t i = 0; i < abide_app_function_count; i++) {
        const abide_function *function = &abide_app_functions[i];
        if (!function->id) {
            complain(function, abide_text("the function at place %zu of ABIDE_APP has no id", i));
            continue;
        }
        ret->ptr[ret->len++] = config_of(function);
        if (function->on_failure) {
            ret->ptr[ret->len++] = failure_config_of(function);
        }
    }
    must_be_fine();
}

void exports_abide_durable_functions_event_schemas(exports_abide_durable_functions_list_event_schema_t *ret) {
    ret->ptr = keep(abide_app_schema_count * sizeof *ret->ptr);
    ret->len = abide_app_schema_count;
    for (size_t i = 0; i < abide_app_schema_count; i++) {
        const abide_event_schema *schema = &abide_app_schemas[i];
        abide_json *value;
        if (!abide_parse(schema->schema ? schema->schema : "", &value)) {
            panic("the schema of event `%s` is not JSON", schema->event ? schema->event : "");
        }
        ret->ptr[i] = (abide_durable_types_event_schema_t){
            .event = to_string(schema->event),
            .v = to_option(schema->version),
            .schema = to_string(schema->schema),
        };
    }
}

static abide_handler *find_handler(const char *id) {
    for (size_t i = 0; i < abide_app_function_count; i++) {
        const abide_function *function = &abide_app_functions[i];
        size_t size = strlen(function->id);
        if (strcmp(id, function->id) == 0) {
            return function->handler;
        }
        if (function->on_failure && strncmp(id, function->id, size) == 0 && strcmp(id + size, FAILURE_SUFFIX) == 0) {
            return function->on_failure;
        }
    }
    return NULL;
}

bool exports_abide_durable_functions_run(exports_abide_durable_functions_run_context_t *from, exports_abide_durable_functions_json_t *ret,
                                         exports_abide_durable_functions_failure_t *err) {
    abide_event *event = keep(sizeof *event);
    abide_event *events = keep(from->events.len * sizeof *events);
    *event = from_event(&from->event);
    for (size_t i = 0; i < from->events.len; i++) {
        events[i] = from_event(&from->events.ptr[i]);
    }
    abide_context *ctx = keep(sizeof *ctx);
    *ctx = (abide_context){
        .app_id = from_string(from->app_id),
        .function_id = from_string(from->function_id),
        .run_id = from_string(from->run_id),
        .attempt = from->attempt,
        .max_attempts = from->max_attempts,
        .event = event,
        .events = events,
        .event_count = from->events.len,
    };
    abide_handler *handler = find_handler(ctx->function_id);
    outcome outcome;
    if (handler) {
        outcome = run_workflow(handler, ctx);
    } else {
        abide_fail(.message = abide_text("the app `%s` has no function `%s`", ctx->app_id, ctx->function_id), .final = true);
        outcome = (struct outcome){.error = take_failure()};
    }
    if (outcome.json) {
        *ret = to_string(outcome.json);
        return true;
    }
    *err = to_failure(outcome.error);
    return false;
}

/* The bindings refer to an object file with the contract in it; here whoever builds the app adds the contract to the module. */
void __component_type_object_force_link_bindings(void);
void __component_type_object_force_link_bindings(void) {}
