/* norm.h - batch normalisation as it answers: with the running statistics.
 *
 *   y = (x - mean) / sqrt(variance + 1e-5) * gain + bias
 *
 * In      x [rows, features]
 * Out     out [rows, features]; may be x
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_NORM_H
#define NN_NORM_H

#include <stddef.h>

struct norm_weights {
    size_t features;
    const float *gain, *bias, *mean, *variance;
};

void norm_forward(const struct norm_weights *weights, const float *x, size_t rows, float *out);

#endif
