/* language.h - a language model as a model file holds it: in f32, to learn from.
 *
 * Tensors of the file, beside the words in vocab.image:
 *
 *   lm.shape           U32 [5]  vocab, width, hidden, layers, 1 where there is a decoder bias
 *   lm.0.encoder.weight, lm.0.rnns..., lm.1.decoder.bias
 *                      F32, as fastai names them; the decoder's matrix is the embedding
 *
 * Its metadata say how the texts were cut: language, tokenizer. It has no labels
 * and cannot answer.
 *
 * Memory  language_bind only points into the file
 * Threads any number once open
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_LANGUAGE_H
#define MODEL_LANGUAGE_H

#include "model/bundle.h"
#include "model/weights.h"

/* Whether a file holds a language model. */
bool language_is(const struct bundle *bundle);

/* Points into an open file, which must outlive weights; every value is finite. */
MUST_CHECK enum error_code language_bind(struct weights *out_weights, const struct bundle *bundle,
                                         struct error *err);

/* The tensors of a file being made; weights and names must live until it is written. */
enum { LANGUAGE_SHAPE = 5 };
struct language_names {
    char text[WEIGHTS_ROWS_MAX][WEIGHTS_NAME_MAX + 8];
    uint32_t shape[LANGUAGE_SHAPE];
};
void language_draft(const struct weights *weights, struct language_names *names,
                    struct bundle_draft *draft);

#endif
