/* pack.h - f32 weights into int8 with a scale a row, laid out for the kernels.
 *
 * A weight is off by half its row's scale at most. The scale of a row of an embedding
 * is its largest magnitude / 127; that of a matrix is larger where the products of neighbours
 * would not fit into 16 bits (KERNEL_SHARED_MAX).
 *
 * Memory  the caller's; sizes as nn/kernel.h says
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_PACK_H
#define NN_PACK_H

#include "nn/kernel.h"

/* weight [4 * units, columns] as torch stores it; `fours` as in struct kernel_matrix. */
void pack_matrix(const float *weight, size_t units, size_t columns, bool fours, int8_t *out_weights,
                 float *out_scales, int32_t *out_sums);

/* The sum of two biases [4 * units], in the order of the packed rows. */
void pack_bias(const float *a, const float *b, size_t units, float *out);

/* A row of an embedding; returns its scale. */
float pack_row(const float *x, size_t count, int8_t *out);

#endif
