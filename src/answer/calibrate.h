/* calibrate.h - scores become probabilities that mean what they say.
 *
 *   a = scale known^gamma                   strange texts are trusted less
 *   p = softmax(a scores)
 *   confidence of the best = sigmoid(slope logit(p_best) + offset)
 *   the others share the rest in proportion to their p
 *
 * scale, slope and offset are learnt on held-out cases (train/calibrator.h).
 *
 * Threads  any number
 * Source   temperature scaling (Guo et al., ICML 2017) and Platt (1999)
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef ANSWER_CALIBRATE_H
#define ANSWER_CALIBRATE_H

#include <stdint.h>

#include "model/bundle.h"

enum { CALIBRATE_PARAMETERS = 4 };

struct calibrate {
    float scale, gamma, slope, offset; /* the order in the model file */
};

/* From the F32 tensor [CALIBRATE_PARAMETERS] of this name; ERR_MODEL where it is out of bounds. */
MUST_CHECK enum error_code calibrate_open(struct calibrate *out_calibrate,
                                          const struct bundle *bundle, const char *name,
                                          struct error *err);

/* The best label, and the logit of its share of the softmax: what slope and offset act on. */
uint32_t calibrate_best(const struct calibrate *calibrate, const float *scores, uint32_t labels,
                        float known, float *out_logit);

/* out_probability [labels], sums to 1, highest at the best label; returns the best. */
uint32_t calibrate_apply(const struct calibrate *calibrate, const float *restrict scores,
                         uint32_t labels, float known, float *restrict out_probability);

#endif
