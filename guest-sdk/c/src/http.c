/*
 * HTTP requests of step bodies, over wasi:http. One request at a time: C has no way to do something else meanwhile.
 */
#include "internal.h"

#include <stdio.h>
#include <string.h>

#include "bindings.h"

enum { MAX_WRITE = 4096, MAX_READ = 65536 };

static const uint64_t NANOSECONDS = 1000000;

static const abide_response *failed(const char *url, const char *why) {
    abide_fail(.name = "HttpError", .message = abide_text("%s: %s", url, why));
    return NULL;
}

static const char *why(const wasi_http_types_error_code_t *code) {
    switch (code->tag) {
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED:
        return "the host does not allow this request: workflow code reaches nothing (move it into a step's body, or use abide_fetch), and a "
               "private address must be allowed to the app by name";
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_ERROR:
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_NOT_FOUND:
        return "the name of the service is not known";
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_REFUSED:
        return "connection refused";
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_CONNECTION_READ_TIMEOUT:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TIMEOUT:
        return "the service did not answer in time";
    default:
        return abide_text("the request failed (code %d of wasi:http)", code->tag);
    }
}

static bindings_string_t text_of(const char *text) {
    return (bindings_string_t){(uint8_t *)(uintptr_t)text, strlen(text)};
}

/* Splits "http://host:80/path?query". */
static bool split_url(const char *url, wasi_http_types_scheme_t *scheme, bindings_string_t *authority, bindings_string_t *path) {
    if (strncmp(url, "https://", 8) == 0) {
        scheme->tag = WASI_HTTP_TYPES_SCHEME_HTTPS;
        url += 8;
    } else if (strncmp(url, "http://", 7) == 0) {
        scheme->tag = WASI_HTTP_TYPES_SCHEME_HTTP;
        url += 7;
    } else {
        return false;
    }
    size_t host = strcspn(url, "/?#");
    size_t rest = strcspn(url + host, "#");
    *authority = text_of(keep_text(url, host));
    const char *found = keep_text(url + host, rest);
    *path = text_of(*found == '/' ? found : abide_text("/%s", found));
    return host > 0;
}

static wasi_http_types_method_t method_of(const char *name) {
    static const char *const NAMES[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    wasi_http_types_method_t method = {0};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            method.tag = (uint8_t)i;
            return method;
        }
    }
    method.tag = WASI_HTTP_TYPES_METHOD_OTHER;
    method.val.other = text_of(name);
    return method;
}

static bool add_header(wasi_http_types_own_fields_t fields, const char *name, const char *value) {
    bindings_string_t key = text_of(name);
    wasi_http_types_field_value_t bytes = {(uint8_t *)(uintptr_t)value, strlen(value)};
    wasi_http_types_header_error_t error;
    return wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &key, &bytes, &error);
}

static bool send_body(wasi_http_types_own_outgoing_body_t body, const char *bytes, size_t size) {
    wasi_http_types_own_output_stream_t stream;
    if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream)) {
        return false;
    }
    bool sent = true;
    while (size && sent) {
        size_t piece = size < MAX_WRITE ? size : MAX_WRITE;
        bindings_list_u8_t part = {(uint8_t *)(uintptr_t)bytes, piece};
        wasi_io_streams_stream_error_t error;
        sent = wasi_io_streams_method_output_stream_blocking_write_and_flush(wasi_io_streams_borrow_output_stream(stream), &part, &error);
        bytes += piece;
        size -= piece;
    }
    wasi_io_streams_output_stream_drop_own(stream);
    return sent;
}

/* Reads the response to its end; false if the connection ends before. */
static bool read_body(wasi_http_types_borrow_incoming_response_t response, buffer *into) {
    wasi_http_types_own_incoming_body_t body;
    wasi_http_types_own_input_stream_t stream;
    buffer_add(into, "", 0);
    if (!wasi_http_types_method_incoming_response_consume(response, &body) ||
        !wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream)) {
        return false;
    }
    for (;;) {
        bindings_list_u8_t part;
        wasi_io_streams_stream_error_t error;
        if (!wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(stream), MAX_READ, &part, &error)) {
            wasi_io_streams_input_stream_drop_own(stream);
            wasi_http_types_incoming_body_drop_own(body);
            return error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
        }
        buffer_add(into, (const char *)part.ptr, part.len);
        bindings_list_u8_free(&part);
    }
}

