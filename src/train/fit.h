/* fit.h - from labelled cases to a model file.
 *
 * Steps    ULMFiT (train/network.h): the texts, and whether learning them will fit
 *          the linear member: features; cost and weight of field values by cross-validation;
 *          scores of held-out cases; from all cases, as small integers
 *          ULMFiT: the language; scores of held-out cases
 *          calibration of each, their blend and the thresholds, from cases that neither has
 *          learnt; then ULMFiT learns from all cases, as small integers; canaries; the file
 * Out      a model in memory that answers, and the scores of held-out answers
 * Errors   fewer than two labels or cases are refused
 * Memory   fit_close frees all; a fit stays where it was opened, for the model points into it
 * Threads  one caller, who brings the crew; the same result for any number, but for ULMFiT
 *          learnt (train/learn.h)
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_FIT_H
#define TRAIN_FIT_H

#include "answer/answer.h"
#include "train/bag.h"
#include "train/network.h"
#include "train/score.h"

struct fit_options {
    float target_precision;
    uint64_t seed;
    bool without[ANSWER_MEMBERS];
    struct network_options network;
    bool unseen; /* the model of network.with has not learnt from these cases */
};

struct fit {
    struct answer_model model; /* points into what follows */
    bool has[ANSWER_MEMBERS];
    struct bag bag;
    struct network network;
    struct score held_out;               /* of the answers: train/ensemble.h */
    struct score member[ANSWER_MEMBERS]; /* of each member's */
    double share;                        /* ULMFiT's, of the blend */
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

/* options must live until fit_close. */
MUST_CHECK enum error_code fit_open(struct fit *out_fit, const struct corpus *corpus,
                                    const struct fit_options *options, struct crew *crew,
                                    struct progress *progress, struct error *err);
/* Whether the scores are of answers to cases that no member has learnt from. */
bool fit_proved(const struct fit_options *options);

MUST_CHECK enum error_code fit_write(struct fit *fit, const struct corpus *corpus,
                                     const struct fit_options *options, const char *path,
                                     const char *program_version, struct error *err);
void fit_close(struct fit *fit);

#endif
