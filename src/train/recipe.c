/* recipe.c - tables. */
// SPDX-License-Identifier: Apache-2.0
#include "train/recipe.h"

#include <limits.h>
#include <string.h>

enum {
    ROWS_MOST = 32, /* of a batch */
    ROWS_LEAST = 8,
    LONG_TOKENS = 100, /* of a text, on the mean */
};

/* Steps of a training, by whether a language model of other texts was at hand. From scratch the
 * loss lies on a plateau for the first thousand or two, and labels of a few dozen cases are learnt
 * last of all. */
struct steps_wanted {
    uint64_t enough; /* batches are not made smaller */
    uint64_t least;  /* epochs are added */
    unsigned epochs; /* of them at most */
    unsigned fewest; /* epochs are left out down to so many, where these are steps enough */
};
static const struct steps_wanted language_steps[2] = {
    [false] = {5000, 7000, 8, UINT_MAX}, [true] = {1000, 0, 0, UINT_MAX}};
static const struct steps_wanted labels_steps[2] = {
    [false] = {12500, 2000, 60, UINT_MAX}, [true] = {1000, 640, 60, 6}};

static const struct recipe_size sizes[] = {
    {"small", 64, 192, 3},
    {"medium", 200, 512, 3},
    {"full", 400, 1152, 3},
};

static const char *const kinds[] = {[RECIPE_OWN] = "own", [RECIPE_FASTAI] = "fastai"};
#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

/* From group to group of a classifier's five the rate grows by 2.6 (Howard & Ruder 2018). */
#define SPREAD (1 / (2.6 * 2.6 * 2.6 * 2.6))

/* What all have alike. */
static const struct recipe usual = {.rows = ROWS_MOST, .drop_mult = 0.5f, .decay = 0.01};

static const struct recipe_cut beginnings = {.percent = 75, .least = 10};

/* By kind, and by whether a language model of other texts was at hand; no epochs end a row. */
static const struct recipe_stage language[2][2][RECIPE_STAGES_MAX] = {
    [RECIPE_FASTAI] = {[false] = {{"all layers", 0, 8, 5e-3, 5e-3}},
                       [true] = {{"embedding", 1, 1, 1e-2, 1e-2},
                                 {"all layers", 0, 8, 2e-3, 2e-3}}},
    [RECIPE_OWN] = {[false] = {{"all layers", 0, 2, 1e-2, 1e-2}},
                    [true] = {{"embedding", 1, 1, 1e-2, 1e-2}, {"all layers", 0, 3, 5e-3, 5e-3}}},
};

/* Gradual thawing saves what was learnt from much text. */
static const struct recipe_stage labels_fastai[RECIPE_STAGES_MAX] = {
    {"head", 1, 2, 2e-2, 2e-2},
    {"last layer", 2, 1, 1e-2 * SPREAD, 1e-2},
    {"last two layers", 3, 1, 5e-3 * SPREAD, 5e-3},
    {"all layers", 0, 4, 2e-3 * SPREAD, 2e-3},
};

/* From a few thousand texts of the desk little was, and what the lower layers need to know only
 * the labels teach. With much text behind it a network bears twice the rate, by which another may
 * learn nothing at all, and needs fewer epochs. */
static const struct recipe_stage labels_own[2][RECIPE_STAGES_MAX] = {
    [false] = {{"all layers", 0, 20, 5e-3, 5e-3}},
    [true] = {{"all layers", 0, 12, 1e-2, 1e-2}},
};

static struct recipe with(const struct recipe_stage stages[RECIPE_STAGES_MAX])
{
    struct recipe recipe = usual;
    while (recipe.stage_count < RECIPE_STAGES_MAX && stages[recipe.stage_count].epochs > 0) {
        recipe.stages[recipe.stage_count] = stages[recipe.stage_count];
        recipe.stage_count++;
    }
    return recipe;
}

const struct recipe_size *recipe_size_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        if (strcmp(sizes[i].name, name) == 0) return &sizes[i];
    return NULL;
}

bool recipe_kind_of(const char *name, enum recipe_kind *out_kind)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i], name) != 0) continue;
        *out_kind = (enum recipe_kind)i;
        return true;
    }
    return false;
}

const char *recipe_kind_name(enum recipe_kind kind) { return kinds[kind]; }

static struct recipe_stage *longest_of(struct recipe *recipe)
{
    struct recipe_stage *longest = &recipe->stages[0];
    for (size_t i = 1; i < recipe->stage_count; i++)
        if (recipe->stages[i].epochs > longest->epochs) longest = &recipe->stages[i];
    return longest;
}

static uint64_t steps_of(const struct recipe *recipe, uint64_t rows)
{
    return rows == 0 ? 1 : (rows + recipe->rows - 1) / recipe->rows;
}

/* Epochs of so many steps each, that make those wanted. */
static uint64_t epochs_of(uint64_t wanted, uint64_t steps) { return (wanted + steps - 1) / steps; }

/* What learns is steps, and smaller batches make more of them at the same cost, until there
 * are so many that each should rather be sure. Of little it takes more epochs, too, of much fewer,
 * else cases are learnt by heart. rows: of an epoch, all batches together. */
static void fit_steps(struct recipe *recipe, uint64_t rows, const struct steps_wanted *wanted)
{
    struct recipe_stage *longest = longest_of(recipe);
    uint64_t epochs = epochs_of(wanted->enough, steps_of(recipe, rows));
    if (epochs < wanted->fewest) epochs = wanted->fewest;
    if (longest->epochs > epochs) longest->epochs = (unsigned)epochs;
    while (recipe->rows > ROWS_LEAST && longest->epochs * steps_of(recipe, rows) < wanted->enough)
        recipe->rows /= 2;
    epochs = epochs_of(wanted->least, steps_of(recipe, rows));
    if (epochs > wanted->epochs) epochs = wanted->epochs;
    if (longest->epochs < epochs) longest->epochs = (unsigned)epochs;
}

/* Whoever learns long texts alone hardly knows what to make of short ones, for a word that is one
 * of hundreds there is one of five here. Where all are short, beginnings of them are too little; so
 * they are for a network that does not know the language yet. */
static bool are_long(const struct recipe_facts *facts)
{
    return facts->tokens >= facts->texts * LONG_TOKENS;
}

/* A text of which mostly beginnings are seen bears to be seen more often. */
static void begin_with(struct recipe *recipe)
{
    recipe->cut = beginnings;
    struct recipe_stage *longest = longest_of(recipe);
    longest->epochs += longest->epochs / 2;
}

/* What somebody asked for instead. */
static void override(struct recipe *recipe, const struct recipe_facts *facts)
{
    if (facts->rows > 0) recipe->rows = facts->rows;
    if (facts->epochs > 0) longest_of(recipe)->epochs = facts->epochs;
}

void recipe_language(struct recipe *out_recipe, const struct recipe_facts *facts)
{
    *out_recipe = with(language[facts->kind][facts->pretrained]);
    if (facts->kind == RECIPE_OWN)
        fit_steps(out_recipe, facts->tokens / RECIPE_STEPS, &language_steps[facts->pretrained]);
    override(out_recipe, facts);
}

void recipe_labels(struct recipe *out_recipe, const struct recipe_facts *facts)
{
    bool own = facts->kind == RECIPE_OWN;
    *out_recipe = with(own ? labels_own[facts->pretrained] : labels_fastai);
    if (own) fit_steps(out_recipe, facts->texts, &labels_steps[facts->pretrained]);
    if (own && facts->pretrained && are_long(facts)) begin_with(out_recipe);
    override(out_recipe, facts);
}
