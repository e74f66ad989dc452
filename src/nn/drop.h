/* drop.h - dropout: each number kept with probability 1 - p and then divided by it.
 *
 * A mask is a function of its key and the place in it, so any thread may make any
 * part, and a mask that is needed again is made again instead of being kept. p counts in
 * steps of 2^-16; the factor is exactly 1 / (1 - p).
 *
 * Source  Srivastava et al. 2014; numbers as base/rng makes them from the key
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_DROP_H
#define NN_DROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DROP_GRAIN = 32 }; /* parts of a mask begin at multiples of this */

struct drop {
    uint64_t key;
    float p;            /* below 1; 0: all are kept as they are */
    const float *given; /* a mask from elsewhere, or NULL */
};

/* Whether it leaves all as it is. */
bool drop_none(const struct drop *drop);

/* out[i] (+)= x[i] mask[i] for from <= i < to; out may be x. */
void drop_apply(const struct drop *drop, size_t from, size_t to, const float *x, bool add,
                float *out);

/* The mask itself. */
void drop_mask(const struct drop *drop, size_t from, size_t to, float *out);

/* By a mask made before: out[i] = x[i] mask[i]; out may be x. */
void drop_multiply(size_t count, const float *x, const float *mask, float *out);

#endif
