/*
 * Abide for C: functions whose steps are recorded, so that they survive crashes, restarts, deploys and waits of months.
 *
 * This header is all that an app includes; README.md is the tutorial. What it declares:
 *   1. JSON values       abide_jsonf, abide_get, abide_as_string…
 *   2. errors            abide_fail, abide_rethrow
 *   3. operations        abide_step, abide_sleep, abide_wait_for_event…: each gives a ticket
 *   4. tickets           abide_await, abide_await_all, abide_await_any, abide_race, abide_cancel
 *   5. functions         ABIDE_APP, with every option of a function
 *   6. logging, and HTTP for step bodies
 *
 * Memory: whatever the library gives out lives until the run's instance ends. Nothing is freed by hand, and nothing is to be
 * passed to free(). What is passed in must live until the operation is complete, as for pthread_create(3).
 *
 * Durations are text such as "3 days", "1h 30m" or "250ms"; times are milliseconds since the Unix epoch.
 * An option that is left out (0, NULL, false) is the default that its comment names.
 */
#ifndef ABIDE_H
#define ABIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For numbers of which 0 is the default: what stands for a real zero. */
#define ABIDE_ZERO (-1)

/* ------------------------------------------------------------------------------------------------ 1. JSON values */

/* An immutable JSON value. NULL is JSON's null, and is accepted everywhere. */
typedef struct abide_json abide_json;

typedef enum abide_kind {
    ABIDE_NULL,
    ABIDE_BOOL,
    ABIDE_NUMBER,
    ABIDE_STRING,
    ABIDE_ARRAY,
    ABIDE_OBJECT,
} abide_kind;

/*
 * Makes a value from a template, in which a single quote may stand for a double one:
 *
 *     abide_jsonf("{'order': %s, 'items': %d, 'total': %g, 'customer': %j}", id, 3, 12.5, customer)
 *
 * %s a string (NULL: null)   %d an int   %ld a long   %lld an int64_t   %zu a size_t   %g a double   %b a bool
 * %j an abide_json *         %% a percent sign
 * A template that is not JSON ends the attempt with a message that shows it: it is a mistake of the program.
 */
abide_json *abide_jsonf(const char *template, ...);

/* Single values. A double that JSON has no number for (NaN, infinity) becomes null. */
abide_json *abide_string(const char *text);
abide_json *abide_string_of(const char *bytes, size_t size);
abide_json *abide_number(double number);
abide_json *abide_integer(int64_t number);
abide_json *abide_bool(bool truth);

/* Arrays and objects that grow: both return their first argument. A key that is there already gets the new value. */
abide_json *abide_array(void);
abide_json *abide_push(abide_json *array, const abide_json *value);
abide_json *abide_object(void);
abide_json *abide_set(abide_json *object, const char *key, const abide_json *value);

/* Reads text, which must be exactly one JSON value; false if it is not. `*value` may become NULL, for null. */
bool abide_parse(const char *text, abide_json **value);

/* The text of a value, without spaces. Numbers that were read are written as they stood. */
const char *abide_write(const abide_json *value);

abide_kind abide_kind_of(const abide_json *value);

/* A member of an object, by a path of keys: abide_get(event->data, "customer.email"). NULL if it is not there. */
const abide_json *abide_get(const abide_json *value, const char *path);

/* Elements of an array, members of an object in their order, bytes of a string. */
size_t abide_size(const abide_json *value);
const abide_json *abide_at(const abide_json *value, size_t index);
const char *abide_key_at(const abide_json *object, size_t index);

/* The value as C has it, or `otherwise` if it is of another kind. A number is no integer if it has a fraction or does not fit. */
const char *abide_as_string(const abide_json *value, const char *otherwise);
double abide_as_number(const abide_json *value, double otherwise);
int64_t abide_as_integer(const abide_json *value, int64_t otherwise);
bool abide_as_bool(const abide_json *value, bool otherwise);

/* Text as printf(3) writes it, that lives as long as the run. */
const char *abide_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ------------------------------------------------------------------------------------------------------ 2. Errors */

