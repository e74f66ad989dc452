/* norm.c - a feature at a time, in double: means of differences lose what f32 has. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/norm.h"

#include <math.h>

#include "base/check.h"

static const double EPSILON = 1e-5, MOMENTUM = 0.1;

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

void norm_learn(const struct norm_weights *weights, const float *x, size_t rows,
                float *running_mean, float *running_variance, const struct norm_trace *trace,
                float *out)
{
    size_t features = weights->features;
    check(rows >= 2);
    for (size_t f = 0; f < features; f++) {
        double sum = 0, squares = 0, count = (double)rows;
        for (size_t r = 0; r < rows; r++) sum += (double)x[r * features + f];
        double mean = sum / count;
        for (size_t r = 0; r < rows; r++) {
            double off = (double)x[r * features + f] - mean;
            squares += off * off;
        }
        double scale = 1 / sqrt(squares / count + EPSILON);
        trace->mean[f] = mean;
        trace->scale[f] = scale;
        running_mean[f] = (float)((1 - MOMENTUM) * (double)running_mean[f] + MOMENTUM * mean);
        running_variance[f] = (float)((1 - MOMENTUM) * (double)running_variance[f] +
                                      MOMENTUM * squares / (count - 1));
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * features + f;
            out[at] = (float)(((double)x[at] - mean) * scale * (double)weights->gain[f] +
                              (double)weights->bias[f]);
        }
    }
}

void norm_backward(const struct norm_weights *weights, const struct norm_trace *trace,
                   const float *x, size_t rows, const float *dout, float *dgain, float *dbias,
                   float *dx)
{
    size_t features = weights->features;
    for (size_t f = 0; f < features; f++) {
        double sum = 0, along = 0, count = (double)rows;
        double mean = trace->mean[f], scale = trace->scale[f];
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * features + f;
            sum += (double)dout[at];
            along += (double)dout[at] * ((double)x[at] - mean) * scale;
        }
        dgain[f] += (float)along;
        dbias[f] += (float)sum;
        /* What moves mean or variance of the batch moves no result. */
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * features + f;
            double normal = ((double)x[at] - mean) * scale;
            dx[at] = (float)((double)weights->gain[f] * scale *
                             ((double)dout[at] - (sum + normal * along) / count));
        }
    }
}
