/*
 * What the parts of the library share, and the seam to the host: the scheduler in operation.c knows the host by the functions
 * host_…, so that a native test can be the host. The real ones are in component.c.
 */
#ifndef ABIDE_INTERNAL_H
#define ABIDE_INTERNAL_H

#include "abide.h"

/* ------------------------------------------------------------------------------------------------------- memory.c */

/* Memory that lives as long as the instance, zeroed. Ends the attempt if there is none left. */
void *keep(size_t size);
const char *keep_text(const char *text, size_t size);

/* Text that grows. */
typedef struct buffer {
    char *text; /* ends in a zero byte */
    size_t size;
    size_t room;
} buffer;
void buffer_add(buffer *to, const char *bytes, size_t size);
void buffer_add_text(buffer *to, const char *text);

/* The length of the UTF-8 character that begins here, 0 if none does. */
size_t utf8_length(const char *bytes, size_t size);
/* The text with U+FFFD in place of what is not UTF-8: the host takes nothing else. */
const char *utf8_text(const char *bytes, size_t *size);

/* Writes a message to standard error, which the host takes for the failure's, and ends the instance. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ----------------------------------------------------------------------------------------------------- duration.c */

/* Milliseconds of "3 days", "1h 30m"… False if the text says no length of time. */
bool parse_duration(const char *text, uint64_t *ms);

/* ---------------------------------------------------------------------------------------------------- operation.c */

typedef enum operation_kind {
    OPERATION_RUN,
    OPERATION_SLEEP,
    OPERATION_SLEEP_UNTIL,
    OPERATION_WAIT_FOR_EVENT,
    OPERATION_WAIT_FOR_SIGNAL,
    OPERATION_SEND_EVENTS,
    OPERATION_SEND_SIGNAL,
    OPERATION_INVOKE,
    OPERATION_FETCH,
    OPERATION_AI_INFER,
} operation_kind;

typedef struct optional_ms {
    bool is_some;
    uint64_t ms;
} optional_ms;

typedef struct optional_count {
    bool is_some;
    uint32_t count;
} optional_count;

/* A retry schedule, its lengths of time read. */
typedef struct schedule {
    abide_growth kind; /* ABIDE_DEFAULT_BACKOFF: none */
    uint64_t base;
    double factor; /* 0: none */
    optional_ms max;
    optional_ms jitter;
} schedule;

/* What is asked of the host: the fields that a kind has no use for are empty. */
typedef struct request {
    operation_kind kind;
    uint64_t ms;          /* sleep, sleep-until */
    optional_ms timeout;
    optional_ms extra;    /* lookback, ttl */
    optional_count retries;
    schedule backoff;
    const char *target;   /* event, signal, function, URL, model */
    const char *json;     /* input, data, body of a model request; NULL: none */
    const char *match;
    const char *when;
    bool replace;
    const abide_new_event *events;
    size_t event_count;
    const char *method;
    const abide_header *headers;
    size_t header_count;
    const char *body;
    size_t body_size;
    abide_ai_format format;
    const char *url;
    const char *key_variable;
} request;

typedef enum news_kind { NEWS_DONE, NEWS_FAILED, NEWS_EMPTY, NEWS_EXECUTE } news_kind;

typedef struct news {
    news_kind kind;
    const char *json;           /* done */
    abide_error error;          /* failed */
    abide_execution execution;  /* execute */
} news;

/* How a body, or a workflow, ended. */
typedef struct outcome {
    const char *json;          /* NULL: it failed */
    const abide_error *error;
} outcome;

uint32_t host_start(const char *id, const request *request);
uint32_t host_next(news *news);
void host_finish(uint32_t ticket, outcome outcome);
void host_cancel(uint32_t ticket);
/* Sets the environment to the configured variables while a body executes, and empties it afterwards. */
void host_environment(bool body);

/* Runs a workflow to its end. */
outcome run_workflow(abide_handler *handler, const abide_context *ctx);
/* Whether a body is executing. */
bool executing(void);

/* Options as the host wants them; false and a message if a length of time is none. */
bool read_ms(const char *option, const char *text, optional_ms *ms, const char **problem);
bool read_backoff(const abide_backoff *backoff, schedule *schedule, const char **problem);
bool read_retries(int retries, optional_count *count, const char **problem);

/* -------------------------------------------------------------------------------------------------------- error.c */

/* Forgets a failure that abide_fail left, or gives it. */
void forget_failure(void);
const abide_error *take_failure(void);

/* -------------------------------------------------------------------------------------------------------- event.c */

const abide_event *read_event(const abide_json *json);
bool decode_base64(const char *text, size_t size, buffer *out);

#endif
