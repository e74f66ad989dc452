/* penalty.h - activation regularisation: outputs shall be small, and change slowly.
 *
 *   alpha mean(out^2) + beta mean((raw[t] - raw[t - 1])^2)
 *
 * over rows, steps and features of a batch; out is raw behind the last dropout. The
 * second mean needs two steps, and is left out, as fastai does, for a single row.
 *
 * In      the outputs of one row at one time step, [features]
 * Threads any number
 * Source  Merity, McCann, Socher 2017, "Revisiting activation regularization"
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_PENALTY_H
#define NN_PENALTY_H

#include <stddef.h>

/* Factors of the sums of squares. */
struct penalty {
    float size, change;
};

struct penalty_shape {
    size_t rows, steps, features;
};

struct penalty penalty_of(float alpha, float beta, const struct penalty_shape *shape);

/* What a step adds; before: the step before it, NULL for the first. */
double penalty_forward(const struct penalty *penalty, size_t features, const float *out,
                       const float *before, const float *raw);

/* Added to the gradients: of out, and of raw, where NULL stands for a missing neighbour. */
void penalty_size_backward(const struct penalty *penalty, size_t features, const float *out,
                           float *dout);
void penalty_change_backward(const struct penalty *penalty, size_t features, const float *before,
                             const float *raw, const float *after, float *draw);

#endif