static const abide_json *read_headers(wasi_http_types_borrow_incoming_response_t response) {
    wasi_http_types_own_headers_t fields = wasi_http_types_method_incoming_response_headers(response);
    wasi_http_types_list_tuple2_field_name_field_value_t entries;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(fields), &entries);
    abide_json *headers = abide_object();
    for (size_t i = 0; i < entries.len; i++) {
        const char *name = keep_text((const char *)entries.ptr[i].f0.ptr, entries.ptr[i].f0.len);
        const char *value = keep_text((const char *)entries.ptr[i].f1.ptr, entries.ptr[i].f1.len);
        const char *before = abide_as_string(abide_get(headers, name), NULL);
        abide_set(headers, name, abide_string(before ? abide_text("%s, %s", before, value) : value));
    }
    wasi_http_types_fields_drop_own(fields);
    return headers;
}

const abide_response *abide_http_request(const char *url, abide_http_options options) {
    wasi_http_types_scheme_t scheme = {0};
    bindings_string_t authority, path;
    if (!split_url(url, &scheme, &authority, &path)) {
        return failed(url, "this is no http or https URL");
    }
    optional_ms timeout = {true, 30000};
    const char *problem = NULL;
    if (!read_ms("timeout", options.timeout, &timeout, &problem)) {
        return failed(url, problem);
    }
    if (options.json) {
        options.body = abide_write(options.json);
        options.body_size = 0;
    }
    size_t size = options.body && !options.body_size ? strlen(options.body) : options.body_size;
    wasi_http_types_own_fields_t fields = wasi_http_types_constructor_fields();
    bool fine = true;
    for (size_t i = 0; i < ABIDE_MAX_HEADERS && options.headers[i].name; i++) {
        fine = fine && add_header(fields, options.headers[i].name, options.headers[i].value);
    }
    if (options.json) {
        fine = fine && add_header(fields, "content-type", "application/json");
    }
    if (options.body) {
        fine = fine && add_header(fields, "content-length", abide_text("%zu", size));
    }
    if (!fine) {
        return failed(url, "the host refuses a header of the request");
    }
    wasi_http_types_own_outgoing_request_t request = wasi_http_types_constructor_outgoing_request(fields);
    wasi_http_types_borrow_outgoing_request_t it = wasi_http_types_borrow_outgoing_request(request);
    wasi_http_types_method_t method = method_of(options.method ? options.method : "GET");
    wasi_http_types_own_outgoing_body_t body;
    if (!wasi_http_types_method_outgoing_request_set_method(it, &method) ||
        !wasi_http_types_method_outgoing_request_set_scheme(it, &scheme) ||
        !wasi_http_types_method_outgoing_request_set_authority(it, &authority) ||
        !wasi_http_types_method_outgoing_request_set_path_with_query(it, &path) ||
        !wasi_http_types_method_outgoing_request_body(it, &body)) {
        return failed(url, "the host refuses the request");
    }
    wasi_http_types_own_request_options_t limits = wasi_http_types_constructor_request_options();
    wasi_http_types_duration_t length = timeout.ms * NANOSECONDS;
    wasi_http_types_borrow_request_options_t set = wasi_http_types_borrow_request_options(limits);
    wasi_http_types_method_request_options_set_connect_timeout(set, &length);
    wasi_http_types_method_request_options_set_first_byte_timeout(set, &length);
    wasi_http_types_method_request_options_set_between_bytes_timeout(set, &length);
    wasi_http_types_error_code_t error;
    wasi_http_types_own_future_incoming_response_t coming;
    if (!wasi_http_outgoing_handler_handle(request, &limits, &coming, &error)) {
        return failed(url, why(&error));
    }
    if (options.body && !send_body(body, options.body, size)) {
        return failed(url, "the connection ended while the request was being sent");
    }
    if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &error)) {
        return failed(url, why(&error));
    }
    wasi_http_types_borrow_future_incoming_response_t future = wasi_http_types_borrow_future_incoming_response(coming);
    wasi_io_poll_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(future);
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
    wasi_io_poll_pollable_drop_own(ready);
    wasi_http_types_result_result_own_incoming_response_error_code_void_t answered;
    if (!wasi_http_types_method_future_incoming_response_get(future, &answered) || answered.is_err) {
        return failed(url, "the host has no response");
    }
    if (answered.val.ok.is_err) {
        return failed(url, why(&answered.val.ok.val.err));
    }
    wasi_http_types_borrow_incoming_response_t incoming = wasi_http_types_borrow_incoming_response(answered.val.ok.val.ok);
    abide_response *response = keep(sizeof *response);
    buffer text = {0};
    response->status = wasi_http_types_method_incoming_response_status(incoming);
    response->headers = read_headers(incoming);
    if (!read_body(incoming, &text)) {
        return failed(url, "the connection ended while the response was being read");
    }
    response->body = text.text;
    response->body_size = text.size;
    abide_json *json;
    if (abide_parse(text.text, &json)) {
        response->json = json;
    }
    return response;
}
