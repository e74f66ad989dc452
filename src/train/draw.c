/* draw.c - replaces rand() for the whole program. */
// SPDX-License-Identifier: Apache-2.0
#include "train/draw.h"

#include <stdlib.h>

#include "base/rng.h"

static _Thread_local struct rng state;
static _Thread_local uint64_t drawn;

void draw_seed(uint64_t seed)
{
    state = rng_seed(seed);
    drawn = 0;
}

uint64_t draw_count(void) { return drawn; }

int rand(void)
{
    drawn++;
    return (int)(rng_next(&state) >> 33);
}
