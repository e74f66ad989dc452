/* loss.h - softmax cross entropy, and the decoder that a large vocabulary needs.
 *
 *   logits = x W^T + bias,  loss = mean over rows of -log softmax(logits)[target]
 *
 * A decoder's logits are made, turned into gradients and used up for some rows at
 * a time: memory is classes times those rows, never classes times tokens.
 *
 * Memory   from an arena beforehand: loss_lay()
 * Threads  the engine's team; the calls are its caller's
 * Bits     as the engine's; losses are added in the order of rows
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include <stdint.h>

#include "nn/gemm.h"

/* logits [rows, classes] become their gradients, scale * (softmax - onehot(target));
 * returns the sum of the rows' losses. Any thread, for rows of its own. */
double loss_softmax(float *logits, size_t rows, size_t classes, const uint32_t *targets,
                    float scale);

struct loss {
    size_t rows;   /* taken at once */
    float *logits; /* [rows, classes] */
    double *sums;  /* [rows of all portions], a row's loss */
};

/* At most about bytes_max for logits, and at least eight rows a thread. */
void loss_lay(struct loss *loss, struct gemm *gemm, size_t classes, size_t rows_max,
              size_t bytes_max, struct arena *arena);

/* x [rows, ins]; returns the mean loss. */
double loss_forward(const struct loss *loss, struct gemm *gemm, const struct gemm_matrix *w,
                    const float *bias, size_t rows, const float *x, const uint32_t *targets);

/* The same, and the gradients: dx [rows, ins] is written, dw [classes, ins] and
 * dbias [classes] are added to (none where bias is NULL). */
double loss_train(const struct loss *loss, struct gemm *gemm, const struct gemm_matrix *w,
                  const float *bias, size_t rows, const float *x, const uint32_t *targets,
                  float *dx, float *dw, float *dbias);

#endif
