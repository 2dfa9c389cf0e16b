/*
 * Memory and text. Everything lives until the instance ends: an instance runs one run, and what it holds is bounded by what the
 * run's journal may hold. Nothing here knows of the host.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *keep(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory) {
        panic("out of memory: %zu bytes more are not to be had", size);
    }
    return memory;
}

const char *keep_text(const char *text, size_t size) {
    char *copy = keep(size + 1);
    if (size) {
        memcpy(copy, text, size);
    }
    return copy;
}

void buffer_add(buffer *to, const char *bytes, size_t size) {
    if (to->size + size + 1 > to->room) {
        size_t room = to->room ? to->room : 64;
        while (room < to->size + size + 1) {
            room *= 2;
        }
        char *text = realloc(to->text, room);
        if (!text) {
            panic("out of memory: %zu bytes more are not to be had", room);
        }
        to->text = text;
        to->room = room;
    }
    if (size) {
        memcpy(to->text + to->size, bytes, size);
    }
    to->size += size;
    to->text[to->size] = '\0';
}

void buffer_add_text(buffer *to, const char *text) {
    buffer_add(to, text, strlen(text));
}

size_t utf8_length(const char *bytes, size_t size) {
    const unsigned char *at = (const unsigned char *)bytes;
    if (size == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        return 1;
    }
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    /* No overlong forms, no halves of surrogate pairs, nothing beyond the last code point. */
    if (at[0] < 0xc2 || at[0] > 0xf4 || size < length || (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

const char *utf8_text(const char *bytes, size_t *size) {
    size_t good = 0;
    while (good < *size) {
        size_t length = utf8_length(bytes + good, *size - good);
        if (length == 0) {
            break;
        }
        good += length;
    }
    if (good == *size) {
        return bytes;
    }
    buffer text = {0};
    for (size_t at = 0; at < *size;) {
        size_t length = utf8_length(bytes + at, *size - at);
        if (length) {
            buffer_add(&text, bytes + at, length);
        } else {
            buffer_add_text(&text, "\xef\xbf\xbd");
        }
        at += length ? length : 1;
    }
    *size = text.size;
    return text.text;
}

const char *abide_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) {
        panic("abide_text: `%s` cannot be written", format);
    }
    char *text = keep((size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

_Noreturn void panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    /* The form in which the host recognises a message. */
    fputs("panicked at the library for C:\n", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
    abort();
}
