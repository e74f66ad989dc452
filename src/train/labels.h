/* labels.h - a classifier learns the labels of texts, from what a language model knows.
 *
 * Out      a net whose parameters, and weights by name, are what was learnt
 * Errors   fewer than two texts; those of course.h
 * Memory   an arena; labels_close gives it back
 * Threads  one caller; the same bits for the same number of threads
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_LABELS_H
#define TRAIN_LABELS_H

#include "model/clas.h"
#include "train/course.h"
#include "train/minibatch.h"

struct labels_options {
    const struct texts *texts;
    const uint32_t *label; /* of every text, below classes */
    uint32_t classes;
    const struct weights *language; /* of the texts' words; NULL while only budgeting */
    struct weights_shape shape;     /* of the language model */
    enum recipe_kind recipe;
    bool pretrained; /* of recipe_facts */
    bool smallest;   /* no smaller size can be had */
    unsigned epochs; /* 0: the recipe's */
    size_t rows;     /* 0: the recipe's */
    const struct course_way *way;
};

struct labels {
    struct net net;
    double loss; /* mean cross entropy of the last epoch, in training */

    struct gemm *gemm;
    struct arena arena;
    struct course course;
    struct course_lesson lesson;
    struct recipe recipe;
    const struct labels_options *options;
    const uint32_t *chosen;
    size_t count, longest, blocks, at; /* texts; tokens and blocks of the longest; the batch */
    size_t copies;                     /* of parameters, that are still to be taken */
    uint32_t *order;                   /* [count] */
    struct clas_text *rows;            /* a batch */
    uint32_t *row_labels;
    char training[32];
};

/* turn tells trainings of one run apart. */
MUST_CHECK enum error_code labels_open(struct labels **out_labels,
                                       const struct labels_options *options, unsigned turn,
                                       const uint32_t *chosen, size_t count,
                                       struct progress *progress, struct error *err);
void labels_close(struct labels *labels);

/* Tells, if tell is not NULL, what labels_open and copies of what is learnt before and by it take,
 * and refuses what will not fit. */
MUST_CHECK enum error_code labels_budget(const struct labels_options *options,
                                         const uint32_t *chosen, size_t count,
                                         void (*tell)(const char *sentence), struct error *err);

/* Removes the checkpoint of a turn. */
void labels_forget(const char *output, unsigned turn);

/* A text as the network reads it: its first READER_TOKENS_MAX words. */
struct clas_text labels_text(const struct texts *texts, size_t text);

#endif
