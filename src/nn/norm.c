/* norm.c - the scale is worked out in double, as torch does in effect. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/norm.h"

#include <math.h>

static const double EPSILON = 1e-5;

void norm_forward(const struct norm_weights *weights, const float *x, size_t rows, float *out)
{
    for (size_t f = 0; f < weights->features; f++) {
        double scale = weights->gain[f] / sqrt((double)weights->variance[f] + EPSILON);
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * weights->features + f;
            out[at] = (float)(((double)x[at] - weights->mean[f]) * scale + weights->bias[f]);
        }
    }
}
