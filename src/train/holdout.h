/* holdout.h - what the linear member says of cases it has not learnt from.
 *
 *   holdout_choose(&holdout, limit)             all cases, or about so many of them
 *   holdout_deal(&holdout, folds, seed, ...)    each into a part; equal texts share one
 *   holdout_linear(&holdout, cost, title, ...)  scores of every part, learnt without it
 *
 * Memory   holdout_close gives it back
 * Threads  one caller, who brings the crew; the same result for any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_HOLDOUT_H
#define TRAIN_HOLDOUT_H

#include "train/bag.h"

struct holdout {
    const struct corpus *corpus;
    const struct bag *bag;
    struct crew *crew;
    struct progress *progress;
    uint64_t seed;
    uint32_t folds;
    size_t count;     /* of the cases chosen */
    uint32_t *chosen; /* [count], which they are */
    uint32_t *fold;   /* [count], the part of each */
    float *scores;    /* [count, labels] */
    float *known;     /* [count] */
};

/* Takes what all cases of the corpus need. */
MUST_CHECK enum error_code holdout_open(struct holdout *out_holdout, const struct corpus *corpus,
                                        const struct bag *bag, uint64_t seed, struct crew *crew,
                                        struct progress *progress, struct error *err);
void holdout_close(struct holdout *holdout);

/* Takes at most about `limit` cases, spread by the hash of their text. */
void holdout_choose(struct holdout *holdout, size_t limit);
MUST_CHECK enum error_code holdout_deal(struct holdout *holdout, uint32_t folds, uint64_t seed,
                                        struct error *err);
MUST_CHECK enum error_code holdout_linear(struct holdout *holdout, double cost, const char *title,
                                          struct error *err);

/* How many of the chosen cases the highest score finds. */
size_t holdout_right(const struct holdout *holdout);

#endif
