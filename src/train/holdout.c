/* holdout.c - cross-validation: a part at a time is scored by what the others teach. */
// SPDX-License-Identifier: Apache-2.0
#include "train/holdout.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/fold.h"
#include "train/linear.h"

enum error_code holdout_open(struct holdout *out_holdout, const struct corpus *corpus,
                             const struct bag *bag, uint64_t seed, struct crew *crew,
                             struct progress *progress, struct error *err)
{
    struct holdout holdout = {
        .corpus = corpus, .bag = bag, .crew = crew, .progress = progress, .seed = seed};
    size_t count = corpus->count, labels = corpus->label_count;
    enum error_code code = mem_take(&holdout.chosen, count, sizeof *holdout.chosen, err);
    if (code == ERR_NONE) code = mem_take(&holdout.fold, count, sizeof *holdout.fold, err);
    if (code == ERR_NONE)
        code = mem_take(&holdout.scores, count * labels, sizeof *holdout.scores, err);
    if (code == ERR_NONE) code = mem_take(&holdout.known, count, sizeof *holdout.known, err);
    if (code != ERR_NONE) {
        holdout_close(&holdout);
        return code;
    }
    *out_holdout = holdout;
    return ERR_NONE;
}

void holdout_close(struct holdout *holdout)
{
    mem_free(holdout->chosen);
    mem_free(holdout->fold);
    mem_free(holdout->scores);
    mem_free(holdout->known);
    *holdout = (struct holdout){0};
}

void holdout_choose(struct holdout *holdout, size_t limit)
{
    size_t all = holdout->corpus->count, kept = 0;
    for (size_t i = 0; i < all; i++) {
        uint64_t draw = rng_mix(holdout->corpus->cases[i].hash ^ holdout->seed) >> 32;
        if (all <= limit || draw * all < (uint64_t)limit << 32)
            holdout->chosen[kept++] = (uint32_t)i;
    }
    holdout->count = kept;
}

enum error_code holdout_deal(struct holdout *holdout, uint32_t folds, uint64_t seed,
                             struct error *err)
{
    holdout->folds = folds;
    return fold_deal(holdout->corpus, holdout->chosen, holdout->count, folds, seed, holdout->fold,
                     err);
}

/* One part: who teaches, who is scored, and into which rows. */
struct turn {
    uint32_t *learn, *score; /* [count], which share one piece of memory */
    size_t learns, scored;
    float *scores, *known; /* [count, labels], [count] */
};

static void part_cases(const struct holdout *holdout, uint32_t fold, struct turn *turn)
{
    turn->learns = turn->scored = 0;
    for (size_t i = 0; i < holdout->count; i++) {
        if (holdout->fold[i] == fold)
            turn->score[turn->scored++] = holdout->chosen[i];
        else
            turn->learn[turn->learns++] = holdout->chosen[i];
    }
}

static void keep_scores(struct holdout *holdout, uint32_t fold, const struct turn *turn)
{
    size_t labels = holdout->corpus->label_count;
    for (size_t i = 0, at = 0; i < holdout->count; i++) {
        if (holdout->fold[i] != fold) continue;
        memcpy(holdout->scores + i * labels, turn->scores + at * labels,
               labels * sizeof *turn->scores);
        holdout->known[i] = turn->known[at++];
    }
}

static enum error_code score_part(struct holdout *holdout, uint32_t fold, double cost,
                                  const char *title, struct turn *turn, struct error *err)
{
    part_cases(holdout, fold, turn);
    if (turn->learns == 0 || turn->scored == 0) return ERR_NONE;
    TRY(linear_learn(&(struct linear_task){.bag = holdout->bag,
                                           .corpus = holdout->corpus,
                                           .learn = turn->learn,
                                           .learn_count = turn->learns,
                                           .score = turn->score,
                                           .score_count = turn->scored,
                                           .cost = cost,
                                           .seed = holdout->seed + fold,
                                           .title = title,
                                           .scores = turn->scores,
                                           .known = turn->known},
                     holdout->crew, holdout->progress, err));
    keep_scores(holdout, fold, turn);
    return ERR_NONE;
}

enum error_code holdout_linear(struct holdout *holdout, double cost, const char *title,
                               struct error *err)
{
    size_t count = holdout->count, labels = holdout->corpus->label_count;
    struct turn turn = {0};
    TRY(mem_take(&turn.learn, 2 * count, sizeof *turn.learn, err));
    enum error_code code = mem_take(&turn.scores, count * (labels + 1), sizeof *turn.scores, err);
    if (code == ERR_NONE) {
        turn.score = turn.learn + count;
        turn.known = turn.scores + count * labels;
    }
    for (uint32_t f = 0; f < holdout->folds && code == ERR_NONE; f++)
        code = score_part(holdout, f, cost, title, &turn, err);
    mem_free(turn.learn);
    mem_free(turn.scores);
    return code;
}

size_t holdout_right(const struct holdout *holdout)
{
    size_t right = 0, labels = holdout->corpus->label_count;
    for (size_t i = 0; i < holdout->count; i++) {
        const float *scores = holdout->scores + i * labels;
        uint32_t best = 0;
        for (uint32_t c = 1; c < labels; c++)
            if (scores[c] > scores[best]) best = c;
        right += best == holdout->corpus->cases[holdout->chosen[i]].label;
    }
    return right;
}
