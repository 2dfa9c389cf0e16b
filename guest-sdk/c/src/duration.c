/* Lengths of time as authors write them: "3 days", "1h 30m", "1.5 hours", "250ms". */
#include "internal.h"

#include <string.h>

static const struct {
    const char *name;
    uint64_t ms;
} UNITS[] = {
    {"ms", 1},          {"msec", 1},         {"msecs", 1},       {"millisecond", 1}, {"milliseconds", 1},
    {"s", 1000},        {"sec", 1000},       {"secs", 1000},     {"second", 1000},   {"seconds", 1000},
    {"m", 60000},       {"min", 60000},      {"mins", 60000},    {"minute", 60000},  {"minutes", 60000},
    {"h", 3600000},     {"hr", 3600000},     {"hrs", 3600000},   {"hour", 3600000},  {"hours", 3600000},
    {"d", 86400000},    {"day", 86400000},   {"days", 86400000},
    {"w", 604800000},   {"week", 604800000}, {"weeks", 604800000},
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool find_unit(const char *name, size_t size, uint64_t *ms) {
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        size_t same = 0;
        while (same < size && UNITS[i].name[same] == (name[same] | 0x20)) {
            same++;
        }
        if (same == size && UNITS[i].name[size] == '\0') {
            *ms = UNITS[i].ms;
            return true;
        }
    }
    return false;
}

bool parse_duration(const char *text, uint64_t *ms) {
    const char *at = text;
    uint64_t total = 0;
    while (is_space(*at)) {
        at++;
    }
    if (*at == '\0') {
        return false;
    }
    while (*at) {
        /* The number is kept in thousandths; digits beyond the third after the point do not count. */
        uint64_t thousandths = 0;
        int digits = 0, decimals = 0;
        bool point = false;
        for (; (*at >= '0' && *at <= '9') || *at == '.' || *at == '_'; at++) {
            if (*at == '.') {
                if (point) {
                    return false;
                }
                point = true;
            } else if (*at != '_') {
                digits++;
                if (decimals < 3) {
                    if (__builtin_mul_overflow(thousandths, 10, &thousandths) ||
                        __builtin_add_overflow(thousandths, (uint64_t)(*at - '0'), &thousandths)) {
                        return false;
                    }
                    decimals += point;
                }
            }
        }
        if (digits == 0) {
            return false;
        }
        for (; decimals < 3; decimals++) {
            if (__builtin_mul_overflow(thousandths, 10, &thousandths)) {
                return false;
            }
        }
        while (is_space(*at)) {
            at++;
        }
        const char *unit = at;
        while (is_letter(*at)) {
            at++;
        }
        uint64_t unit_ms, product;
        if (!find_unit(unit, (size_t)(at - unit), &unit_ms) || __builtin_mul_overflow(thousandths, unit_ms, &product) ||
            __builtin_add_overflow(total, product / 1000 + (product % 1000 != 0), &total)) {
            return false;
        }
        while (is_space(*at)) {
            at++;
        }
    }
    *ms = total;
    return true;
}
