/* blender.h - learns from held-out cases how far to believe each member.
 *
 * In       both members' scores of cases that neither has learnt from
 * Out      weights of the pool (answer/blend.h), and the pooled scores, from which
 *          calibration and thresholds follow as for a single member
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_BLENDER_H
#define TRAIN_BLENDER_H

#include "answer/blend.h"

struct blender_cases {
    const float *scores[ANSWER_MEMBERS]; /* [count, labels] each */
    const float *known;                  /* [count] */
    const uint32_t *truth;               /* [count] */
    size_t count;
    uint32_t labels;
};

/* Fills out_pooled [count, labels] with the pooled scores, and *out_share with ULMFiT's share in
 * them, 0 to 1: of how far the best label is raised over the mean one. The calibration is not
 * learnt here. */
struct blend blender_fit(const struct blender_cases *cases, float *out_pooled, double *out_share);

/* Where ULMFiT has perhaps learnt the very cases: its answers prove nothing then. It is made no
 * surer than the linear member deserves to be, gets a small share, and the calibration leaves
 * the pooled scores as they are. */
struct blend blender_fit_cautiously(const struct blender_cases *cases, float *out_pooled,
                                    double *out_share);

#endif
