/* truth.h - whether cases are answered rightly now, and since when not.
 *
 * The service asks itself one of the model's own cases every few seconds, through what
 * answers everybody, and HTTP's threads whether they go round (pulse.h). Readiness, the
 * watchdog, and whether clients' cases are taken at all follow from these answers alone.
 *
 * Threads  any number; one lock, held for a few stores; truth_holds takes none
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_TRUTH_H
#define SERVE_TRUTH_H

#include <pthread.h>
#include <stdatomic.h>

#include "answer/answer.h"
#include "base/root.h"

struct truth {
    pthread_mutex_t lock;
    double silence_seconds; /* without an answer for so long it is not ready either */
    enum error_code code;   /* of the last canary */
    struct error reason;
    uint64_t last;          /* ticks: when it was judged */
    uint64_t beat;          /* ticks: when HTTP's threads had all answered last */
    uint64_t looked, woken; /* ticks: truth_beat came last; and after it had not for long */
    unsigned long right, wrong;
    atomic_bool holds; /* as truth_ready said last */
    atomic_bool due;
};

/* The model has just answered all of its canaries. */
void truth_begin(struct truth *truth, double silence_seconds);

/* Judges the answer to a canary of the model that gave it; logs where that changes
 * something. */
void truth_judge(struct truth *truth, uint32_t canary, const struct answer *answer);

/* The canary was not answered, but who answers came by: silence counts from now on, and another
 * one is due at once. */
void truth_pass(struct truth *truth);

/* Whether one is due; once. */
bool truth_due(struct truth *truth);

/* HTTP's threads had all answered then. To be called often, so that silence is seen; where it
 * was not, for a second, nothing could answer, and silence counts from now on. */
void truth_beat(struct truth *truth, uint64_t ticks);

/* ERR_NOT_READY tells what is wrong. Never waits. */
MUST_CHECK enum error_code truth_ready(struct truth *truth, struct error *err);

/* The same, as it was when that was last looked at. */
bool truth_holds(const struct truth *truth);

/* How many canaries were answered rightly so far. */
unsigned long truth_right(struct truth *truth);

/* How often the kernel killed in this container for want of memory; 0 where it cannot be
 * seen. */
long truth_kills(struct root *root);

#endif
