/* awd.h - the encoder in f32: embedding, LSTM layers, masked concat pooling.
 *
 * The reference for the small-integer path. One text at a time, in blocks of
 * bptt steps, so memory does not grow with its length.
 *
 * In      ids [count], each below the vocabulary's size
 * Out     pooled [3 * width] = last | maximum | mean
 * Memory  a scratch laid into an arena beforehand
 * Threads one a scratch
 * Source  Merity, Keskar, Socher 2017; Howard & Ruder 2018; fastai 2.8
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_AWD_H
#define MODEL_AWD_H

#include "base/arena.h"
#include "model/weights.h"

struct awd_scratch {
    float *x, *y;                 /* [bptt, widest layer] */
    struct lstm_trace trace;      /* of the widest layer */
    float *h[WEIGHTS_LAYERS_MAX]; /* [units] */
    float *c[WEIGHTS_LAYERS_MAX];
};

void awd_lay(struct awd_scratch *scratch, const struct weights_shape *shape, struct arena *arena);

/* ERR_EMPTY_CASE where there is nothing to pool. */
MUST_CHECK enum error_code awd_encode(const struct weights *weights, const uint32_t *ids,
                                      size_t count, struct awd_scratch *scratch, float *pooled,
                                      struct error *err);

#endif
