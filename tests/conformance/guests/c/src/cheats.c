#include "conformance.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static const abide_json *rest_50_ms(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    usleep(50000);
    return NULL;
}

SCENARIO(clock_scenario) {
    (void)ctx;
    uint64_t a = abide_now();
    for (volatile int i = 0; i < 1000000; i++) {
    }
    uint64_t b = abide_now();
    MUST(work, abide_step("work", rest_50_ms, NULL));
    abide_await(abide_sleep("hour", "1h"));
    return abide_jsonf("{'spin': %lld, 'hour': %lld}", (long long)(b - a), (long long)(abide_now() - a));
}

static const abide_json *measure(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    uint64_t a = abide_now();
    usleep(50000);
    return abide_bool(abide_now() - a >= 50);
}

SCENARIO(body_clock_scenario) {
    (void)ctx;
    MUST(moved, abide_step("measure", measure, NULL));
    return moved.value;
}

static const abide_json *random_text(void) {
    uint64_t number;
    getentropy(&number, sizeof number);
    return abide_string(abide_text("%016llx", (unsigned long long)number));
}

static const abide_json *draw(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    return random_text();
}

/* Records what the workflow code saw: replay compares the input. */
static abide_ticket observe(const char *id, const abide_json *seen) {
    return abide_step(id, same, (void *)seen, .input = seen);
}

static bool equal(const abide_json *a, const abide_json *b) {
    const char *x = abide_as_string(a, "x"), *y = abide_as_string(b, "y");
    while (*x && *x == *y) {
        x++;
        y++;
    }
    return *x == *y;
}

SCENARIO(randomness_scenario) {
    (void)ctx;
    const abide_json *a = random_text();
    MUST(observed, observe("observe", a));
    MUST(mine, abide_step("observe-body", draw, NULL));
    abide_await(abide_sleep("rest", "1s"));
    const abide_json *b = random_text();
    MUST(kept, observe("observe-again", b));
    return abide_jsonf("{'kept': %b, 'moves': %b, 'body': %b}", equal(kept.value, b), !equal(a, b), !equal(mine.value, a));
}

static int counter;

static const abide_json *touch(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    counter += 10;
    return NULL;
}

SCENARIO(globals_scenario) {
    (void)ctx;
    counter += 1;
    abide_json *seen = abide_push(abide_array(), abide_integer(counter));
    MUST(first, abide_step("touch", touch, NULL));
    abide_push(seen, abide_integer(counter));
    abide_await(abide_sleep("rest", "1s"));
    abide_push(seen, abide_integer(counter));
    MUST(second, abide_step("touch", touch, NULL));
    return abide_push(seen, abide_integer(counter));
}

static const abide_json *change(const abide_execution *exec, void *arg) {
    (void)exec;
    int *n = arg;
    *n += 1;
    return abide_integer(*n);
}

SCENARIO(captured_scenario) {
    (void)ctx;
    int n = 0;
    MUST(returned, abide_step("change", change, &n));
    abide_json *seen = abide_push(abide_array(), abide_integer(n));
    abide_await(abide_sleep("rest", "1s"));
    return abide_jsonf("{'returned': %j, 'seen': %j}", returned.value, abide_push(seen, abide_integer(n)));
}

static const abide_json *variable(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    return abide_string(getenv("CONFORMANCE_VARIABLE"));
}

SCENARIO(environment_scenario) {
    (void)ctx;
    MUST(body, abide_step("read", variable, NULL));
    return abide_jsonf("{'body': %j, 'workflow': %j}", body.value, variable(NULL, NULL));
}

/* The C library's hash table has no order to go through it in; what C has is the order of an object's members. */
static const abide_json *keys(void) {
    abide_json *object = abide_object();
    for (int i = 0; i < 20; i++) {
        abide_set(object, abide_text("key-%d", i), NULL);
    }
    const char *joined = "";
    for (size_t i = 0; i < abide_size(object); i++) {
        joined = abide_text("%s%s%s", joined, i ? "," : "", abide_key_at(object, i));
    }
    return abide_string(joined);
}

SCENARIO(hash_order_scenario) {
    (void)ctx;
    MUST(observed, observe("observe", keys()));
    abide_await(abide_sleep("rest", "1s"));
    const abide_json *again = keys();
    MUST(kept, observe("observe-again", again));
    return abide_jsonf("{'count': 20, 'kept': %b}", equal(kept.value, again));
}

static const abide_json *place_of_something_new(void) {
    void *memory = malloc(16);
    return abide_string(abide_text("%p", memory));
}

/* What is allocated and kept. */
void *wasted;

static const abide_json *waste(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    wasted = malloc(100000);
    return NULL;
}

SCENARIO(addresses_scenario) {
    (void)ctx;
    MUST(observed, observe("observe", place_of_something_new()));
    MUST(nothing, abide_step("waste", waste, NULL));
    const abide_json *other = place_of_something_new();
    MUST(kept, observe("observe-again", other));
    abide_await(abide_sleep("rest", "1s"));
    return abide_bool(equal(kept.value, other));
}