typedef struct abide_error {
    const char *name;        /* the kind of error, for whoever catches it. Default: "Error" */
    const char *message;     /* one sentence for a human */
    const abide_json *data;  /* anything else */
    bool final;              /* trying again cannot help */
    const char *retry_after; /* try again after this long, clamped to 1 second … 24 hours. Default: the retry policy */
    uint64_t retry_at;       /* try again at this time, clamped likewise. Default: the retry policy */
    const char *step;        /* set by the library: the step that failed */
    const char *stack;       /* set by the library: where it was raised */
} abide_error;

/*
 * Fails the body of a step, or the workflow. For a return statement:
 *
 *     return abide_fail(.name = "CardDeclined", .message = abide_text("card %s was declined", card), .final = true);
 *
 * It returns NULL. NULL without abide_fail is a result too: null.
 */
#define abide_fail(...) abide_fail_at(__FILE__, __LINE__, __func__, (abide_error){__VA_ARGS__})
const abide_json *abide_fail_at(const char *file, int line, const char *function, abide_error error);

/*
 * Fails the workflow with the error of an operation, for a return statement. It is final, since the failure is recorded.
 */
#define abide_rethrow(error) abide_rethrow_at(__FILE__, __LINE__, __func__, (error))
const abide_json *abide_rethrow_at(const char *file, int line, const char *function, const abide_error *error);

/* -------------------------------------------------------------------------------------------------- 3. Operations */

/* An event that arrived. */
typedef struct abide_event {
    const char *id;          /* a ULID, unless the sender gave one */
    const char *name;
    const abide_json *data;
    const abide_json *user;  /* who it concerns; NULL if the sender did not say */
    uint64_t ts;             /* when it happened */
    const char *version;     /* the version of the payload's shape, or NULL */
} abide_event;

/* What a workflow knows of its run. The same on every replay. */
typedef struct abide_context {
    const char *app_id;
    const char *function_id;
    const char *run_id;
    uint32_t attempt;           /* how often the workflow code (not a step) failed before, from 0 */
    uint32_t max_attempts;
    const abide_event *event;   /* what started the run */
    const abide_event *events;  /* all of them, where several did; otherwise the one */
    size_t event_count;
} abide_context;

/* What a step's body knows of its attempt. */
typedef struct abide_execution {
    uint32_t attempt;             /* from 0 */
    uint32_t max_attempts;
    const char *idempotency_key;  /* differs for every attempt */
    const char *step_key;         /* the same for every attempt: what to hand to a service that deduplicates */
    const abide_json *input;      /* the step's input, or what an operator put in its place */
} abide_execution;

/* A workflow: returns the run's output. */
typedef const abide_json *abide_handler(const abide_context *ctx);

/* A step's body. `arg` is what abide_step was given. It returns the step's result. */
typedef const abide_json *abide_body(const abide_execution *exec, void *arg);

/* A started operation. */
typedef struct abide_operation *abide_ticket;

/* How the wait before the next attempt grows. */
typedef enum abide_growth {
    ABIDE_DEFAULT_BACKOFF, /* 15 s, 30 s, 1 m, 2 m, 5 m… plus up to 30 s */
    ABIDE_EXPONENTIAL,     /* base, base · factor, base · factor²… */
    ABIDE_LINEAR,          /* base, 2 · base, 3 · base… */
    ABIDE_CONSTANT,        /* base */
} abide_growth;

typedef struct abide_backoff {
    abide_growth kind;
    const char *base;    /* the wait after the first failure */
    double factor;       /* 1 to 1000. Default: 2 */
    const char *max;     /* the longest wait, before jitter. Default: 2 hours */
    const char *jitter;  /* a random extra wait between 0 and this. Default: none */
} abide_backoff;

typedef struct abide_step_options {
    int retries;              /* 1 to 20, or ABIDE_ZERO. Default: the function's */
    const char *timeout;      /* of one attempt. Default: the host's limit */
    abide_backoff backoff;    /* Default: the function's */
    const abide_json *input;  /* what the step works on; an operator may see it, and replace it. Default: none */
} abide_step_options;

