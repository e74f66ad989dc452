/* pool.c - sums run in the order of the steps, one feature at a time. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/pool.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

void pool_begin(float *pooled, size_t features, size_t from, size_t to)
{
    for (size_t f = from; f < to; f++) {
        pooled[f] = 0;
        pooled[features + f] = -INFINITY;
        pooled[2 * features + f] = 0;
    }
}

void pool_add(float *pooled, size_t features, size_t from, size_t to, const float *step)
{
    float *restrict maximum = pooled + features, *restrict sum = pooled + 2 * features;
    for (size_t f = from; f < to; f++) {
        maximum[f] = step[f] > maximum[f] ? step[f] : maximum[f];
        sum[f] += step[f];
    }
}

void pool_last(float *pooled, size_t from, size_t to, const float *step)
{
    memcpy(pooled + from, step + from, (to - from) * sizeof *step);
}

void pool_end(float *pooled, size_t features, size_t steps)
{
    check(steps > 0);
    float *mean = pooled + 2 * features;
    for (size_t f = 0; f < features; f++) mean[f] /= (float)steps;
}

void pool_note(float *pooled, uint32_t *restrict peaks, size_t features, uint32_t number,
               const float *restrict step)
{
    float *restrict maximum = pooled + features, *restrict sum = pooled + 2 * features;
    for (size_t f = 0; f < features; f++) {
        peaks[f] = step[f] > maximum[f] ? number : peaks[f];
        maximum[f] = step[f] > maximum[f] ? step[f] : maximum[f];
        sum[f] += step[f];
    }
}

void pool_backward(const float *dpooled, const uint32_t *restrict peaks, size_t features,
                   uint32_t number, size_t steps, float *restrict dstep)
{
    const float *dmaximum = dpooled + features, *dmean = dpooled + 2 * features;
    const float part = 1.0f / (float)steps;
    for (size_t f = 0; f < features; f++)
        dstep[f] += dmean[f] * part + (peaks[f] == number ? dmaximum[f] : 0);
}

void pool_last_backward(const float *dpooled, size_t features, float *dstep)
{
    for (size_t f = 0; f < features; f++) dstep[f] += dpooled[f];
}
