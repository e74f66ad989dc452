/* tick.h - monotonic time. */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_TICK_H
#define BASE_TICK_H

#include <stdint.h>

/* Nanoseconds since some fixed moment of this boot. */
uint64_t tick_now(void);

double tick_seconds_since(uint64_t start);

#endif
