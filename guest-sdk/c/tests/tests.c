/* The library against a host in the test: what a workflow asks of it, in which order, and what it makes of the news. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------------- the host */

static struct {
    uint32_t ticket;
    news news;
} script[16];
static size_t scripted, told, started;
static buffer asked;

static void ask(const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buffer_add_text(&asked, line);
    buffer_add_text(&asked, "; ");
}

uint32_t host_start(const char *id, const request *request) {
    if (request->kind == OPERATION_SLEEP) {
        ask("sleep %s %llu", id, (unsigned long long)request->ms);
    } else {
        ask("start %s", id);
    }
    return (uint32_t)started++;
}

uint32_t host_next(news *news) {
    if (told == scripted) {
        printf("the workflow waits for ever; it asked: %s\n", asked.text);
        exit(1);
    }
    *news = script[told].news;
    ask("next %u", script[told].ticket);
    return script[told++].ticket;
}

void host_finish(uint32_t ticket, outcome outcome) {
    ask("finish %u %s", ticket, outcome.json ? outcome.json : outcome.error->message);
}

void host_cancel(uint32_t ticket) {
    ask("cancel %u", ticket);
}

void host_environment(bool body) {
    (void)body;
}

void abide_log(abide_level level, const char *format, ...) {
    (void)level;
    (void)format;
}

static void tell(uint32_t ticket, news news) {
    script[scripted].ticket = ticket;
    script[scripted++].news = news;
}

static void done(uint32_t ticket, const char *json) {
    tell(ticket, (news){.kind = NEWS_DONE, .json = json});
}

/* --------------------------------------------------------------------------------------------------- the tests */

static int passed, failures;

static void expect(const char *test, const char *what, const char *found, const char *expected) {
    if (strcmp(found, expected) == 0) {
        passed++;
    } else {
        failures++;
        printf("%s: %s is\n  %s\nnot\n  %s\n", test, what, found, expected);
    }
}

/* Runs a workflow against the script, and compares what the host was asked and what came of it. */
static void play(const char *test, abide_handler *handler, const char *expected_asked, const char *expected) {
    asked.size = told = started = 0;
    buffer_add_text(&asked, "");
    abide_context ctx = {.run_id = "r"};
    outcome outcome = run_workflow(handler, &ctx);
    expect(test, "what the host was asked", asked.text, expected_asked);
    expect(test, "the outcome", outcome.json ? outcome.json : abide_text("%s: %s", outcome.error->name, outcome.error->message), expected);
    scripted = 0;
}

static const abide_json *body(const abide_execution *exec, void *arg) {
    (void)exec;
    return arg;
}

static const abide_json *race(const abide_context *ctx) {
    (void)ctx;
    abide_ticket tickets[] = {abide_step("a", body, NULL), abide_sleep("b", "1h 30m"), abide_step("c", body, NULL)};
    size_t winner = abide_race(tickets, 3);
    return abide_jsonf("[%zu, %j]", winner, abide_await(tickets[winner]).value);
}

static const abide_json *later_first(const abide_context *ctx) {
    (void)ctx;
    abide_ticket tickets[] = {abide_step("a", body, NULL), abide_step("b", body, NULL)};
    abide_await(tickets[0]);
    size_t first = abide_await_any(tickets, 2);
    tickets[first] = NULL;
    return abide_jsonf("[%zu, %zu]", first, abide_await_any(tickets, 2));
}

static const abide_json *fails(const abide_execution *exec, void *arg) {
    (void)exec;
    return abide_fail(.name = "CardDeclined", .message = arg, .data = abide_jsonf("{'code': 7}"));
}

static const abide_json *rethrows(const abide_context *ctx) {
    (void)ctx;
    abide_result result = abide_await(abide_step("charge", fails, "no money"));
    return result.error ? abide_rethrow(result.error) : NULL;
}

static const abide_json *nests(const abide_execution *exec, void *arg) {
    (void)exec;
    (void)arg;
    abide_result inner = abide_await(abide_sleep("inner", "1s"));
    return inner.error ? abide_rethrow(inner.error) : NULL;
}

static const abide_json *nested(const abide_context *ctx) {
    (void)ctx;
    abide_await(abide_step("outer", nests, NULL));
    return NULL;
}

