/* import.h - a classifier or language model trained by fastai becomes ours.
 *
 * In      weights (.pth or .safetensors), vocabulary and labels as files
 * Out     everything checked and packed, ready to be written into a model file:
 *         vocab.image U8: the words with their hash table (vocab/vocab.h), and
 *           of a classifier the tensors of model/shrink.h and model/canary.h, and
 *           labels.start U32 [classes + 1], labels.text U8: the labels, sorted
 *           of a language model those of model/language.h
 * Errors  ERR_WEIGHTS names the tensor, word or label that is wrong
 * Memory  heap, some two times the weights; import_close gives it back
 * Threads one a struct
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_IMPORT_H
#define MODEL_IMPORT_H

#include "model/canary.h"
#include "model/language.h"
#include "model/load.h"
#include "model/shrink.h"
#include "model/strings.h"

struct import_options {
    const char *weights, *vocab, *labels; /* paths */
    uint32_t bptt, max_len;               /* not in the weights */
    bool exact;                           /* keep the f32 weights as well */
    bool language_model;                  /* no labels, no head */
};

struct import {
    struct load load;
    struct strings vocab, labels;
    char *vocab_image; /* vocab/vocab.h */
    size_t vocab_bytes;
    struct shrink shrink;
    struct shrink_names names;
    struct language_names language_names;
    struct canary_made canaries;
};

MUST_CHECK enum error_code import_open(struct import *out_import,
                                       const struct import_options *options, struct error *err);
void import_close(struct import *import);

/* Adds all tensors to a file being made; import must live until it is written. */
void import_draft(struct import *import, struct bundle_draft *draft);

#endif
