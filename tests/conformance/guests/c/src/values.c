#include "conformance.h"

#include <math.h>
#include <string.h>

SCENARIO(run_scenario) {
    (void)ctx;
    MUST(first, value("first", abide_integer(1)));
    MUST(second, value("second", abide_integer(abide_as_integer(first.value, 0) + 1)));
    return abide_jsonf("{'first': %j, 'second': %j}", first.value, second.value);
}

SCENARIO(context_scenario) {
    const abide_event *event = ctx->event;
    return abide_jsonf("{'app': %s, 'function': %s, 'runIdLength': %zu, 'attempt': %d, 'maxAttempts': %d, 'events': %zu, 'event': "
                       "{'id': %s, 'name': %s, 'data': %j, 'user': %j, 'ts': %lld, 'v': %s}}",
                       ctx->app_id, ctx->function_id, strlen(ctx->run_id), (int)ctx->attempt, (int)ctx->max_attempts, ctx->event_count,
                       event->id, event->name, event->data, event->user, (long long)event->ts, event->version);
}

SCENARIO(values_scenario) {
    (void)ctx;
    static const char *const TEXTS[] = {"null", "true", "0", "''", "[]", "{}", "{'a': [1, {'b': null}]}"};
    abide_json *results = abide_array();
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        MUST(result, value("value", abide_jsonf(TEXTS[i])));
        abide_push(results, result.value);
    }
    return results;
}

SCENARIO(nothing_scenario) {
    (void)ctx;
    MUST(nothing, value("nothing", NULL));
    return NULL;
}

SCENARIO(unicode_scenario) {
    MUST(echoed, value("größe 🧭", DATA("text")));
    bool equal = abide_size(echoed.value) == abide_size(DATA("text")) &&
                 strcmp(abide_as_string(echoed.value, "?"), abide_as_string(DATA("text"), "!")) == 0;
    return abide_jsonf("{'echoed': %j, 'same': %b}", echoed.value, equal);
}

SCENARIO(numbers_scenario) {
    MUST(echoed, value("same", ctx->event->data));
    double max = abide_as_number(DATA("max"), 0), min = abide_as_number(DATA("min"), 0);
    double tenth = abide_as_number(DATA("tenth"), 0), zero = abide_as_number(DATA("zero"), 1);
    return abide_jsonf("{'same': %j, 'sum': %g, 'tenths': %g, 'third': %g, 'negativeZero': %b, 'odd': %j}", echoed.value, max + min,
                       tenth + 0.2, 1.0 / 3.0, 1 / zero == -INFINITY, DATA("odd"));
}

static const abide_json *one_more(const abide_execution *exec, void *arg) {
    (void)exec;
    return abide_string(abide_text("%sb", (const char *)arg));
}

SCENARIO(large_scenario) {
    MUST(text, value("echo", DATA("text")));
    MUST(more, abide_step("more", one_more, (void *)abide_as_string(text.value, "")));
    return abide_jsonf("{'length': %zu, 'text': %j}", abide_size(more.value), more.value);
}

static const abide_json *tell_keys(const abide_execution *exec, void *arg) {
    (void)arg;
    if (exec->attempt < 1) {
        return abide_fail(.name = "Again", .message = "once more");
    }
    return abide_jsonf("{'attempt': %d, 'maxAttempts': %d, 'idempotencyKey': %s, 'stepKey': %s}", (int)exec->attempt,
                       (int)exec->max_attempts, exec->idempotency_key, exec->step_key);
}

SCENARIO(keys_scenario) {
    (void)ctx;
    MUST(told, abide_step("told", tell_keys, NULL));
    return told.value;
}

static const abide_json *square(const abide_execution *exec, void *arg) {
    (void)arg;
    int64_t n = abide_as_integer(abide_get(exec->input, "n"), 0);
    return abide_integer(n * n);
}

SCENARIO(step_input_scenario) {
    MUST(squared, abide_step("square", square, NULL, .input = abide_jsonf("{'n': %j}", DATA("n"))));
    return squared.value;
}

SCENARIO(loop_scenario) {
    (void)ctx;
    abide_json *squares = abide_array();
    for (int i = 0; i < 5; i++) {
        MUST(item, value("item", abide_integer(i * i)));
        abide_push(squares, item.value);
    }
    return squares;
}

SCENARIO(many_scenario) {
    (void)ctx;
    int64_t sum = 0;
    for (int i = 0; i < 100; i++) {
        MUST(added, value("add", abide_integer(i)));
        sum += abide_as_integer(added.value, 0);
    }
    return abide_integer(sum);
}

/* A branch of three operations, which a loop over abide_await_any drives: C has no coroutines. */
typedef struct branch {
    const char *name;
    const abide_json *loaded;
    const abide_json *stored;
    int stage;
} branch;

static const abide_json *exclaim(const abide_execution *exec, void *arg) {
    (void)exec;
    return abide_string(abide_text("%s!", abide_as_string(arg, "")));
}

/* Takes the result of the branch's last operation and starts its next one; NULL at its end. */
static abide_ticket advance(branch *branch, abide_ticket last) {
    switch (branch->stage++) {
    case 0:
        return value("load", abide_string(branch->name));
    case 1:
        branch->loaded = abide_await(last).value;
        return abide_sleep("pause", "1s");
    case 2:
        return abide_step("store", exclaim, (void *)branch->loaded);
    default:
        branch->stored = abide_await(last).value;
        return NULL;
    }
}

static void run_branches(branch *branches, size_t count) {
    abide_ticket tickets[4] = {NULL};
    size_t open = count;
    for (size_t i = 0; i < count; i++) {
        tickets[i] = advance(&branches[i], NULL);
    }
    while (open) {
        size_t i = abide_await_any(tickets, count);
        tickets[i] = advance(&branches[i], tickets[i]);
        open -= !tickets[i];
    }
}

SCENARIO(helper_scenario) {
    (void)ctx;
    branch x = {.name = "x"}, others[] = {{.name = "y"}, {.name = "z"}};
    run_branches(&x, 1);
    run_branches(others, 2);
    return abide_jsonf("[%j, %j, %j]", x.stored, others[0].stored, others[1].stored);
}

static const abide_json *outer(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    MUST(inner, value("inner", abide_integer(1)));
    return inner.value;
}

SCENARIO(nested_operation_scenario) {
    (void)ctx;
    abide_result result = abide_await(abide_step("outer", outer, NULL));
    return abide_jsonf("{'name': %s}", result.error->name);
}

SCENARIO(sleep_scenario) {
    (void)ctx;
    uint64_t before = abide_now();
    abide_await(abide_sleep("short", "1s"));
    abide_await(abide_sleep("long", "30 days"));
    return abide_integer((int64_t)(abide_now() - before));
}

SCENARIO(sleep_until_scenario) {
    abide_await(abide_sleep_until("past", 1577836800000));
    abide_await(abide_sleep_until("future", (uint64_t)abide_as_integer(DATA("at"), 0)));
    return abide_string("awake");
}

SCENARIO(sleep_too_long_scenario) {
    (void)ctx;
    abide_await(abide_sleep("too-long", "34560000000 ms"));
    return NULL;
}
