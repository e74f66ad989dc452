/* batch.h - a request of many cases: read from its body, answered one by one, told in order.
 *
 * In      a JSON array of cases, or JSON Lines (x-ndjson); blank lines are passed over
 * Out     an array or lines in the same order; a case that cannot be answered has its error
 *         in its place, as predict's lines have it: {"case_number", "error": {...}}, where
 *         `line` is the line, or the place in the array, from 1
 * Bound   cases_max; batch_bound tells how long the reply may be
 * Memory  one block of the bodies' store, and the body, whose bytes become the texts
 * Errors  of the whole: not an array, ERR_BATCH_LONG, no room in the store
 * Threads one at a time, but for batch_take
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_BATCH_H
#define SERVE_BATCH_H

#include <stdatomic.h>

#include "answer/detail.h"
#include "serve/batcher.h"
#include "serve/body.h"

struct batch_item {
    struct slice number; /* the case's own, in the body */
    size_t line;
    enum error_code code; /* why it is not answered, told by fault; ERR_NONE: detail tells */
    union {
        struct detail detail;
        struct error fault;
    };
};

struct batch {
    struct batch_item *items; /* [count], in the store; NULL where there is no batch */
    size_t count;
    bool lines;                 /* JSON Lines, not an array */
    struct batcher_case *cases; /* [asked], those that can be answered, in order */
    size_t *place;              /* [asked], of their items */
    size_t asked;
    atomic_size_t told; /* of them */
};

/* Bytes that a batch of so many cases takes of the store, beside its body. */
size_t batch_bytes(size_t cases);

MUST_CHECK enum error_code batch_read(struct batch *out_batch, struct body *body,
                                      struct body_store *store, bool lines, size_t cases_max,
                                      struct error *err);

/* Takes the answer to one of batch->cases, or why there is none, while the answer's
 * probabilities are there; true once all have theirs. From any thread. */
bool batch_take(struct batch *batch, const struct batcher_case *one, const struct answer *answer,
                const struct error *err);

/* Whether the service itself kept every one of them from an answer; tells why. */
bool batch_failed(const struct batch *batch, struct error *out_err);

/* Bytes that batch_write does not exceed, for a body that was so long; detail_bytes: a
 * detail_bound that is not exceeded either. */
size_t batch_bound(const struct batch *batch, size_t detail_bytes, size_t body_bytes);

/* brief: without details. */
void batch_write(const struct batch *batch, bool brief, struct writer *writer);

void batch_give(struct batch *batch, struct body_store *store);

#endif
