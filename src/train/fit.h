/* fit.h - from labelled cases to a model file.
 *
 * Steps    features; cost and weight of field values by cross-validation; scores
 *          of held-out cases; calibration and thresholds from them; weights from
 *          all cases, as small integers; canaries; the file
 * Out      a model in memory that answers, and the score of its held-out answers
 * Errors   fewer than two labels or cases are refused
 * Memory   fit_close frees all
 * Threads  one caller, who brings the crew; the same result for any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_FIT_H
#define TRAIN_FIT_H

#include "answer/answer.h"
#include "train/bag.h"
#include "train/score.h"

struct fit_options {
    float target_precision;
    uint64_t seed;
};

struct fit {
    struct answer_model model; /* points into what follows */
    struct bag bag;
    struct score held_out;
    double cost;
    uint32_t folds;
    char *label_text;
    uint32_t *label_start, *label_cases;
    float *threshold;
    int8_t *weight;
    float *scale, *bias;
    char *canary_text;
    uint32_t *canary_start, *canary_label;
    float *canary_confidence;
};

MUST_CHECK enum error_code fit_open(struct fit *out_fit, const struct corpus *corpus,
                                    const struct fit_options *options, struct crew *crew,
                                    struct progress *progress, struct error *err);
MUST_CHECK enum error_code fit_write(const struct fit *fit, const struct corpus *corpus,
                                     const char *path, const char *program_version,
                                     struct error *err);
void fit_close(struct fit *fit);

#endif
