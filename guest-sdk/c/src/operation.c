/*
 * The scheduler: C code runs until it waits for an operation, and then the host is asked for news, one at a time, until that
 * operation is complete. It knows the host by the functions host_… only, no clock and no randomness.
 *
 * Invariants: no workflow code runs while a body executes, since that happens inside a wait. A body runs at most once. An
 * operation is complete once, and keeps its result.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

struct abide_operation {
    const char *id;
    uint32_t ticket;
    abide_body *body;
    void *arg;
    const abide_json *input;
    bool complete;
    size_t order; /* the how manieth it was to be complete */
    abide_result result;
};

/* Started operations, by their tickets, which count from 0. */
static struct {
    abide_ticket *all;
    size_t count;
    size_t completed;
    bool executing;
} run;

bool executing(void) {
    return run.executing;
}

/* ---------------------------------------------------------------------------------------------------- starting */

static abide_ticket new_operation(const char *id) {
    abide_ticket operation = keep(sizeof *operation);
    operation->id = id ? id : "";
    return operation;
}

static void complete(abide_ticket operation, abide_result result) {
    if (result.error) {
        abide_error *error = keep(sizeof *error);
        *error = *result.error;
        error->step = operation->id;
        result.error = error;
    }
    operation->result = result;
    operation->complete = true;
    operation->order = run.completed++;
}

static void refuse(abide_ticket operation, const char *name, const char *message) {
    complete(operation, (abide_result){.error = &(abide_error){.name = name, .message = message, .final = true}});
}

static const char NESTED[] =
    "a step's body cannot use the context: start operations in workflow code, and return from the body what they need";

/* Asks the host; or completes the operation with what is wrong. */
static abide_ticket start(abide_ticket operation, const request *request, const char *problem) {
    if (run.executing) {
        refuse(operation, "NestedOperation", NESTED);
    } else if (problem) {
        refuse(operation, "InvalidOptions", problem);
    } else {
        operation->ticket = host_start(operation->id, request);
        if (operation->ticket >= run.count) {
            size_t count = run.count ? run.count : 16;
            while (count <= operation->ticket) {
                count *= 2;
            }
            abide_ticket *all = keep(count * sizeof *all);
            if (run.count) {
                memcpy(all, run.all, run.count * sizeof *all);
            }
            free(run.all);
            run.all = all;
            run.count = count;
        }
        run.all[operation->ticket] = operation;
    }
    return operation;
}

bool read_ms(const char *option, const char *text, optional_ms *ms, const char **problem) {
    if (!text) {
        return true;
    }
    ms->is_some = true;
    if (parse_duration(text, &ms->ms)) {
        return true;
    }
    *problem = abide_text("%s: `%s` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`", option, text);
    return false;
}

bool read_backoff(const abide_backoff *backoff, schedule *schedule, const char **problem) {
    optional_ms base = {0};
    schedule->kind = backoff->kind;
    if (backoff->kind == ABIDE_DEFAULT_BACKOFF) {
        if (!backoff->base && !backoff->max && !backoff->jitter && backoff->factor == 0) {
            return true;
        }
        *problem = "backoff: it does not say its kind: set .kind = ABIDE_EXPONENTIAL, ABIDE_LINEAR or ABIDE_CONSTANT";
        return false;
    }
    if (!backoff->base) {
        *problem = "backoff: it does not say the first wait: set .base = \"10s\"";
        return false;
    }
    schedule->factor = backoff->factor;
    if (!read_ms("backoff.base", backoff->base, &base, problem) || !read_ms("backoff.max", backoff->max, &schedule->max, problem) ||
        !read_ms("backoff.jitter", backoff->jitter, &schedule->jitter, problem)) {
        return false;
    }
    schedule->base = base.ms;
    return true;
}

bool read_retries(int retries, optional_count *count, const char **problem) {
    if (retries == 0) {
        return true;
    }
    if (retries < ABIDE_ZERO) {
        *problem = abide_text("retries: must be 1 to 20, or ABIDE_ZERO, not %d", retries);
        return false;
    }
    *count = (optional_count){true, retries == ABIDE_ZERO ? 0 : (uint32_t)retries};
    return true;
}

static const char *json_text(const abide_json *value) {
    return value ? abide_write(value) : NULL;
}

abide_ticket abide_start_step(const char *id, abide_body *body, void *arg, abide_step_options options) {
    abide_ticket operation = new_operation(id);
    const char *problem = body ? NULL : "a step does nothing without a body";
    request request = {.kind = OPERATION_RUN, .json = json_text(options.input)};
    operation->body = body;
    operation->arg = arg;
    operation->input = options.input;
    (void)(read_retries(options.retries, &request.retries, &problem) && read_ms("timeout", options.timeout, &request.timeout, &problem) &&
           read_backoff(&options.backoff, &request.backoff, &problem));
    return start(operation, &request, problem);
}

