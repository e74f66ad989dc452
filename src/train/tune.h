/* tune.h - a language model learns texts, from the start or from another's knowledge.
 *
 * Out      a net whose parameters, and weights by name, are what was learnt
 * Errors   those of course.h
 * Memory   an arena, as large as tune_budget says; tune_close gives it back
 * Threads  one caller; the same bits for the same number of threads
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_TUNE_H
#define TRAIN_TUNE_H

#include "train/course.h"
#include "train/minibatch.h"
#include "train/prior.h"
#include "train/texts.h"

struct tune_options {
    const struct recipe_size *size; /* unless prior tells it */
    const struct prior *prior;      /* or NULL */
    bool pretrained;                /* the prior serves these texts */
    enum recipe_kind recipe;
    unsigned epochs; /* 0: the recipe's */
    size_t rows;     /* 0: the recipe's */
    double held_out; /* share of the texts that validation keeps */
    bool copied;     /* a copy of what was learnt is taken at the end: of the budget */
    const struct course_way *way;
};

struct tune {
    struct net net;
    size_t known; /* words of the vocabulary that the prior knew */
    double loss;  /* mean cross entropy of the last epoch, in training */
    double valid; /* of the texts held out; 0 without */

    struct gemm *gemm;
    struct arena arena;
    struct course course;
    struct course_lesson lesson;
    struct recipe recipe;
    struct minibatch_stream stream;
    const struct texts *texts;
    const struct tune_options *options;
    uint32_t *learn, *order, *valid_texts; /* texts: that are learnt, in the epoch's order */
    size_t learn_count, valid_count;
    uint32_t *x, *y; /* a batch */
};

/* Tells, if tell is not NULL, what tune_open will take, and refuses what will not fit. */
MUST_CHECK enum error_code tune_budget(const struct texts *texts,
                                       const struct tune_options *options,
                                       void (*tell)(const char *sentence), struct error *err);

MUST_CHECK enum error_code tune_open(struct tune **out_tune, const struct texts *texts,
                                     const struct tune_options *options, struct progress *progress,
                                     struct error *err);
void tune_close(struct tune *tune);

#endif
