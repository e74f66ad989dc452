/* thread.h - one thread, made once, and waited for with or without a bound.
 *
 * In       what it runs; its stack has CREW_STACK_BYTES
 * Threads  start and join: the owner's
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"

struct thread {
    pthread_t id;
    bool started; /* and not joined */
};

/* false: it could not be made. */
MUST_CHECK bool thread_start(struct thread *thread, void *(*live)(void *), void *argument);

/* One that was never started, or is joined, has ended. */
void thread_join(struct thread *thread);

/* Without waiting; where it has, it is joined. */
bool thread_ended(struct thread *thread);

/* false: after so many seconds, and one at most beyond, it was still at it. */
MUST_CHECK bool thread_join_within(struct thread *thread, double seconds);

#endif
