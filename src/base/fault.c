/* fault.c - a countdown shared by all threads. */
// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <stdatomic.h>

static atomic_long countdown; /* 0: unarmed; -1: has struck */

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
