/* error.h - what went wrong, where, and what to do about it.
 *
 * A function that can fail returns enum error_code (0 is fine) and takes a
 * struct error * as its last argument, which receives the sentence. Results in
 * out_ parameters stay untouched on failure. Road and base never print.
 *
 * Threads  any number; a struct error belongs to one thread
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

enum error_code {
    ERR_NONE = 0,
#define ERROR(code, type, exit_status, http, title, hint) ERR_##code,
#include "base/errors.def"
#undef ERROR
    ERR_COUNT
};

enum { ERROR_DETAIL_MAX = 512 };

struct error {
    enum error_code code;
    size_t line; /* 1-based line of the input, 0 where there is none */
    char detail[ERROR_DETAIL_MAX];
};

/* One row of errors.def. */
struct error_row {
    const char *code; /* "CSV" */
    const char *type; /* "invalid-csv", the problem type of RFC 9457 */
    int exit_status;
    int http_status;
    const char *title;
    const char *hint;
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Fills err and gives code, so that a failing function can say
 * `return error_set(err, ERR_CSV, line, "...", ...)`. A macro around the function, so that
 * analysers see that a failure is never ERR_NONE. */
#define error_set(err, code, ...) (error_fill((err), (code), __VA_ARGS__), error_same(code))

static inline enum error_code error_same(enum error_code code) { return code; }

void error_fill(struct error *err, enum error_code code, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

const struct error_row *error_row(enum error_code code);

/* Hands a failure on where nothing has to be closed. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum error_code try_code_ = (call);                                                        \
        if (try_code_ != ERR_NONE) return try_code_;                                               \
    } while (0)

#endif
