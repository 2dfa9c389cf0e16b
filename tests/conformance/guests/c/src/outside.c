#include "conformance.h"

static const char *at(const abide_context *ctx, const char *path) {
    return abide_text("%s%s", abide_as_string(DATA("url"), ""), path);
}

SCENARIO(fetch_scenario) {
    MUST(first, abide_fetch("get", at(ctx, "/ok?x=1")));
    MUST(second, abide_fetch("post", at(ctx, "/echo"), .method = "POST", .body = "{\"n\":1}", .timeout = "10s",
                             .headers = {{"content-type", "application/json"}, {"x-key", "k"}}));
    const abide_response *got = abide_response_of(first), *posted = abide_response_of(second);
    return abide_jsonf("{'status': %d, 'header': %j, 'body': %j, 'posted': %j}", got->status, abide_get(got->headers, "x-service"), got->json,
                       posted->json);
}

SCENARIO(fetch_retry_scenario) {
    MUST(flaky, abide_fetch("flaky", at(ctx, "/flaky")));
    return abide_response_of(flaky)->json;
}

SCENARIO(fetch_missing_scenario) {
    MUST(missing, abide_fetch("missing", at(ctx, "/missing")));
    const abide_response *got = abide_response_of(missing);
    return abide_jsonf("{'status': %d, 'body': %s}", got->status, got->body);
}

SCENARIO(fetch_failed_scenario) {
    abide_result broken = abide_await(abide_fetch("broken", at(ctx, "/broken"), .retries = 1));
    return abide_jsonf("{'name': %s}", broken.error->name);
}

SCENARIO(ai_infer_scenario) {
    MUST(said, abide_infer("ask", .format = ABIDE_OPENAI, .model = "test-model", .url = at(ctx, "/v1"), .key_variable = "AI_KEY",
                           .body = abide_jsonf("{'messages': [{'role': 'user', 'content': 'hi'}]}")));
    return abide_get(abide_at(abide_get(said.value, "choices"), 0), "message.content");
}

static const abide_json *get(const abide_execution *exec, void *url) {
    (void)exec;
    const abide_response *got = abide_http(url);
    return got ? abide_jsonf("{'status': %d, 'body': %s}", got->status, got->body) : NULL;
}

SCENARIO(body_http_scenario) {
    MUST(got, abide_step("get", get, (void *)at(ctx, "/ok")));
    return got.value;
}

SCENARIO(network_scenario) {
    bool refused = !abide_http(at(ctx, "/ok"));
    abide_await(abide_sleep("rest", "1s"));
    return abide_jsonf("{'refused': %b}", refused);
}
