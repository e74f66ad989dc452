/* recipe.h - how a network learns when nobody says otherwise: sizes, stages, rates, dropout.
 *
 * A training is a row of stages. Each is one cycle of the schedule over its epochs;
 * a stage may leave the lower groups of parameters frozen.
 *
 * Threads  any number
 * Source   fastai's examples: ULMFiT, section 7.7; our own is measured in docs/TRAINING.md
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recipe_size {
    const char *name; /* as --size takes it */
    uint32_t width, hidden, layers;
};

enum recipe_kind {
    RECIPE_OWN,   /* "own": epochs and rates by the amount of data */
    RECIPE_FASTAI /* "fastai": the conventional ones, to compare with */
};

enum {
    RECIPE_STAGES_MAX = 8,
    RECIPE_STEPS = 72, /* words a row of the language model's batches has, as fastai's */
};

struct recipe_stage {
    const char *title;
    unsigned thawed; /* groups that learn, counted from the last; 0: all */
    unsigned epochs;
    double low, high; /* rates of the first and of the last group */
};

/* Classifier: which batches are but beginnings of their texts. */
struct recipe_cut {
    unsigned percent;
    size_t least; /* words */
};

struct recipe {
    struct recipe_stage stages[RECIPE_STAGES_MAX];
    size_t stage_count;
    size_t rows; /* of a batch */
    float drop_mult;
    double decay; /* of weights, times the rate, a step */
    struct recipe_cut cut;
    bool clean; /* classifier: padded to whole blocks (model/net.h) */
};

/* What a recipe depends on. */
struct recipe_facts {
    enum recipe_kind kind;
    uint64_t texts,
        tokens;      /* of the corpus, also where some are held out: one recipe for all turns */
    bool pretrained; /* begins from a language model that knows most of their words */
    unsigned epochs; /* of the longest stage, instead of the recipe's; 0: the recipe's */
    size_t rows;     /* likewise */
};

/* NULL where there is no such size or recipe; out untouched. */
const struct recipe_size *recipe_size_of(const char *name);
bool recipe_kind_of(const char *name, enum recipe_kind *out_kind);
const char *recipe_kind_name(enum recipe_kind kind);

void recipe_language(struct recipe *out_recipe, const struct recipe_facts *facts);
void recipe_labels(struct recipe *out_recipe, const struct recipe_facts *facts);

#endif