typedef struct abide_wait_options {
    const char *event;     /* the event's exact name. Required */
    const char *timeout;   /* up to 366 days. Required */
    const char *match;     /* a dotted path whose value must be equal in both events: "data.order_id" */
    const char *when;      /* CEL over `event` (which started the run) and `async` (which arrived). Excludes match */
    const char *lookback;  /* also an event that came up to this long before. Default: none */
} abide_wait_options;

typedef struct abide_signal_options {
    const char *timeout;  /* up to 366 days. Required */
    bool replace;         /* take the place of a run that waits already. Default: this wait fails */
} abide_signal_options;

typedef struct abide_new_event {
    const char *name;        /* Required */
    const abide_json *data;  /* an object. Default: {} */
    const abide_json *user;  /* an object. Default: none */
    const char *id;          /* a second event with the same id starts no function again. Default: none */
    uint64_t ts;             /* in the future: delays the runs. Default: now */
    const char *version;     /* Default: none */
} abide_new_event;

typedef struct abide_send_signal_options {
    const abide_json *data;  /* Default: null */
    const char *ttl;         /* how long it is kept when nobody waits; "0s" drops it. Default: 1 hour */
} abide_send_signal_options;

typedef struct abide_invoke_options {
    const abide_json *data;  /* an object. Default: {} */
    const char *timeout;     /* up to 366 days. Default: 1 year */
} abide_invoke_options;

typedef struct abide_header {
    const char *name;
    const char *value;
} abide_header;

#define ABIDE_MAX_HEADERS 32

typedef struct abide_fetch_options {
    const char *method;                       /* Default: GET */
    abide_header headers[ABIDE_MAX_HEADERS];  /* {{"accept", "text/plain"}, {"x-key", key}} */
    const char *body;                         /* Default: none */
    size_t body_size;                         /* for a body that holds zero bytes. Default: strlen(body) */
    const abide_json *json;                   /* in place of body: sets the content type too */
    const char *timeout;                      /* of one attempt. Default: 5 minutes */
    int retries;                              /* 1 to 20, or ABIDE_ZERO. Default: the function's */
    abide_backoff backoff;                    /* Default: the function's */
} abide_fetch_options;

typedef enum abide_ai_format {
    ABIDE_OPENAI,     /* POST {url}/chat/completions */
    ABIDE_ANTHROPIC,  /* POST {url}/messages */
    ABIDE_GEMINI,     /* POST {url}/models/{model}:generateContent */
} abide_ai_format;

typedef struct abide_infer_options {
    abide_ai_format format;    /* Default: ABIDE_OPENAI */
    const char *model;         /* Required */
    const abide_json *body;    /* the request in the provider's own shape, an object. Required */
    const char *url;           /* the base URL. Default: the provider's */
    const char *key_variable;  /* the configured variable that holds the key. Default: no key */
    const char *timeout;       /* of one attempt. Default: 10 minutes */
    int retries;               /* 1 to 20, or ABIDE_ZERO. Default: the function's */
} abide_infer_options;

/*
 * Each of these starts an operation and returns at once. Options come last, by name, and may be left out:
 *
 *     abide_ticket charge = abide_step("charge", charge_card, &order, .retries = 2, .timeout = "30s");
 *
 * `id` names the operation in the journal: 1 to 256 characters. A repeat in one run becomes id:1, id:2…
 * What abide_await gives in `value` is said at each.
 */

/* Work that is recorded, so that it is never done again. Value: what the body returned. */
#define abide_step(id, body, arg, ...) abide_start_step((id), (body), (arg), (abide_step_options){__VA_ARGS__})

/* Time that passes, up to 366 days, at no cost. Value: null. A time in the past is over at once. */
abide_ticket abide_sleep(const char *id, const char *duration);
abide_ticket abide_sleep_until(const char *id, uint64_t time_ms);

