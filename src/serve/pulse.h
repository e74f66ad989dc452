/* pulse.h - whether each of the HTTP library's threads still goes round.
 *
 * Each of them has a connection of our own, over which it is asked for nothing every now and
 * then: through the library, like anybody. All are asked at a time, a round; the next one
 * begins once all have answered. A thread that hangs answers no more, so that rounds end.
 *
 * In       how many threads; who takes the other end of a connection, and closes it
 * Bound    two descriptors a thread
 * Errors   ERR_SYSTEM: no descriptors
 * Threads  one
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_PULSE_H
#define SERVE_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

struct pulse {
    unsigned lines, waiting; /* of them, those that were asked and did not answer */
    int fd[CREW_THREADS_MAX];
    bool waits[CREW_THREADS_MAX];
    unsigned long rounds; /* that are over */
    uint64_t last;        /* ticks: when the last one was */
};

/* The library gives a connection to the thread whose number is the rest of the descriptor
 * divided by their count (0.9.75); false: it did not take it. */
typedef bool pulse_give(void *context, int fd);

MUST_CHECK enum error_code pulse_open(struct pulse *out_pulse, unsigned threads, pulse_give *give,
                                      void *context, struct error *err);

/* Begins a round, unless one is under way. */
void pulse_ask(struct pulse *pulse);

/* Takes what answers there are; never waits. */
void pulse_hear(struct pulse *pulse);

void pulse_close(struct pulse *pulse);

#endif
