/* rng.h - seeded random numbers, the same on every machine.
 *
 * Source   SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
 *          generators", OOPSLA 2014
 * Threads  one generator a thread
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

struct rng rng_seed(uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound), without bias; bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Fisher-Yates. */
void rng_shuffle(struct rng *rng, uint32_t *items, size_t count);

/* One step of the same mixing on a value, for hashes. */
uint64_t rng_mix(uint64_t value);

#endif