/* An event, as an object {id, name, data, user, ts, v}; see abide_event_of. `timed_out` if none came. */
#define abide_wait_for_event(id, ...) abide_start_wait((id), (abide_wait_options){__VA_ARGS__})

/* A signal: a message by name to the run that waits for it. Value: its data. `timed_out` if none came. */
#define abide_wait_for_signal(id, signal, ...) abide_start_wait_for_signal((id), (signal), (abide_signal_options){__VA_ARGS__})

/* Sends one event, exactly once; value: an array with its id. Or several, all or none: an array of their ids. */
#define abide_send_event(id, ...) abide_send_events((id), &(abide_new_event){__VA_ARGS__}, 1)
abide_ticket abide_send_events(const char *id, const abide_new_event *events, size_t count);

/* Sends a signal, exactly once. Value: null. */
#define abide_send_signal(id, signal, ...) abide_start_send_signal((id), (signal), (abide_send_signal_options){__VA_ARGS__})

/* Another function ("function", or "app/function"). Value: its output. Its failure is never tried again. */
#define abide_invoke(id, function, ...) abide_start_invoke((id), (function), (abide_invoke_options){__VA_ARGS__})

/* An HTTP request that the host performs. Value: an object, see abide_response_of. Any status below 500 but 429. */
#define abide_fetch(id, url, ...) abide_start_fetch((id), (url), (abide_fetch_options){__VA_ARGS__})

/* A request to a model that the host performs. Value: the provider's answer. */
#define abide_infer(id, ...) abide_start_infer((id), (abide_infer_options){__VA_ARGS__})

abide_ticket abide_start_step(const char *id, abide_body *body, void *arg, abide_step_options options);
abide_ticket abide_start_wait(const char *id, abide_wait_options options);
abide_ticket abide_start_wait_for_signal(const char *id, const char *signal, abide_signal_options options);
abide_ticket abide_start_send_signal(const char *id, const char *signal, abide_send_signal_options options);
abide_ticket abide_start_invoke(const char *id, const char *function, abide_invoke_options options);
abide_ticket abide_start_fetch(const char *id, const char *url, abide_fetch_options options);
abide_ticket abide_start_infer(const char *id, abide_infer_options options);

/* ----------------------------------------------------------------------------------------------------- 4. Tickets */

typedef struct abide_result {
    const abide_json *value;   /* what came of it; NULL if it is null, or if there is an error */
    const abide_error *error;  /* why it failed for good; NULL if it did not */
    bool timed_out;            /* a wait that ended without what it waited for */
} abide_result;

/* Waits until the operation is complete. Asking again gives the same. */
abide_result abide_await(abide_ticket ticket);

/* Waits until all are complete. The error of the one that failed first in time, or NULL; abide_await gives each result. */
const abide_error *abide_await_all(const abide_ticket *tickets, size_t count);

/* Waits until one is complete; its index: the one that was complete first. NULLs are skipped, so that a loop can strike out what it has dealt with. */
size_t abide_await_any(const abide_ticket *tickets, size_t count);

/* abide_await_any, after which the others are cancelled. */
size_t abide_race(const abide_ticket *tickets, size_t count);

/* Gives up on an operation: its timer, wait, request or body is withdrawn. One that is complete stays as it is. */
void abide_cancel(abide_ticket ticket);

/* What a wait for an event gave; NULL if it timed out. */
const abide_event *abide_event_of(abide_result result);

typedef struct abide_response {
    int status;
    const abide_json *headers;  /* an object of lower-case names and strings */
    const char *body;           /* ends in a zero byte that body_size does not count */
    size_t body_size;
    const abide_json *json;     /* the body, if it is JSON */
} abide_response;

/* What abide_fetch gave; NULL if it failed. */
const abide_response *abide_response_of(abide_result result);

/* --------------------------------------------------------------------------------------------------- 5. Functions */

typedef enum abide_catchup {
    ABIDE_CATCHUP_DEFAULT, /* the last one */
    ABIDE_CATCHUP_NONE,
    ABIDE_CATCHUP_LAST,
    ABIDE_CATCHUP_ALL,
} abide_catchup;

