/* norm.h - batch normalisation.
 *
 *   y = (x - mean) / sqrt(variance + 1e-5) * gain + bias
 *
 * Answering, mean and variance are the running statistics; learning, those of the
 * batch, and the running ones move a tenth of the way towards them (the variance
 * towards the unbiased one), as torch does.
 *
 * In      x [rows, features]
 * Out     out [rows, features]; may be x
 * Threads any number
 * Source  Ioffe & Szegedy 2015
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

/* What the backward pass needs besides x: of the batch, [features]. */
struct norm_trace {
    double *mean, *scale; /* scale: 1 / sqrt(variance + 1e-5) */
};

/* Two rows at least. running_...: what weights->mean and ->variance point to. */
void norm_learn(const struct norm_weights *weights, const float *x, size_t rows,
                float *running_mean, float *running_variance, const struct norm_trace *trace,
                float *out);

/* dx may be dout; dgain and dbias [features] are added to. */
void norm_backward(const struct norm_weights *weights, const struct norm_trace *trace,
                   const float *x, size_t rows, const float *dout, float *dgain, float *dbias,
                   float *dx);

#endif
