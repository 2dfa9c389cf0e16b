/* `n` steps, then a wait: what a run with a history costs. */
#include <abide.h>

static const abide_json *number(const abide_execution *exec, void *arg) {
    (void)exec;
    return abide_integer(*(const int64_t *)arg);
}

static const abide_json *resume(const abide_context *ctx) {
    int64_t n = abide_as_integer(abide_get(ctx->event->data, "n"), 0);
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        abide_result result = abide_await(abide_step("step", number, &i));
        if (result.error) {
            return abide_rethrow(result.error);
        }
        sum += abide_as_integer(result.value, 0);
    }
    abide_await(abide_wait_for_event("wake", .event = "bench/wake", .match = "data.key", .timeout = "1 day"));
    return abide_integer(sum);
}

ABIDE_APP({.id = "resume", .on = "bench/resume", .handler = resume})
