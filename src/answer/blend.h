/* blend.h - what members say becomes one answer: a log-linear pool.
 *
 *   z = sum over members m of weight_m score_m      [labels]
 *   probabilities = calibrate(z)                    (calibrate.h, strange texts included)
 *
 * A member's probabilities raised to its weight, multiplied, made to sum to 1: what
 * both hold for unlikely is unlikely. Learnt on held-out cases (train/blender.h).
 *
 * Memory   in the model file: blend.weight F32 [2], in the order of the enum, and
 *          blend.calibration F32 [4]
 * Threads  any number
 * Source   Hinton, products of experts (2002); Genest and Zidek (1986)
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef ANSWER_BLEND_H
#define ANSWER_BLEND_H

#include "answer/calibrate.h"
#include "model/bundle.h"

enum answer_member { ANSWER_LINEAR, ANSWER_ULMFIT, ANSWER_MEMBERS };

struct blend {
    float weight[ANSWER_MEMBERS];
    struct calibrate calibrate;
};

/* From a file, checked; ERR_MODEL tells what is out of bounds. */
MUST_CHECK enum error_code blend_open(struct blend *out_blend, const struct bundle *bundle,
                                      struct error *err);

/* The tensors of a file being made; blend must live until it is written. */
void blend_draft(const struct blend *blend, struct bundle_draft *draft);

/* Pools the members' scores; out_z [labels]. */
void blend_pool(const struct blend *blend, const float *const scores[ANSWER_MEMBERS],
                uint32_t labels, float *restrict out_z);

#endif
