/* history.h - what each step of a training was like, a JSON object a line, for plots.
 *
 * A run that is resumed takes back the lines written after its checkpoint, so that the file
 * tells every step once.
 *
 * Errors   the file cannot be made, or written to
 * Memory   a buffer in the struct
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { HISTORY_BUFFER = 16 * 1024 };

struct history {
    int fd; /* -1: none is kept */
    const char *path;
    uint64_t size; /* of all lines, those in the buffer included */
    uint64_t begun;
    size_t buffered;
    char buffer[HISTORY_BUFFER];
};

/* One step, or at an epoch's end what validation said. */
struct history_line {
    const char *training, *stage; /* "language", "all layers" */
    unsigned epoch;               /* of the stage, from 1 */
    uint64_t step;                /* of the training, from 1 */
    double loss;                  /* mean cross entropy of the step */
    double total;                 /* with the regularisation; what is differentiated */
    double rate, momentum;        /* of the last group */
    double norm;                  /* of the gradients, where they are clipped; else 0 */
    uint64_t items;               /* tokens, or texts, of the step */
    bool validation;              /* loss alone counts: of the texts held out */
};

/* keep: add to a file that is there, instead of beginning it anew. */
MUST_CHECK enum error_code history_open(struct history *out_history, const char *path, bool keep,
                                        struct error *err);
MUST_CHECK enum error_code history_add(struct history *history, const struct history_line *line,
                                       struct error *err);

/* Everything so far is in the file; *out_size: how long it is. */
MUST_CHECK enum error_code history_flush(struct history *history, uint64_t *out_size,
                                         struct error *err);

/* Cuts the file to a size that history_flush gave. A shorter file stays as it is. */
MUST_CHECK enum error_code history_rewind(struct history *history, uint64_t size,
                                          struct error *err);
void history_close(struct history *history);

#endif
