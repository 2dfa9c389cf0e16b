/*
 * Failures. abide_fail leaves one behind for whoever called the body or the workflow; there is one thread, and one of them runs
 * at a time.
 */
#include "internal.h"

#include <string.h>

static const abide_error *pending;

void forget_failure(void) {
    pending = NULL;
}

const abide_error *take_failure(void) {
    const abide_error *failure = pending;
    pending = NULL;
    return failure;
}

static const abide_json *leave(abide_error error) {
    abide_error *kept = keep(sizeof *kept);
    *kept = error;
    pending = kept;
    return NULL;
}

const abide_json *abide_fail_at(const char *file, int line, const char *function, abide_error error) {
    uint64_t ms;
    if (!error.name) {
        error.name = "Error";
    }
    if (!error.message) {
        error.message = "it failed, and did not say why";
    }
    if (error.retry_after && !parse_duration(error.retry_after, &ms)) {
        /* The retry policy decides, and the message says so. */
        error.message = abide_text("%s (retry_after: `%s` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`)",
                                   error.message, error.retry_after);
        error.retry_after = NULL;
    }
    error.stack = abide_text("at %s (%s:%d)", function, file, line);
    return leave(error);
}

const abide_json *abide_rethrow_at(const char *file, int line, const char *function, const abide_error *error) {
    if (!error) {
        panic("abide_rethrow at %s:%d: there is no error: look at `result.error` first", file, line);
    }
    abide_error again = *error;
    /* A failure of the platform names its step already. */
    if (error->step && strncmp(error->message, "step `", 6) != 0) {
        again.message = abide_text("step `%s`: %s", error->step, error->message);
    }
    const char *place = abide_text("at %s (%s:%d)", function, file, line);
    again.stack = error->stack ? abide_text("%s\n%s", error->stack, place) : place;
    again.final = true;
    again.retry_after = NULL;
    again.retry_at = 0;
    return leave(again);
}
