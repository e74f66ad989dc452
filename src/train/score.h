/* score.h - how good answers were: accuracy, F1, coverage and precision, calibration.
 *
 * Accuracy counts the best guess, abstained or not. Coverage is the share of
 * cases answered without abstaining, precision the share of those that is right.
 *
 * Memory   score_close frees it
 * Threads  one at a time; scores of parts are added up by score_merge
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_SCORE_H
#define TRAIN_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { SCORE_BINS = 15 };

struct score_label {
    uint64_t cases;   /* whose label it is */
    uint64_t guessed; /* whose best guess it is */
    uint64_t right;
    uint64_t answered; /* of the guessed, not abstained */
    uint64_t answered_right;
};

struct score {
    uint32_t labels;
    struct score_label *label; /* [labels + 1]; the last: labels the model does not know */
    uint32_t strangers;        /* how many these are; 0: one, where there is a case of one */
    struct {
        uint64_t cases, right;
        double confidence;
    } bin[SCORE_BINS];
};

MUST_CHECK enum error_code score_open(struct score *out_score, uint32_t labels, struct error *err);
void score_close(struct score *score);

/* truth may be `labels`: one the model does not know. confidence: 0 to 1. */
void score_add(struct score *score, uint32_t truth, uint32_t best, float confidence,
               bool abstained);
void score_merge(struct score *score, const struct score *other);

struct score_sum {
    uint64_t cases, right, answered, answered_right, unknown;
    double accuracy, macro_f1, coverage, precision, calibration_error;
};
struct score_sum score_sum(const struct score *score);

double score_f1(const struct score_label *label);

/* a / b, 0 where b is 0. */
double score_ratio(uint64_t a, uint64_t b);

#endif
