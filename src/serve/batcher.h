/* batcher.h - cases wait here for the one thread that answers, and share its passes.
 *
 * In       checked cases, from any thread; each is handed back through its done: with its
 *          answer on the answering thread, with the reason why there is none on any
 * Bound    cases_max cases and bytes_max of their requests wait at most, and no more work
 *          than can be done within the deadline; one canary besides
 * Memory   laid out by batcher_open; none is taken for a case
 * Threads  one, made by batcher_open
 * Errors   ERR_QUEUE_FULL at once; ERR_DEADLINE for a case that waited too long, told
 *          within a stretch of the pass under way, and by batcher_look whatever becomes of
 *          that; ERR_DRAINING from batcher_stop on
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_BATCHER_H
#define SERVE_BATCHER_H

#include "answer/answer.h"

/* Cases under way at once. More of them hardly answer more in a second, but each longer:
 * `make bench`, the section ulmfit_http. One place more is a canary's. */
enum { BATCHER_SLOTS = 8, BATCHER_ROOM = BATCHER_SLOTS + 1 };

struct batcher_case;

/* answer is NULL where err says why; both live until done returns. The case is the
 * caller's again. */
typedef void batcher_done(struct batcher_case *one, const struct answer *answer,
                          const struct error *err);

struct batcher_case {
    struct case_text text;
    size_t bytes; /* that its request holds while it waits */
    batcher_done *done;
    void *owner;    /* the caller's */
    uint64_t asked; /* ticks: when its request came, whose deadline it shares; 0: now */

    uint64_t since, begun; /* the rest is the batcher's */
    size_t weight;
    unsigned passed_over, company; /* that it began in, itself included */
};

struct batcher_options {
    /* With room for two cases or more, and a team; the last place is kept for canaries. */
    struct answer_context *context;
    size_t cases_max, bytes_max;
    double deadline_seconds; /* from batcher_put to the answer */
};

struct batcher;

/* What it takes beside its context, for so many places in a pass. */
size_t batcher_bytes(const struct batcher_options *options, unsigned places);

MUST_CHECK enum error_code batcher_open(struct batcher **out_batcher,
                                        const struct batcher_options *options, struct error *err);

/* All of them wait, or none. They must live until done. */
MUST_CHECK enum error_code batcher_put(struct batcher *batcher, struct batcher_case *cases,
                                       size_t count, struct error *err);

/* Goes before all others, in places kept for it: no load makes it late. One at a time. */
void batcher_put_canary(struct batcher *batcher, struct batcher_case *one);

/* Hands back whoever waited too long; now and then, by any thread, so that they are told also
 * while the answering one is busy, or hangs. */
void batcher_look(struct batcher *batcher);

/* How many cases wait. */
size_t batcher_waiting(struct batcher *batcher);

/* The cases under way end; all others are answered by this context, whose room is as large.
 * Returns when the old one is used no more; ERR_DRAINING, and the old one stays, from
 * batcher_stop on. A canary that waits is handed back. */
MUST_CHECK enum error_code batcher_swap(struct batcher *batcher, struct answer_context *context,
                                        struct error *err);

/* Hands back whatever waits, ends the cases under way, and refuses what is put from then on.
 * false: after so many seconds its thread was still at it; nothing that it uses may be touched. */
MUST_CHECK bool batcher_stop(struct batcher *batcher, double seconds);

/* Stops it, however long that takes, and gives its memory back; nothing may be put any more. */
void batcher_close(struct batcher *batcher);

#endif
