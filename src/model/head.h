/* head.h - pooled features to logits to probabilities.
 *
 * Blocks of batch norm and a linear layer without bias, ReLU between them.
 *
 * In      pooled [3 * width]
 * Out     logits [classes]
 * Memory  a scratch laid into an arena beforehand
 * Threads one a scratch
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_HEAD_H
#define MODEL_HEAD_H

#include "base/arena.h"
#include "model/weights.h"

struct head_scratch {
    float *x, *y; /* [widest block] */
};

void head_lay(struct head_scratch *scratch, const struct weights_shape *shape, struct arena *arena);
void head_forward(const struct weights *weights, const float *pooled, struct head_scratch *scratch,
                  float *logits);

/* Probabilities out of logits; out may be logits. */
void head_softmax(const float *logits, size_t classes, float *out);

#endif
