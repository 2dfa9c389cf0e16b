/*
 * JSON: values, a reader and a writer. Values are immutable once they are handed out, except arrays and objects that their
 * maker still fills. A number that was read keeps its text, so that passing it on changes nothing.
 */
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How deep arrays and objects may lie in each other: the reader and the writer are recursive. */
enum { MAX_DEPTH = 512 };

typedef struct member {
    const char *key; /* NULL in arrays */
    size_t key_size;
    const abide_json *value;
} member;

struct abide_json {
    abide_kind kind;
    bool truth;
    const char *text; /* of a string; of a number */
    size_t size;      /* bytes of the text; members of an array or object */
    size_t room;
    member *members;
};

/* ------------------------------------------------------------------------------------------------------ making */

static abide_json *make(abide_kind kind) {
    abide_json *value = keep(sizeof *value);
    value->kind = kind;
    return value;
}

static abide_json *make_text(abide_kind kind, const char *text, size_t size) {
    abide_json *value = make(kind);
    value->text = keep_text(text, size);
    value->size = size;
    return value;
}

abide_json *abide_string(const char *text) {
    return text ? make_text(ABIDE_STRING, text, strlen(text)) : NULL;
}

abide_json *abide_string_of(const char *bytes, size_t size) {
    return make_text(ABIDE_STRING, bytes, size);
}

abide_json *abide_integer(int64_t number) {
    char text[24];
    int size = snprintf(text, sizeof text, "%lld", (long long)number);
    return make_text(ABIDE_NUMBER, text, (size_t)size);
}

/* The shortest text that reads back as the same number. */
abide_json *abide_number(double number) {
    if (!isfinite(number)) {
        return NULL;
    }
    char text[40];
    int size = 0;
    for (int digits = 15; digits <= 17; digits++) {
        size = snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    return make_text(ABIDE_NUMBER, text, (size_t)size);
}

abide_json *abide_bool(bool truth) {
    abide_json *value = make(ABIDE_BOOL);
    value->truth = truth;
    return value;
}

abide_json *abide_array(void) {
    return make(ABIDE_ARRAY);
}

abide_json *abide_object(void) {
    return make(ABIDE_OBJECT);
}

static void add_member(abide_json *to, const char *key, size_t key_size, const abide_json *value) {
    if (to->size == to->room) {
        size_t room = to->room ? to->room * 2 : 4;
        member *members = keep(room * sizeof *members);
        if (to->size) {
            memcpy(members, to->members, to->size * sizeof *members);
        }
        free(to->members);
        to->members = members;
        to->room = room;
    }
    to->members[to->size++] = (member){key, key_size, value};
}

abide_json *abide_push(abide_json *array, const abide_json *value) {
    if (abide_kind_of(array) != ABIDE_ARRAY) {
        panic("abide_push: this is no array: %.100s", abide_write(array));
    }
    add_member(array, NULL, 0, value);
    return array;
}

static member *find(const abide_json *object, const char *key, size_t size) {
    if (abide_kind_of(object) != ABIDE_OBJECT) {
        return NULL;
    }
    /* Of two members with one key the later one counts. */
    for (size_t i = object->size; i-- > 0;) {
        member *it = &object->members[i];
        if (it->key_size == size && memcmp(it->key, key, size) == 0) {
            return it;
        }
    }
    return NULL;
}

abide_json *abide_set(abide_json *object, const char *key, const abide_json *value) {
    if (abide_kind_of(object) != ABIDE_OBJECT) {
        panic("abide_set: this is no object: %.100s", abide_write(object));
    }
    member *there = find(object, key, strlen(key));
    if (there) {
        there->value = value;
    } else {
        add_member(object, keep_text(key, strlen(key)), strlen(key), value);
    }
    return object;
}

/* ----------------------------------------------------------------------------------------------------- reading */

typedef struct reader {
    const char *at;
    const char *end;
    int depth;
} reader;

static bool read_value(reader *from, abide_json **value);

static void skip_space(reader *from) {
    while (from->at < from->end && (*from->at == ' ' || *from->at == '\t' || *from->at == '\n' || *from->at == '\r')) {
        from->at++;
    }
}

static bool take(reader *from, const char *text) {
    size_t size = strlen(text);
    if ((size_t)(from->end - from->at) < size || memcmp(from->at, text, size) != 0) {
        return false;
    }
    from->at += size;
    return true;
}

static bool read_hex(reader *from, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        if (from->at == from->end) {
            return false;
        }
        char c = *from->at++;
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        } else {
            return false;
        }
        *code = *code << 4 | digit;
    }
    return true;
}

