/* thread.c - a small stack for each: the memory contract counts them. */
// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <time.h>

#include "base/limits.h"

bool thread_start(struct thread *thread, void *(*live)(void *), void *argument)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    thread->started = pthread_attr_setstacksize(&attributes, CREW_STACK_BYTES) == 0 &&
                      pthread_create(&thread->id, &attributes, live, argument) == 0;
    pthread_attr_destroy(&attributes);
    return thread->started;
}

void thread_join(struct thread *thread)
{
    if (thread->started) pthread_join(thread->id, NULL);
    thread->started = false;
}

bool thread_ended(struct thread *thread)
{
    if (thread->started && pthread_tryjoin_np(thread->id, NULL) != 0) return false;
    thread->started = false;
    return true;
}

bool thread_join_within(struct thread *thread, double seconds)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (time_t)seconds + 1;
    if (thread->started && pthread_timedjoin_np(thread->id, NULL, &end) != 0) return false;
    thread->started = false;
    return true;
}
