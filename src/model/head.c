/* head.c - normalisation stands before each linear layer, as in fastai. */
// SPDX-License-Identifier: Apache-2.0
#include "model/head.h"

#include <math.h>
#include <string.h>

#include "nn/dense.h"
#include "nn/norm.h"

void head_lay(struct head_scratch *scratch, const struct weights_shape *shape, struct arena *arena)
{
    size_t widest = weights_classes(shape);
    for (unsigned b = 0; b < shape->blocks; b++) {
        size_t features = weights_features(shape, b);
        if (features > widest) widest = features;
    }
    scratch->x = arena_take(arena, widest, sizeof(float));
    scratch->y = arena_take(arena, widest, sizeof(float));
}

void head_forward(const struct weights *weights, const float *pooled, struct head_scratch *scratch,
                  float *logits)
{
    unsigned blocks = weights->shape.blocks;
    memcpy(scratch->x, pooled, weights->blocks[0].norm.features * sizeof *pooled);
    for (unsigned b = 0; b < blocks; b++) {
        const struct weights_block *block = &weights->blocks[b];
        norm_forward(&block->norm, scratch->x, 1, scratch->x);
        dense_forward(scratch->x, 1, block->norm.features, block->dense, NULL, block->outs,
                      scratch->y);
        if (b + 1 < blocks) dense_relu(scratch->y, block->outs);
        memcpy(scratch->x, scratch->y, block->outs * sizeof *pooled);
    }
    memcpy(logits, scratch->x, weights_classes(&weights->shape) * sizeof *logits);
}

void head_softmax(const float *logits, size_t classes, float *out)
{
    float highest = logits[0];
    for (size_t c = 1; c < classes; c++) highest = logits[c] > highest ? logits[c] : highest;
    float sum = 0;
    for (size_t c = 0; c < classes; c++) sum += out[c] = expf(logits[c] - highest);
    for (size_t c = 0; c < classes; c++) out[c] /= sum;
}
