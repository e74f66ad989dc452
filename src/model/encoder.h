/* encoder.h - the encoder as it learns: a block of time steps over a batch.
 *
 * Embedding, LSTM layers and their dropouts; gradients never leave a block, as in
 * fastai. Rows of one time step lie together: [steps, rows, ...]. What the backward
 * pass needs is kept in a trace; masks come back by their number, so a block may be
 * run a second time instead of being kept.
 *
 * In      a trace with rows, steps, ids and draw; the state the last block left
 * Out     trace->outs of the last layer, the new state; backward: gradients
 * Memory  laid into an arena beforehand
 * Threads called by every member of a team_run, each with its number
 * Source  Merity, Keskar, Socher 2017, as fastai 2.8 runs it
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_ENCODER_H
#define MODEL_ENCODER_H

#include "base/arena.h"
#include "model/weights.h"
#include "nn/drop.h"
#include "nn/gemm.h"

/* Probabilities, with fastai's drop_mult multiplied in; all 0: none. */
struct encoder_drops {
    float embedding, input, weight, hidden, output;
};

/* Whose mask: fastai's order within a call. */
enum encoder_mask {
    ENCODER_MASK_EMBEDDING, /* [vocab] */
    ENCODER_MASK_INPUT,     /* [rows, width] */
    ENCODER_MASK_WEIGHT,    /* of a layer, [4 units, units] */
    ENCODER_MASK_HIDDEN,    /* behind a layer, [rows, units] */
    ENCODER_MASK_OUTPUT,    /* [rows, width], of a language model */
    ENCODER_MASK_HEAD       /* of a block of the head, [rows, features] */
};

/* All that a mask depends on besides the seed. */
struct encoder_key {
    uint64_t draw;
    unsigned block;
    enum encoder_mask mask;
    unsigned index;
};

/* Masks from elsewhere, for tests; NULL: that one is drawn. */
typedef const float *encoder_given(void *context, const struct encoder_key *key);

struct encoder_trace {
    size_t rows, steps;
    uint64_t draw;                     /* number of the masks, ENCODER_CALM: none */
    unsigned block;                    /* of the call, from 0 */
    uint32_t *ids;                     /* [steps, rows] */
    float *table, *input;              /* masks [vocab] and [rows, width] */
    float *hidden[WEIGHTS_LAYERS_MAX]; /* masks [rows, units] */
    float *x[WEIGHTS_LAYERS_MAX];      /* a layer's input [steps, rows, inputs] */
    float *gates[WEIGHTS_LAYERS_MAX];  /* [steps, rows, 4 units] */
    float *cells[WEIGHTS_LAYERS_MAX];  /* [1 + steps, rows, units]: the state before, in front */
    float *outs[WEIGHTS_LAYERS_MAX];   /* the same */
};

#define ENCODER_CALM UINT64_MAX

#endif
