/* weights.h - ULMFiT's parameters in f32: how many, which shapes, where.
 *
 * tensors.def is the only list; everything that creates, reads or writes
 * parameters walks weights_list().
 *
 * Memory  struct weights only points; whoever bound the data owns it
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "nn/lstm.h"
#include "nn/norm.h"

enum {
    WEIGHTS_LAYERS_MAX = 8, /* fastai's default is 3 */
    WEIGHTS_BLOCKS_MAX = 4, /* of the head; fastai's default is 2 */
    WEIGHTS_ROWS_MAX = 2 + 4 * WEIGHTS_LAYERS_MAX + 5 * WEIGHTS_BLOCKS_MAX,
    WEIGHTS_NAME_MAX = 64,
    WEIGHTS_PAD = 1, /* the id of xxpad */

    /* Far above any model seen; keeps every size below 2^40. */
    WEIGHTS_VOCAB_MAX = 1 << 20,
    WEIGHTS_WIDTH_MAX = 1 << 13,
    WEIGHTS_SPAN_MAX = 1 << 16, /* bptt and max_len */
};

struct weights_shape {
    uint32_t vocab, width, hidden, layers;     /* width: of a row of the embedding */
    uint32_t blocks, outs[WEIGHTS_BLOCKS_MAX]; /* of the head; the last are the classes */
    uint32_t bptt, max_len;                    /* not in the weights; 72 and 1440 */
    bool decoder_bias;                         /* of a language model: is there one? */
};

/* A language model, or the encoder of one: no head. */
static inline bool weights_headless(const struct weights_shape *shape)
{
    return shape->blocks == 0;
}

enum weights_id {
#define TENSOR(part, id, name, rows, columns, group, initial) WEIGHTS_##id,
#include "model/tensors.def"
#undef TENSOR
    WEIGHTS_IDS
};

enum weights_group {
    WEIGHTS_GROUP_EMBEDDING,
    WEIGHTS_GROUP_LAYER,
    WEIGHTS_GROUP_HEAD,
    WEIGHTS_GROUP_FIXED
};

enum weights_initial {
    WEIGHTS_INITIAL_UNIFORM_TENTH,    /* in +-0.1 */
    WEIGHTS_INITIAL_UNIFORM_UNITS,    /* in +-1/sqrt(units) */
    WEIGHTS_INITIAL_UNIFORM_FEATURES, /* in +-1/sqrt(features) */
    WEIGHTS_INITIAL_ZERO,
    WEIGHTS_INITIAL_ONE,
    WEIGHTS_INITIAL_THOUSANDTH
};

/* One parameter of a model of a given shape. */
struct weights_row {
    enum weights_id id;
    unsigned index; /* of the layer or block */
    size_t rows, columns;
    bool vector; /* of one dimension: columns */
    enum weights_group group;
    enum weights_initial initial;
    char name[WEIGHTS_NAME_MAX];
};

struct weights_block {
    struct norm_weights norm;
    size_t outs;
    const float *dense; /* [outs, features] */
};

struct weights {
    struct weights_shape shape;
    const float *embedding;    /* [vocab, width]; of a language model the decoder's, too */
    const float *decoder_bias; /* [vocab] */
    struct lstm_weights layers[WEIGHTS_LAYERS_MAX];
    struct weights_block blocks[WEIGHTS_BLOCKS_MAX];
};

/* Every size within its bound, and a classifier's bptt and max_len as fastai wants them. */
MUST_CHECK enum error_code weights_shape_check(const struct weights_shape *shape,
                                               struct error *err);

size_t weights_inputs(const struct weights_shape *shape, unsigned layer);
size_t weights_units(const struct weights_shape *shape, unsigned layer);
size_t weights_features(const struct weights_shape *shape, unsigned block);
size_t weights_classes(const struct weights_shape *shape); /* 0 without a head */

/* All parameters in the order of the list, under fastai's names; returns how many. */
size_t weights_list(const struct weights_shape *shape, struct weights_row rows[WEIGHTS_ROWS_MAX]);

/* Sets shapes and leaves the pointers NULL; weights_bind sets one of them. */
void weights_begin(struct weights *weights, const struct weights_shape *shape);
void weights_bind(struct weights *weights, const struct weights_row *row, const float *data);
const float *weights_data(const struct weights *weights, const struct weights_row *row);

#endif
