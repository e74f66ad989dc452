/* import.h - a classifier trained by fastai becomes ours.
 *
 * In      weights (.pth or .safetensors), vocabulary and labels as files
 * Out     everything checked and packed, ready to be written into a model file:
 *         ULMFiT's tensors (model/shrink.h) and
 *           ulmfit.canary.start U32 [n + 1], ulmfit.canary.ids U32, ulmfit.canary.logits
 *           F32 [n, classes]: sequences of ids with the answers of the exact path
 *           vocab.image U8: the words with their hash table (vocab/vocab.h)
 *           labels.start U32 [classes + 1], labels.text U8: the labels, sorted
 * Errors  ERR_WEIGHTS names the tensor, word or label that is wrong
 * Memory  heap, some two times the weights; import_close gives it back
 * Threads one a struct
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_IMPORT_H
#define MODEL_IMPORT_H

#include "model/checkpoint.h"
#include "model/shrink.h"
#include "model/strings.h"

enum { IMPORT_CANARIES = 4, IMPORT_CANARY_TOKENS = 32 + 8 + 80 + 1 };

struct import_options {
    const char *weights, *vocab, *labels; /* paths */
    uint32_t bptt, max_len;               /* not in the weights */
    bool exact;                           /* keep the f32 weights as well */
};

struct import {
    struct weights weights;
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    float *data[WEIGHTS_ROWS_MAX];
    size_t count;
    struct strings vocab, labels;
    char *vocab_image; /* vocab/vocab.h */
    size_t vocab_bytes;
    struct shrink shrink;
    struct shrink_names names;
    uint32_t canary_start[IMPORT_CANARIES + 1], canary_ids[IMPORT_CANARY_TOKENS];
    float *canary_logits;
};

MUST_CHECK enum error_code import_open(struct import *out_import,
                                       const struct import_options *options, struct error *err);
void import_close(struct import *import);

/* Adds all tensors to a file being made; import must live until it is written. */
void import_draft(struct import *import, struct bundle_draft *draft);

/* The weights of a checkpoint of a classifier; every tensor of it must be known. The
 * caller frees import->data with import_close, also after a failure. */
MUST_CHECK enum error_code import_weights(struct import *import,
                                          const struct checkpoint *checkpoint, uint32_t bptt,
                                          uint32_t max_len, struct error *err);

#endif
