/* Thumbnails of an uploaded image, in three sizes side by side. What computes for long is a step: it is done once, in an instance of its own, and a
 * picture that is broken fails that step alone. */
#include <abide.h>
#include <string.h>

enum { MAX_SIDE = 256 };

/* A grey picture: a row is a string, a pixel a hexadecimal digit. */
typedef struct picture {
    int width, height;
    unsigned char pixels[MAX_SIDE][MAX_SIDE];
} picture;

typedef struct job {
    const abide_json *rows;
    int side;
} job;

static bool read_picture(const abide_json *rows, picture *into) {
    static const char DIGITS[] = "0123456789abcdef";
    into->height = (int)abide_size(rows);
    into->width = (int)abide_size(abide_at(rows, 0));
    if (into->height == 0 || into->height > MAX_SIDE || into->width == 0 || into->width > MAX_SIDE) {
        return false;
    }
    for (int y = 0; y < into->height; y++) {
        const char *row = abide_as_string(abide_at(rows, (size_t)y), "");
        if ((int)strlen(row) != into->width) {
            return false;
        }
        for (int x = 0; x < into->width; x++) {
            const char *digit = strchr(DIGITS, row[x]);
            if (!digit) {
                return false;
            }
            into->pixels[y][x] = (unsigned char)(digit - DIGITS);
        }
    }
    return true;
}

/* The mean of the pixels that become one. */
static int mean(const picture *from, int x, int y, int side) {
    int left = x * from->width / side, right = (x + 1) * from->width / side;
    int top = y * from->height / side, bottom = (y + 1) * from->height / side;
    int sum = 0, count = 0;
    for (int row = top; row < bottom; row++) {
        for (int column = left; column < right; column++) {
            sum += from->pixels[row][column];
            count++;
        }
    }
    return count ? sum / count : 0;
}

static const abide_json *scale(const abide_execution *exec, void *arg) {
    const job *it = arg;
    static picture from; /* too large for the stack */
    if (!read_picture(it->rows, &from)) {
        return abide_fail(.name = "BrokenPicture", .message = "the rows are not equally long lines of hexadecimal digits", .final = true);
    }
    abide_log(ABIDE_INFO, "%dx%d to %dx%d, attempt %u", from.width, from.height, it->side, it->side, exec->attempt);
    abide_json *rows = abide_array();
    for (int y = 0; y < it->side; y++) {
        char row[MAX_SIDE + 1] = "";
        for (int x = 0; x < it->side; x++) {
            row[x] = "0123456789abcdef"[mean(&from, x, y, it->side)];
        }
        abide_push(rows, abide_string(row));
    }
    return rows;
}

static const abide_json *make_thumbnails(const abide_context *ctx) {
    static const int SIDES[] = {4, 2, 1};
    enum { COUNT = sizeof SIDES / sizeof *SIDES };
    job jobs[COUNT];
    abide_ticket tickets[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        jobs[i] = (job){abide_get(ctx->event->data, "rows"), SIDES[i]};
        tickets[i] = abide_step(abide_text("scale-%d", SIDES[i]), scale, &jobs[i], .retries = 2, .timeout = "30s");
    }
    const abide_error *error = abide_await_all(tickets, COUNT);
    if (error) {
        return abide_rethrow(error);
    }
    abide_json *thumbnails = abide_object();
    for (size_t i = 0; i < COUNT; i++) {
        abide_set(thumbnails, abide_text("%dx%d", SIDES[i], SIDES[i]), abide_await(tickets[i]).value);
    }
    return abide_jsonf("{'name': %j, 'thumbnails': %j}", abide_get(ctx->event->data, "name"), thumbnails);
}

ABIDE_APP({.id = "make-thumbnails", .name = "Make thumbnails", .on = "image/uploaded", .handler = make_thumbnails,
           .concurrency = {{.limit = 4}}})
