/* An app for Abide. Change it while `abide dev` runs: it is built and deployed again. */
#include <abide.h>

/* A step's body may use the network, the clock and the environment. Its result is recorded: it is never done again. */
static const abide_json *greet(const abide_execution *exec, void *arg) {
    const char *name = arg;
    abide_log(ABIDE_INFO, "attempt %u to greet %s", exec->attempt, name);
    return abide_string(abide_text("Hello, %s!", name));
}

static const abide_json *part(const abide_execution *exec, void *arg) {
    const char *name = arg;
    return abide_string(abide_text("Goodbye, %s!", name));
}

static const abide_json *hello(const abide_context *ctx) {
    const char *name = abide_as_string(abide_get(ctx->event->data, "name"), NULL);
    const char *stay = abide_as_string(abide_get(ctx->event->data, "stay"), "1 day");
    if (!name) {
        return abide_fail(.name = "InvalidEvent", .message = "the event does not say who arrived", .final = true);
    }

    abide_result greeting = abide_await(abide_step("greet", greet, (void *)name));
    if (greeting.error) {
        return abide_rethrow(greeting.error);
    }

    /* Costs nothing while it lasts, and survives restarts and deploys. */
    abide_await(abide_sleep("stay", stay));

    abide_result farewell = abide_await(abide_step("part", part, (void *)name));
    if (farewell.error) {
        return abide_rethrow(farewell.error);
    }
    return abide_jsonf("{'greeting': %j, 'farewell': %j}", greeting.value, farewell.value);
}

ABIDE_APP({.id = "hello", .on = "visitor/arrived", .handler = hello})
