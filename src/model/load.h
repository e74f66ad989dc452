/* load.h - ULMFiT's parameters out of a checkpoint, each asked for by its name.
 *
 * In      an open checkpoint: a classifier, a language model or an encoder, as fastai saved it
 * Out     weights bound to data of their own, every one of its shape and finite
 * Errors  ERR_WEIGHTS names the tensor that is missing, wrong or left over
 * Memory  heap; load_close gives it back, also after a failure
 * Threads one a struct
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_LOAD_H
#define MODEL_LOAD_H

#include "model/checkpoint.h"
#include "model/weights.h"

struct load {
    struct weights weights;
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    float *data[WEIGHTS_ROWS_MAX];
    size_t count;
};

/* bptt and max_len are not in the weights. */
MUST_CHECK enum error_code load_classifier(struct load *load, const struct checkpoint *checkpoint,
                                           uint32_t bptt, uint32_t max_len, struct error *err);

/* A language model with its decoder's bias, if it has one, or an encoder alone. */
MUST_CHECK enum error_code load_language(struct load *load, const struct checkpoint *checkpoint,
                                         struct error *err);
void load_close(struct load *load);

#endif
