/* linear.h - one linear SVM a label, by liblinear.
 *
 * A label's problem is independent of the others, so labels are what the crew
 * shares out; each seeds its own random numbers, and the result is the same for
 * any number of threads. Two labels need one problem only.
 *
 * Source   L2-regularised L2-loss SVM, dual coordinate descent (Hsieh et al., ICML
 *          2008), one against the rest
 * Threads  one caller, who brings the crew
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_LINEAR_H
#define TRAIN_LINEAR_H

#include "train/bag.h"

/* Learns from the cases `learn` and scores the cases `score`. */
struct linear_task {
    const struct bag *bag;
    const struct corpus *corpus;
    const uint32_t *learn;
    size_t learn_count;
    const uint32_t *score;
    size_t score_count;
    double cost;
    uint64_t seed;
    const char *title; /* for progress */

    /* Out, each may be NULL. A score row is [labels]; of a scored case, n-grams
     * that no case of `learn` has count as unknown, as they would have been. */
    float *scores; /* [score_count, labels] */
    float *known;  /* [score_count] */
    float *weight; /* [labels, features] */
    float *bias;   /* [labels] */
};

MUST_CHECK enum error_code linear_learn(const struct linear_task *task, struct crew *crew,
                                        struct progress *progress, struct error *err);

#endif
