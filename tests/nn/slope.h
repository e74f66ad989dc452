/* slope.h - finite differences: gradients are how much the loss changes. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_NN_SLOPE_H
#define TESTS_NN_SLOPE_H

#include <math.h>

#include "base/rng.h"
#include "help.h"

/* The loss as it is with the numbers that stand in the context now. */
typedef double slope_loss(void *context);

static inline float slope_uniform(struct rng *rng)
{
    return (float)(rng_next(rng) >> 40) * 0x1p-23f - 1;
}

static inline void slope_fill(struct rng *rng, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) values[i] = slope_uniform(rng);
}

/* Weighted by numbers of its own, so that no two results can stand for each other. */
static inline double slope_sum(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * sin(1 + 0.7 * (double)i);
    return sum;
}

/* What slope_sum() sends back. */
static inline void slope_gradients(float *dvalues, size_t count)
{
    for (size_t i = 0; i < count; i++) dvalues[i] = (float)sin(1 + 0.7 * (double)i);
}

static inline double slope_at(slope_loss *loss, void *context, float *value, float step)
{
    float old = *value;
    *value = old + step;
    double above = loss(context);
    *value = old - step;
    double below = loss(context);
    *value = old;
    return (above - below) / (2 * (double)step);
}

/* Every `stride`th gradient is the slope at its value, within `bound`. Steps become smaller where
 * it is not, for there may be a kink close by; a wrong gradient is wrong at any step. */
static inline void slope_check(slope_loss *loss, void *context, float *values,
                               const float *gradients, size_t count, size_t stride, double bound)
{
    for (size_t i = 0; i < count; i += stride) {
        double slope = 0, gradient = (double)gradients[i], off = INFINITY;
        for (float step = 0x1p-8f; step > 0x1p-13f && off >= bound; step /= 2) {
            slope = slope_at(loss, context, &values[i], step);
            off = fabs(slope - gradient);
        }
        if (!(off < bound)) fail_msg("gradient %zu is %g, the slope is %g", i, gradient, slope);
    }
}

#endif
