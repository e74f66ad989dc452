/* settings.c - one setting after another, each left only for a gain that chance would hardly make.
 *
 * Of two settings about as good, cross-validation of a few thousand cases often finds the worse
 * one better, so what works on most sets is where it begins. */
// SPDX-License-Identifier: Apache-2.0
#include "train/settings.h"

#include <math.h>

#include "train/fold.h"

enum { CHOICE_CASES = 3000 }; /* cross-validation for a choice looks at no more cases */

/* The cost goes up by this factor while that helps, or down once. */
static const double cost_first = 1, cost_factor = 2, cost_most = 4;
static const float values[] = {0.1f, 0.3f, 1.0f};
static const double chance = 0.125; /* times the root of the cases: about one deviation */
#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

struct choice {
    struct holdout *holdout;
    bool tried;  /* anything yet */
    size_t best; /* cases right with the best so far, which may be none */
    double cost;
};

static bool is_better(const struct choice *choice, size_t right)
{
    double gain = chance * sqrt((double)choice->holdout->count);
    return !choice->tried || (double)right > (double)choice->best + gain;
}

/* Whether this cost answers more cases rightly than the best so far; then it is kept. */
static enum error_code try_cost(struct choice *choice, double cost, bool *out_better,
                                struct error *err)
{
    TRY(holdout_linear(choice->holdout, cost, "choosing the cost", err));
    size_t right = holdout_right(choice->holdout);
    *out_better = is_better(choice, right);
    choice->tried = true;
    if (!*out_better) return ERR_NONE;
    choice->best = right;
    choice->cost = cost;
    return ERR_NONE;
}

static enum error_code choose_cost(struct choice *choice, struct error *err)
{
    bool better;
    choice->cost = cost_first;
    TRY(try_cost(choice, cost_first, &better, err));
    double cost = cost_first * cost_factor;
    TRY(try_cost(choice, cost, &better, err));
    if (!better) return try_cost(choice, cost_first / cost_factor, &better, err);
    while (better && cost < cost_most) {
        cost *= cost_factor;
        TRY(try_cost(choice, cost, &better, err));
    }
    return ERR_NONE;
}

/* x of every field value, in the vectors and in the model. */
static bool set_value(struct bag *bag, float value)
{
    bool any = false;
    for (size_t i = 0; i < bag->count; i++)
        for (uint32_t n = 0; n < bag->cases[i].nodes; n++) {
            struct feature_node *node = &bag->cases[i].x[n];
            if (bag_kind(bag, node->index) != NGRAM_VALUE) continue;
            node->value = (double)value;
            any = true;
        }
    bag->bow.value = value;
    return any;
}

static enum error_code choose_value(struct choice *choice, struct bag *bag, struct error *err)
{
    float value = values[0];
    for (size_t i = 1; i < COUNT_OF(values); i++) {
        set_value(bag, values[i]);
        TRY(holdout_linear(choice->holdout, choice->cost, "weighing field values", err));
        size_t right = holdout_right(choice->holdout);
        if (!is_better(choice, right)) continue;
        choice->best = right;
        value = values[i];
    }
    set_value(bag, value);
    return ERR_NONE;
}

enum error_code settings_choose(struct holdout *holdout, struct bag *bag, double *out_cost,
                                struct error *err)
{
    struct choice choice = {.holdout = holdout};
    holdout_choose(holdout, CHOICE_CASES);
    TRY(holdout_deal(holdout, fold_count(holdout->corpus->count), holdout->seed, err));
    bool any_values = set_value(bag, values[0]);
    TRY(choose_cost(&choice, err));
    if (any_values) TRY(choose_value(&choice, bag, err));
    *out_cost = choice.cost;
    return ERR_NONE;
}
