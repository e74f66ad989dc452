/* blend.c - a weighted sum of scores; the softmax behind it is calibrate's. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/blend.h"

#include <string.h>

/* Far beyond what training gives, and near enough that sums of scores stay numbers. */
static const float weight_most = 1e6f;

static bool is_fine(const float *weight)
{
    float sum = 0;
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        if (!(weight[m] >= 0 && weight[m] <= weight_most)) return false;
        sum += weight[m];
    }
    return sum > 0;
}

enum error_code blend_open(struct blend *out_blend, const struct bundle *bundle, struct error *err)
{
    struct blend blend;
    const float *weight;
    TRY(bundle_tensor(bundle, "blend.weight", SAFETENSORS_F32, ANSWER_MEMBERS, 0, &weight, err));
    if (!is_fine(weight))
        return error_set(err, ERR_MODEL, 0, "the model's blend of members is out of bounds");
    memcpy(blend.weight, weight, sizeof blend.weight);
    TRY(calibrate_open(&blend.calibrate, bundle, "blend.calibration", err));
    *out_blend = blend;
    return ERR_NONE;
}

void blend_draft(const struct blend *blend, struct bundle_draft *draft)
{
    bundle_draft_tensor(draft, "blend.weight", SAFETENSORS_F32, ANSWER_MEMBERS, 0, blend->weight);
    bundle_draft_tensor(draft, "blend.calibration", SAFETENSORS_F32, CALIBRATE_PARAMETERS, 0,
                        &blend->calibrate);
}

void blend_pool(const struct blend *blend, const float *const scores[ANSWER_MEMBERS],
                uint32_t labels, float *restrict out_z)
{
    for (uint32_t c = 0; c < labels; c++) out_z[c] = 0;
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        for (uint32_t c = 0; c < labels; c++) out_z[c] += blend->weight[m] * scores[m][c];
}
