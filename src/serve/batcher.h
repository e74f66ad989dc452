/* batcher.h - cases wait here for the one thread that answers, and share its passes.
 *
 * In       checked cases, from any thread; each is handed back through done, on the
 *          answering thread, with its answer or with the reason why there is none
 * Bound    cases_max cases and bytes_max of their requests wait at most
 * Memory   laid out by batcher_open; none is taken for a case
 * Threads  room.threads, all made by batcher_open
 * Errors   ERR_QUEUE_FULL at once; ERR_DEADLINE for a case that waited too long,
 *          told when the pass before it ends; ERR_DRAINING from batcher_stop on
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_BATCHER_H
#define SERVE_BATCHER_H

#include "answer/answer.h"

/* A case of 185 tokens took 33 ms alone, 24 in a pass of 2, 21 in one of 4 to 16, 23 in one of 32
 * (bench/lstm.c, one thread, a busy machine); with more, everybody waits longer for its end. */
enum { BATCHER_SLOTS = 16 };

struct batcher_case {
    struct case_text text;
    size_t bytes; /* that its request holds while it waits */
    void *owner;  /* the caller's */

    uint64_t since; /* the rest is the batcher's */
    size_t weight;
    unsigned passed_over;
};

/* answer is NULL where err says why; both live until done returns. The case is the
 * caller's again. */
typedef void batcher_done(void *context, struct batcher_case *one, const struct answer *answer,
                          const struct error *err);

struct batcher_options {
    const struct answer_model *model;
    struct answer_room room;
    size_t cases_max, bytes_max;
    double deadline_seconds; /* from batcher_put to the start of the pass */
    batcher_done *done;
    void *context;
};

struct batcher;

/* What it takes beside its context. */
size_t batcher_bytes(const struct batcher_options *options);

/* Fails with ERR_MODEL where the model's canaries are not answered rightly. */
MUST_CHECK enum error_code batcher_open(struct batcher **out_batcher,
                                        const struct batcher_options *options, struct error *err);

/* All of them wait, or none. They must live until done. */
MUST_CHECK enum error_code batcher_put(struct batcher *batcher, struct batcher_case *cases,
                                       size_t count, struct error *err);

/* Whether the last canary, which goes between passes every few seconds, was answered rightly,
 * and the answering thread lives; ERR_NOT_READY tells what is wrong. Never waits for a pass. */
MUST_CHECK enum error_code batcher_ready(struct batcher *batcher, struct error *err);

/* Ends the pass under way, hands back whatever waits, and refuses what is put from then on. */
void batcher_stop(struct batcher *batcher);

/* Stops it and gives its memory back; nothing may be put any more. */
void batcher_close(struct batcher *batcher);

#endif
