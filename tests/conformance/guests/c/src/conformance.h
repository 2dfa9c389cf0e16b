/* The conformance scenarios in C: see SCENARIOS.md. One file for every chapter; app.c lists them all. */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <abide.h>

#define DATA(path) abide_get(ctx->event->data, (path))
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Waits for a step that gives a value, and leaves the function with its error if it fails. */
#define MUST(name, ticket)                  \
    abide_result name = abide_await(ticket); \
    if (name.error) {                        \
        return abide_rethrow(name.error);    \
    }

/* A body that returns the JSON value that it is handed. */
static inline const abide_json *same(const abide_execution *exec, void *arg) {
    (void)exec;
    return arg;
}

/* A step that returns a value. */
static inline abide_ticket value(const char *id, const abide_json *json) {
    return abide_step(id, same, (void *)json);
}

/* A body that fails with the error that it is handed. */
static inline const abide_json *failing(const abide_execution *exec, void *arg) {
    (void)exec;
    const abide_error *error = arg;
    return abide_fail(.name = error->name, .message = error->message, .data = error->data, .final = error->final);
}

/* What whoever catches an error can tell of it. */
static inline const abide_json *caught(const abide_error *error) {
    return abide_jsonf("{'name': %s, 'message': %s, 'data': %j}", error->name, error->message, error->data);
}

/* The scenarios. */
#define SCENARIO(name) const abide_json *name(const abide_context *ctx)

SCENARIO(run_scenario);
SCENARIO(context_scenario);
SCENARIO(values_scenario);
SCENARIO(nothing_scenario);
SCENARIO(unicode_scenario);
SCENARIO(numbers_scenario);
SCENARIO(large_scenario);
SCENARIO(keys_scenario);
SCENARIO(step_input_scenario);
SCENARIO(loop_scenario);
SCENARIO(many_scenario);
SCENARIO(helper_scenario);
SCENARIO(nested_operation_scenario);
SCENARIO(sleep_scenario);
SCENARIO(sleep_until_scenario);
SCENARIO(sleep_too_long_scenario);
SCENARIO(wait_match_scenario);
SCENARIO(wait_if_scenario);
SCENARIO(wait_timeout_scenario);
SCENARIO(wait_lookback_scenario);
SCENARIO(signal_scenario);
SCENARIO(signal_timeout_scenario);
SCENARIO(signal_conflict_scenario);
SCENARIO(send_signal_scenario);
SCENARIO(send_event_scenario);
SCENARIO(send_events_scenario);
SCENARIO(invoke_scenario);
SCENARIO(callee_scenario);
SCENARIO(invoke_failed_scenario);
SCENARIO(callee_fails_scenario);
SCENARIO(invoke_timeout_scenario);
SCENARIO(callee_sleeps_scenario);
SCENARIO(fetch_scenario);
SCENARIO(fetch_retry_scenario);
SCENARIO(fetch_missing_scenario);
SCENARIO(fetch_failed_scenario);
SCENARIO(ai_infer_scenario);
SCENARIO(body_http_scenario);
SCENARIO(network_scenario);
SCENARIO(plain_error_scenario);
SCENARIO(uncaught_plain_scenario);
SCENARIO(retry_scenario);
SCENARIO(exhausted_scenario);
SCENARIO(uncaught_scenario);
SCENARIO(non_retriable_scenario);
SCENARIO(retry_after_scenario);
SCENARIO(step_options_scenario);
SCENARIO(step_timeout_scenario);
SCENARIO(outside_steps_scenario);
SCENARIO(outside_exhausted_scenario);
SCENARIO(outside_final_scenario);
SCENARIO(catch_scenario);
SCENARIO(on_failure_scenario);
SCENARIO(on_failure_handler);
SCENARIO(parallel_scenario);
SCENARIO(parallel_branches_scenario);
SCENARIO(repeat_parallel_scenario);
SCENARIO(settled_scenario);
SCENARIO(race_cancelled_scenario);
SCENARIO(race_left_scenario);
SCENARIO(race_body_scenario);
SCENARIO(left_behind_scenario);
SCENARIO(batch_scenario);
SCENARIO(logs_scenario);
SCENARIO(spans_scenario);
SCENARIO(print_scenario);
SCENARIO(clock_scenario);
SCENARIO(body_clock_scenario);
SCENARIO(randomness_scenario);
SCENARIO(globals_scenario);
SCENARIO(captured_scenario);
SCENARIO(environment_scenario);
SCENARIO(hash_order_scenario);
SCENARIO(addresses_scenario);
SCENARIO(nothing_at_all);

#endif
