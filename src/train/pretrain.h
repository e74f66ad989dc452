/* pretrain.h - a language model from plain text, for trainings to begin from.
 *
 * In       files of text, a paragraph a line (train/paragraphs.h)
 * Out      a language model's file (model/language.h)
 * Errors   those of texts, tune and course
 * Memory   pretrain_close gives it back
 * Threads  one caller, who brings the crew
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_PRETRAIN_H
#define TRAIN_PRETRAIN_H

#include "train/tune.h"

struct pretrain_options {
    const char *const *paths;
    size_t path_count;
    const struct recipe_size *size;
    enum recipe_kind recipe;
    unsigned epochs;
    size_t rows;
    size_t words_max;                 /* of the vocabulary */
    double held_out;                  /* share of the paragraphs that tell the perplexity */
    const char *init;                 /* a language model to begin from, or NULL */
    const char *language, *tokenizer; /* NULL: init's */
    struct course_way way;
};

struct pretrain {
    const struct pretrain_options *options;
    const char *language, *tokenizer;
    struct texts texts;
    struct prior prior;
    struct tune *tune;
    struct tune_options tune_options;
    struct language_names names; /* of the file's tensors */
};

/* options must live until pretrain_close. */
MUST_CHECK enum error_code pretrain_open(struct pretrain *out_pretrain,
                                         const struct pretrain_options *options, struct crew *crew,
                                         struct progress *progress, struct error *err);

/* Writes the file, and then removes the checkpoint. */
MUST_CHECK enum error_code pretrain_write(struct pretrain *pretrain, const char *program_version,
                                          struct error *err);
void pretrain_close(struct pretrain *pretrain);

#endif
