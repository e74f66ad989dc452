/* fault.c - a countdown, and the name of a place, shared by all threads. */
// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

static atomic_long countdown; /* 0: unarmed; -1: has struck */
static const char *named;
static _Atomic(const char *) bent;

void fault_arm(long nth) { atomic_store(&countdown, nth); }

bool fault_struck(void) { return atomic_load(&countdown) < 0; }

bool fault_hit(void)
{
    long left = atomic_load_explicit(&countdown, memory_order_relaxed);
    while (left > 0) {
        long next = left == 1 ? -1 : left - 1;
        if (atomic_compare_exchange_weak(&countdown, &left, next)) return next == -1;
    }
    return false;
}

void fault_name(const char *place)
{
    named = place;
    atomic_store(&bent, NULL);
}

void fault_turn(void) { atomic_store(&bent, atomic_load(&bent) == NULL ? named : NULL); }

bool fault_bent(const char *place)
{
    const char *now = atomic_load_explicit(&bent, memory_order_relaxed);
    return now != NULL && strcmp(now, place) == 0;
}

void fault_hang(const char *place)
{
    while (fault_bent(place)) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
