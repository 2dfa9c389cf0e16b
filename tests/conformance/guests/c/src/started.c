#include "conformance.h"

#include <stdio.h>

SCENARIO(batch_scenario) {
    abide_json *all = abide_array();
    for (size_t i = 0; i < ctx->event_count; i++) {
        abide_push(all, abide_get(ctx->events[i].data, "n"));
    }
    return abide_jsonf("{'first': %j, 'all': %j}", DATA("n"), all);
}

static const abide_json *log_inside(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    abide_log_with(ABIDE_DEBUG, abide_jsonf("{'n': %d}", 1), "in the body");
    return NULL;
}

SCENARIO(logs_scenario) {
    (void)ctx;
    abide_log_with(ABIDE_INFO, abide_jsonf("{'order': %d, 'to': %s}", 42, "Ann"), "begins");
    MUST(work, abide_step("work", log_inside, NULL));
    abide_await(abide_sleep("rest", "1s"));
    abide_log(ABIDE_WARN, "ends");
    abide_log(ABIDE_ERROR, "really");
    return NULL;
}

static const abide_json *ask_inside(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    abide_span ask = abide_span_begin(0, abide_jsonf("{'n': %d}", 2), "ask");
    abide_span answer = abide_span_begin(ask, NULL, "answer");
    abide_span_end(answer, NULL, NULL);
    abide_span_end(ask, NULL, NULL);
    return NULL;
}

SCENARIO(spans_scenario) {
    (void)ctx;
    abide_span order = abide_span_begin(0, abide_jsonf("{'n': %d}", 1), "order");
    MUST(work, abide_step("work", ask_inside, NULL));
    abide_span_end(order, NULL, NULL);
    abide_span_end(abide_span_begin(0, NULL, "declined"), NULL, "no");
    return NULL;
}

static const abide_json *print_inside(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    puts("printed in the body");
    return NULL;
}

SCENARIO(print_scenario) {
    (void)ctx;
    MUST(work, abide_step("work", print_inside, NULL));
    puts("printed in the workflow");
    return NULL;
}
