#include "conformance.h"

#include <unistd.h>

SCENARIO(parallel_scenario) {
    (void)ctx;
    abide_ticket all[] = {value("a", abide_integer(1)), value("b", abide_integer(2)), value("c", abide_integer(3))};
    const abide_error *error = abide_await_all(all, COUNT(all));
    if (error) {
        return abide_rethrow(error);
    }
    int64_t parts = 0;
    for (size_t i = 0; i < COUNT(all); i++) {
        parts += abide_as_integer(abide_await(all[i]).value, 0);
    }
    MUST(sum, value("sum", abide_integer(parts)));
    return sum.value;
}

typedef struct side {
    const char *first, *pause, *length, *last;
    int stage;
} side;

/* Starts the next operation of a side; NULL at its end. */
static abide_ticket advance(side *side, abide_json *trace) {
    switch (side->stage++) {
    case 0:
        return value(side->first, abide_integer(0));
    case 1:
        abide_push(trace, abide_string(side->first));
        return abide_sleep(side->pause, side->length);
    case 2:
        return value(side->last, abide_integer(0));
    default:
        abide_push(trace, abide_string(side->last));
        return NULL;
    }
}

SCENARIO(parallel_branches_scenario) {
    (void)ctx;
    side sides[] = {{"a1", "a", "2s", "a2", 0}, {"b1", "b", "1s", "b2", 0}};
    abide_json *trace = abide_array();
    abide_ticket tickets[] = {advance(&sides[0], trace), advance(&sides[1], trace)};
    while (tickets[0] || tickets[1]) {
        size_t i = abide_await_any(tickets, COUNT(tickets));
        MUST(result, tickets[i]);
        tickets[i] = advance(&sides[i], trace);
    }
    return trace;
}

SCENARIO(repeat_parallel_scenario) {
    (void)ctx;
    abide_ticket all[] = {value("same", abide_integer(0)), value("same", abide_integer(1)), value("same", abide_integer(2))};
    abide_json *results = abide_array();
    for (size_t i = 0; i < COUNT(all); i++) {
        abide_push(results, abide_await(all[i]).value);
    }
    return results;
}

SCENARIO(settled_scenario) {
    (void)ctx;
    abide_error no = {.name = "Bad", .message = "no"};
    abide_ticket all[] = {value("good", abide_integer(1)), abide_step("bad", failing, &no), abide_sleep("rest", "1s")};
    abide_await_all(all, COUNT(all));
    return abide_jsonf("[%j, %s, %j]", abide_await(all[0]).value, abide_await(all[1]).error->name, abide_await(all[2]).value);
}

static const abide_json *raced(bool cancel) {
    abide_ticket both[] = {abide_sleep("slow", "1h"), value("fast", abide_string("won"))};
    size_t winner = cancel ? abide_race(both, COUNT(both)) : abide_await_any(both, COUNT(both));
    abide_await(abide_sleep("after", "2h"));
    return abide_jsonf("{'winner': %j}", abide_await(both[winner]).value);
}

SCENARIO(race_cancelled_scenario) {
    (void)ctx;
    return raced(true);
}

SCENARIO(race_left_scenario) {
    (void)ctx;
    return raced(false);
}

static const abide_json *late(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    sleep(60);
    return abide_string("late");
}

SCENARIO(race_body_scenario) {
    (void)ctx;
    abide_ticket both[] = {abide_step("slow", late, NULL), value("fast", abide_string("won"))};
    return abide_await(both[abide_race(both, COUNT(both))]).value;
}

SCENARIO(left_behind_scenario) {
    (void)ctx;
    abide_sleep("forgotten", "1h");
    return abide_string("done");
}
