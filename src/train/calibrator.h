/* calibrator.h - learns calibration and thresholds from the answers to held-out cases.
 *
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_CALIBRATOR_H
#define TRAIN_CALIBRATOR_H

#include "answer/calibrate.h"
#include "base/error.h"

/* Scores of cases that were not learnt from. */
struct calibrator_cases {
    const float *scores;   /* [count, labels] */
    const float *known;    /* [count]; NULL: nothing hangs on it */
    const uint32_t *truth; /* [count] */
    size_t count;
    uint32_t labels;
};

/* The log loss of all cases, whose softmax is scaled so. */
double calibrator_loss(const struct calibrator_cases *cases, double scale);

/* The scale that makes it lowest: the temperature that explains the cases best. */
double calibrator_scale(const struct calibrator_cases *cases);

struct calibrate calibrator_fit(const struct calibrator_cases *cases);

/* out_threshold [labels]: above it, a label's answers reach the target; at most the
 * target where none was wrong. A label with less than two held-out cases of its own, or answers,
 * has none: target itself. */
MUST_CHECK enum error_code calibrator_thresholds(const struct calibrator_cases *cases,
                                                 const struct calibrate *calibrate, float target,
                                                 float *out_threshold, struct error *err);

#endif
