/* traceback.h - a Python traceback, line by line: where in the application, and what failed.
 *
 * In      the words of each line after "Traceback (most recent call last):"
 * Out     the innermost frame of the application (not of a library), what it called,
 *         whether a request was being answered, a process made, a text tokenized
 * Bound   TRACEBACK_LINES_MAX lines; names are cut
 * Threads one traceback, one thread
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_TRACEBACK_H
#define DOCTOR_TRACEBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "doctor/needles.h"

enum { TRACEBACK_LINES_MAX = 600, TRACEBACK_NAME_MAX = 64 };

struct traceback {
    bool forks, threads, tokenizes, in_request;
    bool application; /* a frame that is not a library's was seen */
    bool wants_call;  /* the next frame is what that one called */
    uint32_t lines, line_number;
    int errno_value;
    char file[TRACEBACK_NAME_MAX];     /* "predict2.py" */
    char function[TRACEBACK_NAME_MAX]; /* "predict_ulmfit" */
    char call[TRACEBACK_NAME_MAX];     /* "tokenize_df" */
    char error[TRACEBACK_NAME_MAX];    /* "OSError" */
};

/* The parts of paths, functions and code that are looked for; given back by needles_close. */
MUST_CHECK enum error_code traceback_needles(struct needles *out, struct error *err);

/* Takes one line; true when it was the last. */
bool traceback_line(struct traceback *traceback, const struct needles *needles, struct slice words);

#endif