static const abide_json *mistakes(const abide_context *ctx) {
    (void)ctx;
    abide_result sleep = abide_await(abide_sleep("s", "3 dayz"));
    abide_result wait = abide_await(abide_wait_for_event("w", .event = "x/y"));
    abide_result both = abide_await(abide_wait_for_event("w", .event = "x/y", .timeout = "1h", .match = "data.a", .when = "true"));
    return abide_jsonf("[%s, %s, %s]", sleep.error->message, wait.error->message, both.error->message);
}

static void json_tests(void) {
    static const char *const SAME[] = {"null", "true", "[1,-0.0,1e308,5e-324,12345678901234567890]", "{\"a\":{\"b\":[]},\"a.b\":1}",
                                       "\"\\u0001\\\"\\\\\\n\xf0\x9f\xa7\xad\""};
    for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++) {
        abide_json *value = NULL;
        expect("json", "what was read", abide_parse(SAME[i], &value) ? abide_write(value) : "refused", SAME[i]);
    }
    static const char *const WRONG[] = {"", "nul", "01", "1.", "[1,]", "{\"a\"}", "\"\n\"", "\"\\x\"", "1 2", "\"", "+1"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        abide_json *value = NULL;
        expect("json", WRONG[i], abide_parse(WRONG[i], &value) ? "read" : "refused", "refused");
    }
    expect("json", "a template", abide_write(abide_jsonf("{'a': %s, 'b': [%d, %g, %b, %j], 'it\"s': '%%'}", "x\"y", 3, 0.1, true, NULL)),
           "{\"a\":\"x\\\"y\",\"b\":[3,0.1,true,null],\"it\\\"s\":\"%\"}");
    expect("json", "what is not UTF-8", abide_write(abide_string("a\xff\xc0\xaf")), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    const abide_json *value = abide_jsonf("{'a': {'b': 3.0, 'c': 2.5}}");
    expect("json", "integers", abide_text("%lld %lld", (long long)abide_as_integer(abide_get(value, "a.b"), -1), (long long)abide_as_integer(abide_get(value, "a.c"), -1)), "3 -1");
}

static void duration_tests(void) {
    static const struct {
        const char *text;
        uint64_t ms;
    } CASES[] = {{"3 days", 259200000}, {"1h30m", 5400000}, {"1.5 hours", 5400000}, {" 10 Seconds ", 10000}, {"0.0001 s", 0}, {"1_000 ms", 1000}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint64_t ms = 0;
        expect("durations", CASES[i].text, parse_duration(CASES[i].text, &ms) ? abide_text("%llu", (unsigned long long)ms) : "refused",
               abide_text("%llu", (unsigned long long)CASES[i].ms));
    }
    static const char *const WRONG[] = {"", "3", "days", "3 dayz", "-1s", "1..5s", "99999999999999999999d", "1 month"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        uint64_t ms;
        expect("durations", WRONG[i], parse_duration(WRONG[i], &ms) ? "read" : "refused", "refused");
    }
}

int main(void) {
    done(2, "42");
    play("a race cancels its losers in the order of their start", race, "start a; sleep b 5400000; start c; next 2; cancel 0; cancel 1; ", "[2,42]");
    done(1, "1");
    done(0, "0");
    play("of two that are complete the one that was first is given first", later_first, "start a; start b; next 1; next 0; ", "[1,0]");
    tell(0, (news){.kind = NEWS_EXECUTE});
    tell(0, (news){.kind = NEWS_FAILED, .error = {.name = "CardDeclined", .message = "no money"}});
    play("an error names its step when it is passed on", rethrows, "start charge; next 0; finish 0 no money; next 0; ", "CardDeclined: step `charge`: no money");
    tell(0, (news){.kind = NEWS_EXECUTE});
    done(0, "null");
    play("a body cannot use operations", nested,
         "start outer; next 0; finish 0 step `inner`: a step's body cannot use the context: start operations in workflow code, and return from "
         "the body what they need; next 0; ",
         "null");
    play("mistakes in options do not reach the host", mistakes, "",
         "[\"`3 dayz` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`\",\"the wait does not say how long: set .timeout = "
         "\\\"7 days\\\"\",\"`match` and `when` exclude each other: write the first as a part of the second\"]");
    json_tests();
    duration_tests();
    printf("%d passed, %d failed, 0 skipped\n", passed, failures);
    return failures != 0;
}