abide_ticket abide_sleep(const char *id, const char *duration) {
    const char *problem = NULL;
    optional_ms ms = {0};
    if (!duration) {
        problem = "the sleep does not say how long: write it like `3 days`, `1h 30m` or `250ms`";
    } else if (!parse_duration(duration, &ms.ms)) {
        problem = abide_text("`%s` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`", duration);
    }
    return start(new_operation(id), &(request){.kind = OPERATION_SLEEP, .ms = ms.ms}, problem);
}

abide_ticket abide_sleep_until(const char *id, uint64_t time_ms) {
    return start(new_operation(id), &(request){.kind = OPERATION_SLEEP_UNTIL, .ms = time_ms}, NULL);
}

/* A wait must say how long. */
static void read_wait(const char *timeout, request *request, const char **problem) {
    if (!timeout) {
        *problem = "the wait does not say how long: set .timeout = \"7 days\"";
    } else if (read_ms("timeout", timeout, &request->timeout, problem) && request->timeout.ms == 0) {
        *problem = "timeout: it must be longer than nothing";
    }
}

abide_ticket abide_start_wait(const char *id, abide_wait_options options) {
    const char *problem = NULL;
    request request = {.kind = OPERATION_WAIT_FOR_EVENT, .target = options.event, .match = options.match, .when = options.when};
    read_wait(options.timeout, &request, &problem);
    if (!problem) {
        read_ms("lookback", options.lookback, &request.extra, &problem);
    }
    if (!options.event || !*options.event) {
        problem = "the wait does not say for which event: set .event = \"…\"";
    } else if (options.match && options.when) {
        problem = "`match` and `when` exclude each other: write the first as a part of the second";
    }
    return start(new_operation(id), &request, problem);
}

abide_ticket abide_start_wait_for_signal(const char *id, const char *signal, abide_signal_options options) {
    const char *problem = NULL;
    request request = {.kind = OPERATION_WAIT_FOR_SIGNAL, .target = signal, .replace = options.replace};
    read_wait(options.timeout, &request, &problem);
    return start(new_operation(id), &request, problem);
}

abide_ticket abide_send_events(const char *id, const abide_new_event *events, size_t count) {
    const char *problem = NULL;
    for (size_t i = 0; i < count && !problem; i++) {
        if (!events[i].name) {
            problem = abide_text("event %zu does not say its name: set .name = \"…\"", i);
        } else if (events[i].data && abide_kind_of(events[i].data) != ABIDE_OBJECT) {
            problem = abide_text("the data of event `%s` is not a JSON object", events[i].name);
        } else if (events[i].user && abide_kind_of(events[i].user) != ABIDE_OBJECT) {
            problem = abide_text("the user of event `%s` is not a JSON object", events[i].name);
        }
    }
    return start(new_operation(id), &(request){.kind = OPERATION_SEND_EVENTS, .events = events, .event_count = count}, problem);
}

abide_ticket abide_start_send_signal(const char *id, const char *signal, abide_send_signal_options options) {
    const char *problem = NULL;
    request request = {.kind = OPERATION_SEND_SIGNAL, .target = signal, .json = json_text(options.data)};
    read_ms("ttl", options.ttl, &request.extra, &problem);
    return start(new_operation(id), &request, problem);
}

abide_ticket abide_start_invoke(const char *id, const char *function, abide_invoke_options options) {
    const char *problem = NULL;
    request request = {.kind = OPERATION_INVOKE, .target = function, .json = json_text(options.data)};
    read_ms("timeout", options.timeout, &request.timeout, &problem);
    return start(new_operation(id), &request, problem);
}

abide_ticket abide_start_fetch(const char *id, const char *url, abide_fetch_options options) {
    const char *problem = NULL;
    abide_header headers[ABIDE_MAX_HEADERS + 1];
    request request = {
        .kind = OPERATION_FETCH,
        .target = url,
        .method = options.method ? options.method : "GET",
        .headers = headers,
        .body = options.body,
        .body_size = options.body && !options.body_size ? strlen(options.body) : options.body_size,
    };
    for (size_t i = 0; i < ABIDE_MAX_HEADERS && options.headers[i].name; i++) {
        headers[request.header_count++] = options.headers[i];
    }
    if (options.json) {
        request.body = abide_write(options.json);
        request.body_size = strlen(request.body);
        headers[request.header_count++] = (abide_header){"content-type", "application/json"};
    }
    (void)(read_retries(options.retries, &request.retries, &problem) && read_ms("timeout", options.timeout, &request.timeout, &problem) &&
           read_backoff(&options.backoff, &request.backoff, &problem));
    return start(new_operation(id), &request, problem);
}

