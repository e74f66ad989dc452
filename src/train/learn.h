/* learn.h - ULMFiT learns from labelled cases: their language first, then their labels.
 *
 *   learn_open(&learn, corpus, &options, ...)     cuts the texts of all cases into words
 *   learn_language(&learn, ...)                   tunes a language model on them
 *   learn_labels(&learn, 0, chosen, count, ...)   a classifier from the cases chosen
 *   learn_labels(&learn, 1, others, n, ...)       another one, from the same language model
 *   learn_forget(&learn)                          the model file is written: no resuming
 *   learn_close(&learn)
 *
 * What a model file wants then lies here as it lies in an import (model/import.h):
 * weights in f32 for shrink_open and canary_make, texts.image for "vocab.image", the
 * metadata fields, language and tokenizer; the post rule applies ("post_rule" is "yes").
 * The weights are the last classifier's, and change with the next.
 *
 * Resuming  every training has a file beside the output, written at intervals and at
 *           its end. With options.resume a training that had ended is read back, one
 *           under way goes on, to the same bits; whoever calls in the same order needs
 *           to know nothing of it
 * Errors    ERR_MEMORY beforehand, with what would fit; ERR_STOPPED after Ctrl-C, when all is
 *           written down; ERR_DATA where the loss is no number, with the step
 * Memory    heap and arenas; learn_close gives it back, also after a failure
 * Threads   one caller; the same bits for the same number of threads
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_LEARN_H
#define TRAIN_LEARN_H

#include "answer/reader.h"
#include "train/corpus.h"
#include "train/course.h"
#include "train/prior.h"
#include "train/texts.h"

enum { LEARN_TURNS_MAX = 4 };

struct learn_options {
    const struct recipe_size *size; /* may be NULL where `init` tells it */
    enum recipe_kind recipe;
    unsigned epochs;       /* of the longest stages; 0: the recipe's */
    size_t rows;           /* of a batch; 0: the recipe's */
    size_t words_max;      /* of the vocabulary */
    const char *init;      /* a language model's file to begin from, or NULL */
    const char *language;  /* of the texts, "en"; NULL: init's */
    const char *tokenizer; /* "spacy3"; NULL: init's */
    struct course_way way; /* seed, threads, checkpoints, memory, history */
};

struct learn {
    /* For the model file. */
    struct weights weights; /* of the classifier learnt last */
    struct texts texts;     /* the words: texts.image, texts.image_bytes, texts.vocab */
    struct reader reader;   /* how a case becomes ids, for answers to cases held out */
    char fields[128];       /* "subject,description,...": those that are not always empty */
    const char *language, *tokenizer;

    /* How it went. */
    double perplexity; /* of the language model's last epoch, in training */
    size_t known;      /* words that the model begun from knew */
    double loss;       /* of the classifier's last epoch, in training */

    const struct corpus *corpus;
    struct learn_options options;
    struct prior prior;
    bool pretrained;        /* it serves these texts */
    struct weights encoder; /* what the language model knows */
    float *encoder_data;
    float *data; /* the weights' */
    uint32_t *label;
};

MUST_CHECK enum error_code learn_open(struct learn *out_learn, const struct corpus *corpus,
                                      const struct learn_options *options, struct crew *crew,
                                      struct progress *progress, struct error *err);

MUST_CHECK enum error_code learn_language(struct learn *learn, struct progress *progress,
                                          struct error *err);

/* A classifier of all the corpus' labels, from these of its cases. turn: below LEARN_TURNS_MAX. */
MUST_CHECK enum error_code learn_labels(struct learn *learn, unsigned turn, const uint32_t *chosen,
                                        size_t count, struct progress *progress, struct error *err);

/* Removes the files to resume from. */
void learn_forget(const struct learn *learn);
void learn_close(struct learn *learn);

#endif
