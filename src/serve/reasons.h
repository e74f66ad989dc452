/* reasons.h - the explanation of a request's answer, as cases in the queue like any other.
 *
 * What ULMFiT makes of a text with words left out is asked of the batcher, round by round,
 * under the request's own deadline, and only while half of that is left: then the answer goes
 * out with what is known. A queue that is full ends it as well.
 *
 * In      an answer, on the thread that gave it
 * Bound   EXPLAIN_ROUND cases at a time, EXPLAIN_ROUNDS_MAX rounds
 * Memory  one block of the bodies' store, beside the request's body
 * Threads the answering one, and whichever hands a case of a round back (batcher.h)
 * Errors  of reasons_take: ERR_QUEUE_FULL, no room in the store
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_REASONS_H
#define SERVE_REASONS_H

#include <stdatomic.h>

#include "answer/explain.h"
#include "serve/batcher.h"
#include "serve/body.h"

struct reasons {
    struct explain explain;
    struct batcher_case cases[EXPLAIN_ROUND];
    atomic_size_t waiting; /* of them */
    uint64_t since, round;
    char room[]; /* [explain_room] */
};

/* Bytes of the block at most. */
size_t reasons_bytes(const struct answer_model *model);

/* Takes the block, *out_reasons, into an empty body. */
MUST_CHECK enum error_code reasons_take(struct reasons **out_reasons, struct body *block,
                                        struct body_store *store, const struct answer_model *model,
                                        const struct case_text *text, struct error *err);

/* since: when the case was put; the text lives until the end. */
void reasons_begin(struct reasons *reasons, struct answer_context *context, uint64_t since,
                   const struct case_text *text, const struct answer *answer);

/* Puts the next round; false where it is not to be, and the explanation is what it is. */
bool reasons_ask(struct reasons *reasons, struct batcher *batcher, double deadline_seconds,
                 batcher_done *done, void *owner);

/* Takes what became of one of reasons->cases; true once that was the last of its round. */
bool reasons_hear(struct reasons *reasons, const struct batcher_case *one,
                  const struct answer *answer);

#endif
