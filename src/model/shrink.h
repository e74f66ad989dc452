/* shrink.h - ULMFiT's weights as the model file holds them: small integers.
 *
 * Tensors of the file, all under "ulmfit.":
 *
 *   shape                    U32 [11]  vocab, width, hidden, layers, bptt, max_len, blocks, outs[4]
 *   embedding                I8 [vocab, width], embedding.scale F32 [vocab]
 *   rnns.L.input             I8 [blocks, bytes of a block], packed as nn/kernel.h says
 *   rnns.L.input.scale       F32 [blocks, 64], rnns.L.input.sum I32 [blocks, 64]
 *   rnns.L.recurrent, .scale, .sum     likewise
 *   rnns.L.bias              F32 [blocks, 64]
 *   1.layers.B...            F32, the head as fastai names it
 *   0.module...              F32, the encoder as fastai names it: only where the
 *                            exact weights are kept
 *
 * Memory  shrink_open takes heap, shrink_close gives it back; shrink_bind only
 *         points into the file
 * Threads any number once open
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_SHRINK_H
#define MODEL_SHRINK_H

#include "model/bundle.h"
#include "model/weights.h"
#include "nn/kernel.h"

struct shrink_layer {
    struct kernel_matrix input, recurrent;
    const float *bias;
};

struct shrink {
    const int8_t *embedding; /* [vocab, width] */
    const float *embedding_scale;
    struct shrink_layer layers[WEIGHTS_LAYERS_MAX];

    /* The head always; the encoder only where `exact`. Its shape is the model's. */
    struct weights weights;
    bool exact;

    char *heap; /* NULL where it points into a file */
};

/* Packs weights; the head stays where it is. */
MUST_CHECK enum error_code shrink_open(struct shrink *out_shrink, const struct weights *weights,
                                       bool exact, struct error *err);
void shrink_close(struct shrink *shrink);

/* The tensors of a file being made; shrink and names must live until it is written. */
enum { SHRINK_TENSORS_MAX = 3 + 7 * WEIGHTS_LAYERS_MAX + WEIGHTS_ROWS_MAX };
struct shrink_names {
    char text[SHRINK_TENSORS_MAX][WEIGHTS_NAME_MAX + 8];
    size_t count;
    uint32_t shape[7 + WEIGHTS_BLOCKS_MAX];
};
void shrink_draft(const struct shrink *shrink, struct shrink_names *names,
                  struct bundle_draft *draft);

/* Whether a file holds an ULMFiT at all. */
bool shrink_is(const struct bundle *bundle);

/* Points into an open file, which must outlive shrink. ERR_MODEL names what is wrong. */
MUST_CHECK enum error_code shrink_bind(struct shrink *out_shrink, const struct bundle *bundle,
                                       struct error *err);

#endif
