/* tick.c - clock_gettime, which can not fail for CLOCK_MONOTONIC. */
// SPDX-License-Identifier: Apache-2.0
#include "base/tick.h"

#include <time.h>

uint64_t tick_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double tick_seconds_since(uint64_t start) { return (double)(tick_now() - start) * 1e-9; }