/* What starts a function: an event, or a schedule. */
typedef struct abide_trigger {
    const char *event;      /* a name, or a pattern that ends in / * or . * */
    const char *when;       /* CEL over `event`. Default: every such event */
    const char *cron;       /* five fields, after an optional "TZ=Area/City " */
    const char *jitter;     /* of a schedule, 1 second to 5 minutes. Default: none */
    abide_catchup catchup;  /* ticks that passed while no node ran */
} abide_trigger;

typedef enum abide_scope { ABIDE_SCOPE_DEFAULT, ABIDE_SCOPE_FN, ABIDE_SCOPE_ENV, ABIDE_SCOPE_ACCOUNT } abide_scope;

/* Text with no explanation in these records is CEL over `event`; `key` makes a limit of its own for every value. */
typedef struct abide_concurrency {
    int limit;
    const char *key;
    abide_scope scope; /* Default: the function's runs. The others need a key */
    bool per_run;      /* counts whole runs. Default: executing steps */
} abide_concurrency;

typedef struct abide_throttle {
    int limit;
    const char *period; /* 1 second to 7 days */
    int burst;          /* how many more may start after a quiet time. Default: 0 */
    const char *key;
} abide_throttle;

typedef struct abide_rate_limit {
    int limit;
    const char *period; /* 1 second to 24 hours */
    const char *key;
} abide_rate_limit;

typedef struct abide_debounce {
    const char *period; /* 1 second to 7 days */
    const char *key;
    const char *timeout; /* the longest delay altogether. Default: none */
} abide_debounce;

typedef struct abide_batch {
    int max_size;        /* 2 to 1,000 */
    const char *timeout; /* 1 second to 1 hour */
    const char *key;
    const char *when;    /* where it is false, the event runs alone */
} abide_batch;

typedef enum abide_singleton_mode { ABIDE_NO_SINGLETON, ABIDE_SINGLETON_SKIP, ABIDE_SINGLETON_CANCEL } abide_singleton_mode;

typedef struct abide_singleton {
    abide_singleton_mode mode;
    const char *key;
} abide_singleton;

/* Exactly one of when, match and all. */
typedef struct abide_cancel_on {
    const char *event;
    const char *when; /* CEL over `event` and `async` */
    const char *match;
    bool all;
    const char *timeout; /* Default: as long as the run lives */
} abide_cancel_on;

#define ABIDE_MAX_TRIGGERS 10
#define ABIDE_MAX_CONCURRENCY 2
#define ABIDE_MAX_CANCEL_ON 5

typedef struct abide_function {
    const char *id;         /* kebab-case, unique in the app */
    abide_handler *handler;
    const char *name;       /* Default: the id */
    const char *on;         /* an event that starts it; more of them, and schedules, in triggers */
    const char *cron;       /* a schedule that starts it */
    abide_trigger triggers[ABIDE_MAX_TRIGGERS];
    int retries;            /* 1 to 20, or ABIDE_ZERO. Default: 4 */
    abide_backoff backoff;
    abide_concurrency concurrency[ABIDE_MAX_CONCURRENCY];
    abide_throttle throttle;
    abide_rate_limit rate_limit;
    abide_debounce debounce;
    abide_batch batch_events;
    const char *priority;   /* seconds by which the run comes before others, -600 to 600 */
    const char *idempotency;
    abide_singleton singleton;
    abide_cancel_on cancel_on[ABIDE_MAX_CANCEL_ON];
    struct {
        const char *start;  /* from the queue to the start */
        const char *finish; /* from the start to the end */
    } timeouts;
    const char *retention;  /* how long a finished run is kept, 1 hour to 10 years. Default: the node's */
    /* Runs when a run has failed for good, as the function ID-failure. Its event is inngest/function.failed, with data
     * {function_id, run_id, error: {name, message, stack}, event, events}. */
    abide_handler *on_failure;
    int on_failure_retries; /* 1 to 20, or ABIDE_ZERO. Default: 4 */
} abide_function;

