#include "conformance.h"

#define ANSWER .event = "conformance/answer", .timeout = "1h"

/* Name and data of the event that answers. */
static const abide_json *answered(abide_ticket wait) {
    MUST(result, wait);
    const abide_event *event = abide_event_of(result);
    return event ? abide_jsonf("{'name': %s, 'data': %j}", event->name, event->data) : abide_jsonf("{'answer': null}");
}

SCENARIO(wait_match_scenario) {
    (void)ctx;
    return answered(abide_wait_for_event("answer", ANSWER, .match = "data.key"));
}

SCENARIO(wait_if_scenario) {
    (void)ctx;
    return answered(abide_wait_for_event("answer", ANSWER, .when = "async.data.n > event.data.above"));
}

SCENARIO(wait_timeout_scenario) {
    (void)ctx;
    return answered(abide_wait_for_event("answer", ANSWER));
}

SCENARIO(wait_lookback_scenario) {
    (void)ctx;
    return answered(abide_wait_for_event("answer", ANSWER, .match = "data.key", .lookback = "1h"));
}

SCENARIO(signal_scenario) {
    (void)ctx;
    MUST(approval, abide_wait_for_signal("approval", "conformance-approval", .timeout = "1h"));
    return approval.value;
}

SCENARIO(signal_timeout_scenario) {
    (void)ctx;
    MUST(approval, abide_wait_for_signal("approval", "conformance-approval", .timeout = "1h"));
    return abide_jsonf("{'approval': %j}", approval.value);
}

SCENARIO(signal_conflict_scenario) {
    (void)ctx;
    abide_ticket first = abide_wait_for_signal("first", "conformance-taken", .timeout = "1h");
    abide_result second = abide_await(abide_wait_for_signal("second", "conformance-taken", .timeout = "1h"));
    abide_ticket third = abide_wait_for_signal("third", "conformance-taken", .timeout = "1h", .replace = true);
    abide_result replaced = abide_await(first);
    MUST(late, third);
    return abide_jsonf("[%s, %s, %j]", second.error->name, replaced.error->name, late.value);
}

SCENARIO(send_signal_scenario) {
    (void)ctx;
    MUST(told, abide_send_signal("tell", "conformance-self", .data = abide_jsonf("{'n': 7}")));
    MUST(heard, abide_wait_for_signal("hear", "conformance-self", .timeout = "1h"));
    return heard.value;
}

SCENARIO(send_event_scenario) {
    (void)ctx;
    MUST(ids, abide_send_event("one", .id = "sent-once", .name = "conformance/sent", .data = abide_jsonf("{'n': 1}"),
                               .user = abide_jsonf("{'id': 'u1'}"), .ts = 1767225600123, .version = "1"));
    return abide_integer((int64_t)abide_size(ids.value));
}

SCENARIO(send_events_scenario) {
    (void)ctx;
    abide_new_event events[] = {
        {.name = "conformance/sent", .data = abide_jsonf("{'n': 0}")},
        {.name = "conformance/sent", .data = abide_jsonf("{'n': 1}")},
        {.name = "conformance/sent"},
    };
    MUST(ids, abide_send_events("many", events, COUNT(events)));
    return abide_integer((int64_t)abide_size(ids.value));
}

SCENARIO(invoke_scenario) {
    MUST(a, abide_invoke("call", "callee", .data = abide_jsonf("{'n': %j}", DATA("n"))));
    MUST(b, abide_invoke("again", "conformance/callee", .data = abide_jsonf("{'n': %j}", abide_get(a.value, "twice"))));
    return abide_jsonf("{'answer': %j}", abide_get(b.value, "twice"));
}

SCENARIO(callee_scenario) {
    MUST(twice, value("double", abide_integer(2 * abide_as_integer(DATA("n"), 0))));
    return abide_jsonf("{'twice': %j}", twice.value);
}

SCENARIO(invoke_failed_scenario) {
    (void)ctx;
    abide_result result = abide_await(abide_invoke("call", "callee-fails"));
    return abide_jsonf("{'name': %s, 'data': %j}", result.error->name, result.error->data);
}

SCENARIO(callee_fails_scenario) {
    (void)ctx;
    return abide_fail(.name = "CalleeBroke", .message = "no luck", .data = abide_jsonf("{'code': 7}"), .final = true);
}

SCENARIO(invoke_timeout_scenario) {
    (void)ctx;
    return caught(abide_await(abide_invoke("call", "callee-sleeps", .timeout = "1 min")).error);
}

SCENARIO(callee_sleeps_scenario) {
    (void)ctx;
    abide_await(abide_sleep("hour", "1h"));
    return NULL;
}
