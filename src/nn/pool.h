/* pool.h - masked concat pooling of a sequence: last, maximum, mean.
 *
 * The sequence comes step by step, so nothing of its length is kept.
 *
 *   pool_begin, then pool_add for every unmasked step in order, pool_last for
 *   the step that counts as last, then pool_end
 *
 * In      steps [features]
 * Out     pooled [3, features] = last | maximum | mean
 * Threads one a pool
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_POOL_H
#define NN_POOL_H

#include <stddef.h>
#include <stdint.h>

/* Features [from, to) only: threads may share a text. */
void pool_begin(float *pooled, size_t features, size_t from, size_t to);
void pool_add(float *pooled, size_t features, size_t from, size_t to, const float *step);
void pool_last(float *pooled, size_t from, size_t to, const float *step);

/* steps is how many were added; at least 1. */
void pool_end(float *pooled, size_t features, size_t steps);

/* pool_add for learning: notes in peaks [features], too, which step has the maximum, the
 * first of equals. `number` is this step's. */
void pool_note(float *pooled, uint32_t *peaks, size_t features, uint32_t number, const float *step);

/* Backward: what an unmasked step gets, and what the last one gets, added to dstep. */
void pool_backward(const float *dpooled, const uint32_t *peaks, size_t features, uint32_t number,
                   size_t steps, float *dstep);
void pool_last_backward(const float *dpooled, size_t features, float *dstep);

#endif
