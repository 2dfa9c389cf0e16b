/* What operations give, as structures: events and responses. */
#include "internal.h"

#include <string.h>

const abide_event *read_event(const abide_json *json) {
    abide_event *event = keep(sizeof *event);
    event->id = abide_as_string(abide_get(json, "id"), "");
    event->name = abide_as_string(abide_get(json, "name"), "");
    event->data = abide_get(json, "data");
    event->user = abide_get(json, "user");
    event->ts = (uint64_t)abide_as_integer(abide_get(json, "ts"), 0);
    event->version = abide_as_string(abide_get(json, "v"), NULL);
    return event;
}

const abide_event *abide_event_of(abide_result result) {
    return abide_kind_of(result.value) == ABIDE_OBJECT ? read_event(result.value) : NULL;
}

static int base64_digit(char c) {
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(DIGITS, c) : NULL;
    return at ? (int)(at - DIGITS) : -1;
}

bool decode_base64(const char *text, size_t size, buffer *out) {
    uint32_t bits = 0;
    int count = 0;
    while (size && text[size - 1] == '=') {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            char byte = (char)(bits >> count);
            buffer_add(out, &byte, 1);
        }
    }
    /* One digit alone says no byte. */
    return count < 6;
}

const abide_response *abide_response_of(abide_result result) {
    if (result.error || abide_kind_of(result.value) != ABIDE_OBJECT) {
        return NULL;
    }
    abide_response *response = keep(sizeof *response);
    const abide_json *body = abide_get(result.value, "body");
    const abide_json *encoded = abide_get(result.value, "body_base64");
    buffer bytes = {0};
    buffer_add(&bytes, "", 0);
    if (body) {
        buffer_add(&bytes, abide_as_string(body, ""), abide_size(body));
    } else if (encoded) {
        decode_base64(abide_as_string(encoded, ""), abide_size(encoded), &bytes);
    }
    response->status = (int)abide_as_integer(abide_get(result.value, "status"), 0);
    response->headers = abide_get(result.value, "headers");
    response->body = bytes.text;
    response->body_size = bytes.size;
    abide_json *json;
    if (abide_parse(bytes.text, &json)) {
        response->json = json;
    }
    return response;
}