/* The shape of an event's data. */
typedef struct abide_event_schema {
    const char *event;
    const char *version; /* Default: events without one */
    const char *schema;  /* JSON Schema, as text */
} abide_event_schema;

/*
 * The app's functions, once in an app:
 *
 *     ABIDE_APP(
 *         {.id = "welcome", .on = "user/signed.up", .handler = welcome},
 *         {.id = "report", .cron = "TZ=Europe/Berlin 0 6 * * MON", .handler = report, .retries = ABIDE_ZERO},
 *     )
 *
 * and, if the app knows the shapes of its events, ABIDE_EVENT_SCHEMAS({.event = "user/signed.up", .schema = "{…}"})
 */
#define ABIDE_APP(...)                                                 \
    static const abide_function abide_app_list[] = {__VA_ARGS__};      \
    const abide_function *const abide_app_functions = abide_app_list;  \
    const size_t abide_app_function_count = sizeof abide_app_list / sizeof *abide_app_list;
#define ABIDE_EVENT_SCHEMAS(...)                                                  \
    static const abide_event_schema abide_app_schema_list[] = {__VA_ARGS__};      \
    const abide_event_schema *const abide_app_schemas = abide_app_schema_list;    \
    const size_t abide_app_schema_count = sizeof abide_app_schema_list / sizeof *abide_app_schema_list;

extern const abide_function *const abide_app_functions;
extern const size_t abide_app_function_count;
extern const abide_event_schema *const abide_app_schemas;
extern const size_t abide_app_schema_count;

/* ------------------------------------------------------------------------------------------- 6. Logging and HTTP */

typedef enum abide_level { ABIDE_TRACE, ABIDE_DEBUG, ABIDE_INFO, ABIDE_WARN, ABIDE_ERROR } abide_level;

/* A line in the run's log, and the step's if a body says it. A line of workflow code is recorded once. */
void abide_log(abide_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with fields, an object: abide_log_with(ABIDE_INFO, abide_jsonf("{'order': %d}", 42), "charged"). */
void abide_log_with(abide_level level, const abide_json *fields, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * A stretch of a step's body, or of the function, that the run's trace shows, with attributes, an object or NULL. `around` is the span that
 * it is a part of, or 0. The host stamps the times; where nobody records traces a span costs a call and nothing else.
 *
 *     abide_span charge = abide_span_begin(0, abide_jsonf("{'amount': %d}", 3), "charge the card");
 *     ...
 *     abide_span_end(charge, NULL, failed ? "declined" : NULL);
 */
typedef uint64_t abide_span;
abide_span abide_span_begin(abide_span around, const abide_json *attributes, const char *name);
/* `attributes` are more of them, an object or NULL; `error` says why what it spans failed, or is NULL. */
void abide_span_end(abide_span span, const abide_json *attributes, const char *error);

/* The time in milliseconds: in workflow code that of the last completed operation, in a body the real one. */
uint64_t abide_now(void);

/*
 * An HTTP request of a step's body, made now:
 *
 *     const abide_response *answer = abide_http(url, .method = "POST", .json = order);
 *     if (!answer) return NULL;
 *
 * NULL if there was no answer: abide_fail was then called, so that returning NULL fails the attempt.
 */
typedef struct abide_http_options {
    const char *method;                       /* Default: GET */
    abide_header headers[ABIDE_MAX_HEADERS];
    const char *body;                         /* Default: none */
    size_t body_size;                         /* Default: strlen(body) */
    const abide_json *json;                   /* in place of body: sets the content type too */
    const char *timeout;                      /* for the connection, and between two pieces of the answer. Default: 30 seconds */
} abide_http_options;

#define abide_http(url, ...) abide_http_request((url), (abide_http_options){__VA_ARGS__})
const abide_response *abide_http_request(const char *url, abide_http_options options);

#ifdef __cplusplus
}
#endif

#endif
