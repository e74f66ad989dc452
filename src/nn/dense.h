/* dense.h - a linear layer: out = x W^T + bias.
 *
 * Sums run in a fixed order (16 running sums, folded in halves), so that the
 * same bits come out on every processor and for any number of rows at once.
 *
 * In      x [rows, ins], weight [outs, ins] as torch stores it, bias [outs] or NULL
 * Out     out [rows, outs]
 * Memory  the caller's
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_DENSE_H
#define NN_DENSE_H

#include <stddef.h>

void dense_forward(const float *x, size_t rows, size_t ins, const float *weight, const float *bias,
                   size_t outs, float *out);

/* The same, added to what out holds. */
void dense_add(const float *x, size_t rows, size_t ins, const float *weight, size_t outs,
               float *out);

/* Backward: dx [rows, ins] = dout [rows, outs] W; dweight += dout^T x. */
void dense_input(const float *dout, size_t rows, size_t outs, const float *weight, size_t ins,
                 float *dx);
void dense_weight(const float *dout, size_t rows, size_t outs, const float *x, size_t ins,
                  float *dweight);

/* max(x, 0), in place. */
void dense_relu(float *x, size_t count);

/* Backward, in place: no gradient where the result was 0. */
void dense_relu_backward(const float *result, size_t count, float *dx);

#endif
