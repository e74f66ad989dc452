/* rng.c - SplitMix64. */
// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include "base/check.h"

static const uint64_t golden_ratio = 0x9E3779B97F4A7C15u;

struct rng rng_seed(uint64_t seed) { return (struct rng){.state = seed}; }

uint64_t rng_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

uint64_t rng_next(struct rng *rng) { return rng_mix(rng->state += golden_ratio); }

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    check(bound > 0);
    /* Numbers under this remainder would make the small results too frequent. */
    uint64_t uneven = (0 - bound) % bound;
    uint64_t drawn;
    do drawn = rng_next(rng);
    while (drawn < uneven);
    return drawn % bound;
}

void rng_shuffle(struct rng *rng, uint32_t *items, size_t count)
{
    for (size_t left = count; left > 1; left--) {
        size_t pick = (size_t)rng_below(rng, left);
        uint32_t swap = items[left - 1];
        items[left - 1] = items[pick];
        items[pick] = swap;
    }
}