static void add_code_point(buffer *to, uint32_t code) {
    char bytes[4];
    size_t size;
    if (code < 0x80) {
        bytes[0] = (char)code;
        size = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        size = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        size = 3;
    } else {
        bytes[0] = (char)(0xf0 | code >> 18);
        size = 4;
    }
    for (size_t i = 1; i < size; i++) {
        bytes[i] = (char)(0x80 | (code >> 6 * (size - 1 - i) & 0x3f));
    }
    buffer_add(to, bytes, size);
}

static bool read_escape(reader *from, buffer *to) {
    if (from->at == from->end) {
        return false;
    }
    char c = *from->at++;
    static const char *const NAMES = "\"\\/bfnrt", *const MEANT = "\"\\/\b\f\n\r\t";
    const char *name = c ? strchr(NAMES, c) : NULL;
    if (name) {
        buffer_add(to, &MEANT[name - NAMES], 1);
        return true;
    }
    uint32_t code, low;
    if (c != 'u' || !read_hex(from, &code)) {
        return false;
    }
    if (code >= 0xd800 && code < 0xdc00) {
        reader after = *from;
        if (take(&after, "\\u") && read_hex(&after, &low) && low >= 0xdc00 && low < 0xe000) {
            *from = after;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    /* Half of a surrogate pair is no character. */
    add_code_point(to, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return true;
}

/* The text of a string, behind its opening quote. */
static bool read_string(reader *from, const char **text, size_t *size) {
    buffer read = {0};
    buffer_add(&read, "", 0);
    for (;;) {
        const char *plain = from->at;
        while (from->at < from->end && *from->at != '"' && *from->at != '\\' && (unsigned char)*from->at >= 0x20) {
            from->at++;
        }
        buffer_add(&read, plain, (size_t)(from->at - plain));
        if (from->at == from->end || (unsigned char)*from->at < 0x20) {
            return false;
        }
        if (*from->at++ == '"') {
            *text = read.text;
            *size = read.size;
            return true;
        }
        if (!read_escape(from, &read)) {
            return false;
        }
    }
}

static bool read_digits(reader *from) {
    const char *first = from->at;
    while (from->at < from->end && *from->at >= '0' && *from->at <= '9') {
        from->at++;
    }
    return from->at > first;
}

static bool read_number(reader *from, abide_json **value) {
    const char *first = from->at;
    take(from, "-");
    if (!take(from, "0") && !read_digits(from)) {
        return false;
    }
    if (take(from, ".") && !read_digits(from)) {
        return false;
    }
    if (take(from, "e") || take(from, "E")) {
        if (!take(from, "+")) {
            take(from, "-");
        }
        if (!read_digits(from)) {
            return false;
        }
    }
    *value = make_text(ABIDE_NUMBER, first, (size_t)(from->at - first));
    return true;
}

/* The members of an array or object, behind its opening bracket. */
static bool read_members(reader *from, abide_json *into, const char *closing) {
    skip_space(from);
    if (take(from, closing)) {
        return true;
    }
    do {
        const char *key = NULL;
        size_t key_size = 0;
        abide_json *value;
        skip_space(from);
        if (into->kind == ABIDE_OBJECT) {
            if (!take(from, "\"") || !read_string(from, &key, &key_size)) {
                return false;
            }
            skip_space(from);
            if (!take(from, ":")) {
                return false;
            }
        }
        if (!read_value(from, &value)) {
            return false;
        }
        add_member(into, key, key_size, value);
        skip_space(from);
    } while (take(from, ","));
    return take(from, closing);
}

static bool read_value(reader *from, abide_json **value) {
    skip_space(from);
    if (from->at == from->end || from->depth == MAX_DEPTH) {
        return false;
    }
    *value = NULL;
    switch (*from->at) {
    case 'n':
        return take(from, "null");
    case 't':
        *value = abide_bool(true);
        return take(from, "true");
    case 'f':
        *value = abide_bool(false);
        return take(from, "false");
    case '"': {
        *value = make(ABIDE_STRING);
        from->at++;
        return read_string(from, &(*value)->text, &(*value)->size);
    }
    case '[':
    case '{': {
        bool array = *from->at++ == '[';
        *value = make(array ? ABIDE_ARRAY : ABIDE_OBJECT);
        from->depth++;
        bool read = read_members(from, *value, array ? "]" : "}");
        from->depth--;
        return read;
    }
    default:
        return read_number(from, value);
    }
}

bool abide_parse(const char *text, abide_json **value) {
    reader from = {text, text + strlen(text), 0};
    abide_json *read;
    if (!read_value(&from, &read)) {
        return false;
    }
    skip_space(&from);
    if (from.at != from.end) {
        return false;
    }
    *value = read;
    return true;
}

/* ----------------------------------------------------------------------------------------------------- writing */

static void write_string(buffer *to, const char *text, size_t size) {
    text = utf8_text(text, &size);
    buffer_add(to, "\"", 1);
    size_t plain = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        buffer_add(to, text + plain, i - plain);
        plain = i + 1;
        char escape[8];
        const char *named = c ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", c) : NULL;
        if (named) {
            snprintf(escape, sizeof escape, "\\%c", named[1]);
        } else {
            snprintf(escape, sizeof escape, "\\u%04x", c);
        }
        buffer_add_text(to, escape);
    }
    buffer_add(to, text + plain, size - plain);
    buffer_add(to, "\"", 1);
}

static void write_value(buffer *to, const abide_json *value, int depth) {
    if (depth > MAX_DEPTH) {
        panic("abide_write: the value is nested more than %d deep, or contains itself", MAX_DEPTH);
    }
    switch (abide_kind_of(value)) {
    case ABIDE_NULL:
        buffer_add_text(to, "null");
        break;
    case ABIDE_BOOL:
        buffer_add_text(to, value->truth ? "true" : "false");
        break;
    case ABIDE_NUMBER:
        buffer_add(to, value->text, value->size);
        break;
    case ABIDE_STRING:
        write_string(to, value->text, value->size);
        break;
    case ABIDE_ARRAY:
    case ABIDE_OBJECT: {
        bool array = value->kind == ABIDE_ARRAY;
        buffer_add_text(to, array ? "[" : "{");
        for (size_t i = 0; i < value->size; i++) {
            if (i) {
                buffer_add_text(to, ",");
            }
            if (!array) {
                write_string(to, value->members[i].key, value->members[i].key_size);
                buffer_add_text(to, ":");
            }
            write_value(to, value->members[i].value, depth + 1);
        }
        buffer_add_text(to, array ? "]" : "}");
    }
    }
}

const char *abide_write(const abide_json *value) {
    buffer text = {0};
    write_value(&text, value, 0);
    return text.text;
}

/* ----------------------------------------------------------------------------------------------------- looking */

abide_kind abide_kind_of(const abide_json *value) {
    return value ? value->kind : ABIDE_NULL;
}

const abide_json *abide_get(const abide_json *value, const char *path) {
    /* A key that holds a point is found first. */
    const member *whole = find(value, path, strlen(path));
    if (whole) {
        return whole->value;
    }
    const char *point = strchr(path, '.');
    if (!point) {
        return NULL;
    }
    const member *first = find(value, path, (size_t)(point - path));
    return first ? abide_get(first->value, point + 1) : NULL;
}

size_t abide_size(const abide_json *value) {
    abide_kind kind = abide_kind_of(value);
    return kind == ABIDE_ARRAY || kind == ABIDE_OBJECT || kind == ABIDE_STRING ? value->size : 0;
}

static const member *member_at(const abide_json *value, size_t index) {
    abide_kind kind = abide_kind_of(value);
    return (kind == ABIDE_ARRAY || kind == ABIDE_OBJECT) && index < value->size ? &value->members[index] : NULL;
}

const abide_json *abide_at(const abide_json *value, size_t index) {
    const member *it = member_at(value, index);
    return it ? it->value : NULL;
}

const char *abide_key_at(const abide_json *object, size_t index) {
    const member *it = member_at(object, index);
    return it ? it->key : NULL;
}

const char *abide_as_string(const abide_json *value, const char *otherwise) {
    return abide_kind_of(value) == ABIDE_STRING ? value->text : otherwise;
}

double abide_as_number(const abide_json *value, double otherwise) {
    return abide_kind_of(value) == ABIDE_NUMBER ? strtod(value->text, NULL) : otherwise;
}

int64_t abide_as_integer(const abide_json *value, int64_t otherwise) {
    if (abide_kind_of(value) != ABIDE_NUMBER) {
        return otherwise;
    }
    char *end;
    errno = 0;
    long long exact = strtoll(value->text, &end, 10);
    if (*end == '\0') {
        return errno == 0 ? exact : otherwise;
    }
    /* 3.0 and 1e3 are integers too. */
    double number = strtod(value->text, NULL);
    return number == trunc(number) && fabs(number) < 9.2e18 ? (int64_t)number : otherwise;
}

bool abide_as_bool(const abide_json *value, bool otherwise) {
    return abide_kind_of(value) == ABIDE_BOOL ? value->truth : otherwise;
}

/* ---------------------------------------------------------------------------------------------------- template */

/* Writes the argument that the conversion at `at` asks for; gives the end of the conversion, NULL if it is none. */
static const char *write_argument(buffer *to, const char *at, va_list *arguments) {
    abide_json *value = NULL;
    if (*at == 's') {
        value = abide_string(va_arg(*arguments, const char *));
    } else if (*at == 'd') {
        value = abide_integer(va_arg(*arguments, int));
    } else if (*at == 'g') {
        value = abide_number(va_arg(*arguments, double));
    } else if (*at == 'b') {
        value = abide_bool(va_arg(*arguments, int));
    } else if (*at == 'j') {
        write_value(to, va_arg(*arguments, const abide_json *), 0);
        return at + 1;
    } else if (strncmp(at, "lld", 3) == 0) {
        value = abide_integer(va_arg(*arguments, long long));
        at += 2;
    } else if (strncmp(at, "ld", 2) == 0) {
        value = abide_integer(va_arg(*arguments, long));
        at += 1;
    } else if (strncmp(at, "zu", 2) == 0) {
        value = abide_integer((int64_t)va_arg(*arguments, size_t));
        at += 1;
    } else {
        return NULL;
    }
    write_value(to, value, 0);
    return at + 1;
}

abide_json *abide_jsonf(const char *template, ...) {
    buffer text = {0};
    char quote = 0;
    va_list arguments;
    va_start(arguments, template);
    for (const char *at = template; *at;) {
        if (*at == '%' && at[1] == '%') {
            buffer_add(&text, "%", 1);
            at += 2;
        } else if (*at == '%' && !quote) {
            at = write_argument(&text, at + 1, &arguments);
            if (!at) {
                panic("abide_jsonf: `%s` has a conversion that it does not know: use %%s %%d %%ld %%lld %%zu %%g %%b %%j", template);
            }
        } else {
            char c = *at++;
            if (c == quote) {
                quote = 0;
                c = '"';
            } else if (!quote && (c == '\'' || c == '"')) {
                quote = c;
                c = '"';
            } else if (quote && c == '"') {
                buffer_add_text(&text, "\\");
            }
            buffer_add(&text, &c, 1);
        }
    }
    va_end(arguments);
    abide_json *value;
    if (!text.text || !abide_parse(text.text, &value)) {
        panic("abide_jsonf: `%s` does not make JSON: %s", template, text.text ? text.text : "");
    }
    return value;
}