abide_ticket abide_start_infer(const char *id, abide_infer_options options) {
    const char *problem = options.model ? NULL : "the request does not say which model: set .model = \"…\"";
    request request = {
        .kind = OPERATION_AI_INFER,
        .target = options.model,
        .json = options.body ? abide_write(options.body) : "{}",
        .format = options.format,
        .url = options.url,
        .key_variable = options.key_variable,
    };
    (void)(read_retries(options.retries, &request.retries, &problem) && read_ms("timeout", options.timeout, &request.timeout, &problem));
    return start(new_operation(id), &request, problem);
}

/* ----------------------------------------------------------------------------------------------------- waiting */

/* Turns what a body or a workflow returned into its outcome. */
static outcome outcome_of(const abide_json *value) {
    const abide_error *failure = take_failure();
    if (!value && failure) {
        return (outcome){.error = failure};
    }
    return (outcome){.json = abide_write(value)};
}

static outcome execute(abide_ticket operation, const abide_execution *execution, uint32_t ticket) {
    if (!operation || !operation->body) {
        abide_fail(.name = "NoBody",
                   .message = abide_text("the host asked to execute operation %u, which has no body, or whose body ran already", ticket));
        return outcome_of(NULL);
    }
    abide_body *body = operation->body;
    abide_execution told = *execution;
    if (!told.input) {
        /* No operator put anything in its place. */
        told.input = operation->input;
    }
    operation->body = NULL;
    forget_failure();
    run.executing = true;
    host_environment(true);
    outcome outcome = outcome_of(body(&told, operation->arg));
    host_environment(false);
    run.executing = false;
    return outcome;
}

/* Asks the host once, and hands the news to the operation that it names. */
static void take_news(void) {
    news news = {0};
    uint32_t ticket = host_next(&news);
    abide_ticket operation = ticket < run.count ? run.all[ticket] : NULL;
    if (news.kind == NEWS_EXECUTE) {
        host_finish(ticket, execute(operation, &news.execution, ticket));
        return;
    }
    /* A cancelled operation is complete: nobody waits for its news. */
    if (!operation || operation->complete) {
        return;
    }
    abide_result result = {.timed_out = news.kind == NEWS_EMPTY};
    abide_json *value = NULL;
    if (news.kind == NEWS_FAILED) {
        result.error = &news.error;
    } else if (news.kind == NEWS_DONE) {
        if (!abide_parse(news.json, &value)) {
            panic("the result of step `%s` is nested deeper than this library reads", operation->id);
        }
        result.value = value;
    }
    complete(operation, result);
}

abide_result abide_await(abide_ticket ticket) {
    if (!ticket) {
        panic("abide_await: there is no ticket");
    }
    if (run.executing && !ticket->complete) {
        static abide_error nested = {.name = "NestedOperation", .message = NESTED, .final = true};
        nested.step = ticket->id;
        return (abide_result){.error = &nested};
    }
    while (!ticket->complete) {
        take_news();
    }
    return ticket->result;
}

const abide_error *abide_await_all(const abide_ticket *tickets, size_t count) {
    const abide_error *first = NULL;
    size_t order = 0;
    for (size_t i = 0; i < count; i++) {
        const abide_error *error = abide_await(tickets[i]).error;
        if (error && (!first || tickets[i]->order < order)) {
            first = error;
            order = tickets[i]->order;
        }
    }
    return first;
}

size_t abide_await_any(const abide_ticket *tickets, size_t count) {
    if (run.executing) {
        panic("abide_await_any: %s", NESTED);
    }
    for (;;) {
        size_t first = count, waiting = 0;
        for (size_t i = 0; i < count; i++) {
            waiting += tickets[i] != NULL;
            if (tickets[i] && tickets[i]->complete && (first == count || tickets[i]->order < tickets[first]->order)) {
                first = i;
            }
        }
        if (first < count) {
            return first;
        }
        if (waiting == 0) {
            panic("abide_await_any: there is no ticket to wait for");
        }
        take_news();
    }
}

size_t abide_race(const abide_ticket *tickets, size_t count) {
    size_t winner = abide_await_any(tickets, count);
    for (size_t i = 0; i < count; i++) {
        if (i != winner && tickets[i]) {
            abide_cancel(tickets[i]);
        }
    }
    return winner;
}

void abide_cancel(abide_ticket ticket) {
    if (run.executing) {
        panic("abide_cancel: %s", NESTED);
    }
    if (!ticket || ticket->complete) {
        return;
    }
    host_cancel(ticket->ticket);
    refuse(ticket, "Cancelled", "the operation was cancelled by the workflow");
}

/* ----------------------------------------------------------------------------------------------------- running */

outcome run_workflow(abide_handler *handler, const abide_context *ctx) {
    free(run.all);
    memset(&run, 0, sizeof run);
    forget_failure();
    return outcome_of(handler(ctx));
}
