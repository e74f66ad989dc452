/* encoder.h - the encoder as it learns: a block of time steps over a batch.
 *
 * Embedding, LSTM layers and their dropouts; gradients never leave a block, as in
 * fastai. Rows of one time step lie together: [steps, rows, ...]. What the backward
 * pass needs is kept in a trace; masks come back by their number, so a block may be
 * run a second time instead of being kept.
 *
 *   encoder_begin()                    the parameters may be new
 *   encoder_forward(), a block         a trace with rows, steps, ids, draw and block
 *   encoder_backward(), a block        encoder->douts has become its gradients
 *
 * In      the trace; encoder->state as the last block left it
 * Out     trace->outs of the last layer, the new state; backward: gradients
 * Memory  laid into an arena beforehand
 * Threads one caller, who works as worker 0 of the engine's team
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
    uint64_t draw;  /* number of the step, ENCODER_CALM: no masks */
    unsigned block; /* of the step, from 0 */
    enum encoder_mask mask;
    unsigned index;
};

#define ENCODER_CALM UINT64_MAX

/* Masks from elsewhere, for tests; NULL: that one is drawn. Any thread may ask. */
typedef const float *encoder_given(void *context, const struct encoder_key *key);

struct encoder_trace {
    size_t rows, steps;
    uint64_t draw;
    unsigned block;
    uint32_t *ids;                     /* [steps, rows] */
    float *table, *input;              /* masks [vocab] and [rows, width] */
    float *hidden[WEIGHTS_LAYERS_MAX]; /* masks [rows, units] */
    float *x[WEIGHTS_LAYERS_MAX];      /* a layer's input [steps, rows, inputs] */
    float *gates[WEIGHTS_LAYERS_MAX];  /* [steps, rows, 4 units] */
    float *cells[WEIGHTS_LAYERS_MAX];  /* [1 + steps, rows, units]: the state before, in front */
    float *outs[WEIGHTS_LAYERS_MAX];   /* the same */
};

struct encoder {
    const struct weights *weights;
    struct gemm *gemm;
    size_t rows; /* at most */
    struct encoder_drops drops;
    uint64_t seed;
    encoder_given *given;
    void *given_context;

    /* h and c of every layer, [rows, units] each, one after the other. */
    float *state;
    size_t state_count;

    float *douts; /* [steps, rows, units of the last layer]: backward reads and spoils it */

    /* Its own. */
    bool calm; /* no mask on the weights */
    struct gemm_matrix input[WEIGHTS_LAYERS_MAX], recurrent[WEIGHTS_LAYERS_MAX];
    float *masked[WEIGHTS_LAYERS_MAX]; /* W_hh behind its dropout */
    float *bias[WEIGHTS_LAYERS_MAX];   /* the sum of both */
    float *dx, *dcells, *sums;
};

/* Where gradients are added to; NULL: frozen. A layer is all there or not at all. */
struct encoder_gradients {
    float *embedding;
    struct encoder_layer {
        float *input, *recurrent, *bias_input, *bias_recurrent;
    } layers[WEIGHTS_LAYERS_MAX];
};

/* weights: their shape is read at once, their values later. Blocks have up to `rows` rows and
 * shape.bptt steps. Sets drops, seed and given to none. */
void encoder_lay(struct encoder *encoder, const struct weights *weights, size_t rows,
                 struct gemm *gemm, struct arena *arena);
void encoder_trace_lay(const struct encoder *encoder, struct encoder_trace *trace,
                       struct arena *arena);

/* The largest of the encoder's products. */
struct gemm_room encoder_room(const struct weights_shape *shape, size_t rows);

/* Before the first block of a step; calm: blocks to come are ENCODER_CALM. */
void encoder_begin(struct encoder *encoder, bool calm);

/* state_rows: so many rows of the state are read, others start from zero. The state of
 * trace->rows rows is written. */
void encoder_forward(struct encoder *encoder, struct encoder_trace *trace, size_t state_rows);

/* again: other blocks have run since the forward pass. Spoils the trace's gates. */
void encoder_backward(struct encoder *encoder, struct encoder_trace *trace,
                      const struct encoder_gradients *gradients, bool again);

/* The outputs of the last layer, [steps, rows, width]. */
const float *encoder_outs(const struct encoder *encoder, const struct encoder_trace *trace);

/* The mask of this key. */
struct drop encoder_drop(const struct encoder *encoder, const struct encoder_key *key, float p);

#endif
