#include "conformance.h"

#include <unistd.h>

/* A step that fails with this error. */
#define FAILING(id, ...) abide_step(id, failing, (void *)(uintptr_t)(__VA_ARGS__))

static const abide_error PLAIN_ERROR = {.message = "plain"};

static abide_error out_of_stock(void) {
    return (abide_error){.name = "OutOfStock", .message = "none left", .data = abide_jsonf("{'sku': 'x'}")};
}

SCENARIO(plain_error_scenario) {
    (void)ctx;
    abide_result plain = abide_await(FAILING("plain", &PLAIN_ERROR));
    return abide_jsonf("{'name': %s, 'message': %s}", plain.error->name, plain.error->message);
}

SCENARIO(uncaught_plain_scenario) {
    (void)ctx;
    MUST(plain, FAILING("plain", &PLAIN_ERROR));
    return NULL;
}

static const abide_json *flaky(const abide_execution *exec, void *arg) {
    (void)arg;
    if (exec->attempt < 2) {
        return abide_fail(.name = "NotYet", .message = abide_text("not yet (attempt %u)", exec->attempt));
    }
    return abide_integer(exec->attempt);
}

SCENARIO(retry_scenario) {
    (void)ctx;
    MUST(n, abide_step("flaky", flaky, NULL));
    return n.value;
}

SCENARIO(exhausted_scenario) {
    (void)ctx;
    abide_error error = out_of_stock();
    return caught(abide_await(FAILING("never", &error)).error);
}

SCENARIO(uncaught_scenario) {
    (void)ctx;
    abide_error error = out_of_stock();
    MUST(never, FAILING("never", &error));
    return NULL;
}

SCENARIO(non_retriable_scenario) {
    (void)ctx;
    abide_error error = {.name = "BadInput", .message = "bad input", .final = true};
    return caught(abide_await(FAILING("bad", &error)).error);
}

static const abide_json *later(const abide_execution *exec, void *arg) {
    const abide_context *ctx = arg;
    if (exec->attempt == 0) {
        return abide_fail(.name = "Busy", .message = "busy", .retry_after = "60s");
    }
    if (exec->attempt == 1) {
        return abide_fail(.name = "Busy", .message = "still busy", .retry_at = (uint64_t)abide_as_integer(DATA("at"), 0));
    }
    return abide_integer(exec->attempt);
}

SCENARIO(retry_after_scenario) {
    MUST(n, abide_step("later", later, (void *)ctx));
    return n.value;
}

SCENARIO(step_options_scenario) {
    (void)ctx;
    abide_error nope = {.name = "Nope", .message = "no"};
    abide_result often = abide_await(abide_step("often", failing, &nope, .retries = 2, .backoff = {.kind = ABIDE_LINEAR, .base = "2s"}));
    abide_result growing = abide_await(abide_step("growing", failing, &nope, .retries = 3,
                                                  .backoff = {.kind = ABIDE_EXPONENTIAL, .base = "1s", .factor = 3, .max = "5s"}));
    return abide_jsonf("[%s, %s]", often.error->name, growing.error->name);
}

static const abide_json *slow_at_first(const abide_execution *exec, void *arg) {
    (void)arg;
    if (exec->attempt == 0) {
        sleep(60);
    }
    return abide_string("fast");
}

SCENARIO(step_timeout_scenario) {
    (void)ctx;
    MUST(said, abide_step("slow", slow_at_first, NULL, .retries = 1, .timeout = "2s"));
    return said.value;
}

SCENARIO(outside_steps_scenario) {
    MUST(kept, value("kept", abide_integer(1)));
    if (ctx->attempt < 2) {
        return abide_fail(.name = "Outside", .message = abide_text("attempt %u", ctx->attempt));
    }
    MUST(last, value("last", abide_integer(abide_as_integer(kept.value, 0) + 1)));
    return abide_jsonf("{'attempt': %d, 'last': %j}", (int)ctx->attempt, last.value);
}

SCENARIO(outside_exhausted_scenario) {
    (void)ctx;
    return abide_fail(.name = "Outside", .message = "always");
}

SCENARIO(outside_final_scenario) {
    (void)ctx;
    return abide_fail(.name = "Fatal", .message = "stop", .data = abide_jsonf("{'n': 1}"), .final = true);
}

static const abide_json *cancel_flight(const abide_execution *exec, void *flight) {
    (void)exec;
    return abide_string(abide_text("cancelled %s", (const char *)flight));
}

SCENARIO(catch_scenario) {
    (void)ctx;
    MUST(flight, value("book-flight", abide_string("F1")));
    abide_error full = {.name = "HotelFull", .message = "no room", .final = true};
    abide_result hotel = abide_await(FAILING("book-hotel", &full));
    MUST(undone, abide_step("cancel-flight", cancel_flight, (void *)abide_as_string(flight.value, "")));
    return abide_jsonf("{'undone': %j, 'because': %s}", undone.value, hotel.error->name);
}

SCENARIO(on_failure_scenario) {
    (void)ctx;
    return abide_fail(.name = "Broken", .message = "it broke", .final = true);
}

SCENARIO(on_failure_handler) {
    MUST(told, value("tell", abide_jsonf("{'function': %j, 'name': %j, 'message': %j, 'data': %j}", DATA("function_id"), DATA("error.name"),
                                         DATA("error.message"), DATA("event.data"))));
    return told.value;
}
