/* seats.h - the model that answers now, and a second seat where its successor is tried.
 *
 * Whoever looks at the model between two requests holds it meanwhile; a swap returns
 * when nobody holds the old one, so that it can be closed.
 *
 * In       a path; how many contexts answer, and how much each
 * Memory   a seat's contexts, and the arena of each, are there, from seats_fill to seats_close
 * Threads  holders: each under a number of its own; one that opens, swaps and closes
 * Errors   ERR_MODEL where the model does not answer its own canaries rightly
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_SEATS_H
#define SERVE_SEATS_H

#include <stdatomic.h>

#include "answer/answer.h"
#include "base/limits.h"

enum {
    /* One for each thread of the HTTP library, and the batcher's. */
    SEATS_CONTEXTS_MAX = CREW_THREADS_MAX + 1,
    SEATS_STOCK_BYTES = 1024,
};

struct seat {
    struct answer_model model;
    atomic_uint pins; /* who looks at the model later still: seats_pin */
    unsigned contexts;
    struct answer_context *context; /* [contexts] */
    /* A canary for models that bring none (an import): what it is answered at the
     * beginning, once the network's own canaries were right, must stay so. */
    char stock_text[SEATS_STOCK_BYTES];
    uint32_t stock_start[CASE_FIELDS + 1], stock_label;
    float stock_confidence;
};

struct seats {
    struct seat seat[2];
    _Atomic(struct seat *) current;
    _Atomic(struct seat *) held[SEATS_CONTEXTS_MAX];
};

/* Opens a model in the seat that is free; kernel: NULL for the best. */
MUST_CHECK enum error_code seats_open(struct seats *seats, const char *path, const char *kernel,
                                      struct seat **out_seat, struct error *err);

/* Lays so many contexts out, whose team is borrowed, and lets the first one answer all of the
 * model's canaries. After a failure the seat is to be closed as well. */
MUST_CHECK enum error_code seats_fill(struct seat *seat, unsigned contexts, struct answer_room room,
                                      struct error *err);

/* NULL, or one that is not open, is fine. */
void seats_close(struct seat *seat);

/* The current seat, until seats_release; number is the caller's own. */
struct seat *seats_hold(struct seats *seats, unsigned number);
void seats_release(struct seats *seats, unsigned number);

/* The last of its contexts: the batcher's. */
struct answer_context *seats_last(struct seat *seat);

/* For longer than the hold under which it is called: a case that waits, and whose answer may
 * be this model's. */
void seats_pin(struct seat *seat);
void seats_unpin(struct seat *seat);

/* Makes this one the current one; gives the earlier one (NULL at first) once nobody
 * holds it, or has it pinned. */
struct seat *seats_swap(struct seats *seats, struct seat *seat);

#endif
