/* ensemble.h - members together: from their held-out answers to calibration, blend, thresholds, and
 * what these are worth.
 *
 *   ensemble_open(&ensemble, corpus, cases, count, has, ...)
 *   fill ensemble.scores of each member, and ensemble.known
 *   ensemble_fit(&ensemble, &options, &model, threshold, ...)
 *   ensemble_score(&ensemble, &options, &model, &blend, member, ...)   the rows change places
 *
 * Memory   ensemble_close gives it back
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_ENSEMBLE_H
#define TRAIN_ENSEMBLE_H

#include "answer/answer.h"
#include "train/corpus.h"
#include "train/score.h"

struct ensemble {
    size_t count; /* of cases held out */
    uint32_t labels;
    uint32_t *truth;               /* [count] */
    float *scores[ANSWER_MEMBERS]; /* [count, labels]; NULL: there is no such member */
    float *known;                  /* [count], 1 where there is no linear member */
    float *pooled;                 /* [count, labels], of both; NULL where there is one */
    uint32_t *part;                /* [count]; equal texts share one */
    double share;                  /* ULMFiT's, of the blend (train/blender.h) */
};

struct ensemble_options {
    float target_precision;
    bool perhaps_seen; /* ULMFiT may have learnt these cases by heart */
};

/* cases [count]: numbers of cases of the corpus. */
MUST_CHECK enum error_code ensemble_open(struct ensemble *out_ensemble, const struct corpus *corpus,
                                         const uint32_t *cases, size_t count,
                                         const bool has[ANSWER_MEMBERS], struct error *err);
void ensemble_close(struct ensemble *ensemble);

/* Fills the model's calibrations and blend, and out_threshold [labels]. A model whose ULMFiT
 * answers by its own softmax keeps that. */
MUST_CHECK enum error_code ensemble_fit(struct ensemble *ensemble,
                                        const struct ensemble_options *options,
                                        struct answer_model *model, float *out_threshold,
                                        struct error *err);

/* Counts the answers of the whole and of each member such a model has; the scores are open. A part
 * of the cases at a time is answered by what the others teach, for what was fitted to them would
 * praise itself. */
MUST_CHECK enum error_code ensemble_score(struct ensemble *ensemble,
                                          const struct ensemble_options *options,
                                          const struct answer_model *model, struct score *whole,
                                          struct score member[ANSWER_MEMBERS], struct error *err);

#endif
