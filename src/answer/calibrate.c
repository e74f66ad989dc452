/* calibrate.c - the softmax in double, because its tail decides nothing but must not be zero. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/calibrate.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

static const double known_least = 1e-3; /* a text without a known n-gram is all but unreadable */
static const double logit_bound = 20;   /* beyond, a float can not tell p from 0 or 1 */
static const double tail_bound = -80;   /* of an exponent: its share is still a float above 0 */

/* Far beyond what training gives, and near enough that sums of exponentials stay numbers. */
static bool is_fine(const struct calibrate *calibrate)
{
    static const float most = 1e6f, gamma_most = 16;
    return calibrate->scale > 0 && calibrate->scale <= most && calibrate->gamma >= 0 &&
           calibrate->gamma <= gamma_most && calibrate->slope > 0 && calibrate->slope <= most &&
           fabsf(calibrate->offset) <= most;
}

enum error_code calibrate_open(struct calibrate *out_calibrate, const struct bundle *bundle,
                               const char *name, struct error *err)
{
    struct calibrate calibrate;
    const float *numbers;
    TRY(bundle_tensor(bundle, name, SAFETENSORS_F32, CALIBRATE_PARAMETERS, 0, &numbers, err));
    memcpy(&calibrate, numbers, sizeof calibrate);
    if (!is_fine(&calibrate))
        return error_set(err, ERR_MODEL, 0, "the model's calibration '%s' is out of bounds", name);
    *out_calibrate = calibrate;
    return ERR_NONE;
}

static double steepness(const struct calibrate *calibrate, float known)
{
    return (double)calibrate->scale *
           pow(fmax((double)known, known_least), (double)calibrate->gamma);
}

uint32_t calibrate_best(const struct calibrate *calibrate, const float *scores, uint32_t labels,
                        float known, float *out_logit)
{
    check(labels >= 2);
    uint32_t best = 0;
    for (uint32_t c = 1; c < labels; c++)
        if (scores[c] > scores[best]) best = c;
    double a = steepness(calibrate, known), others = 0;
    for (uint32_t c = 0; c < labels; c++)
        if (c != best) others += exp(a * ((double)scores[c] - (double)scores[best]));
    *out_logit = (float)fmin(-log(others), logit_bound);
    return best;
}

uint32_t calibrate_apply(const struct calibrate *calibrate, const float *restrict scores,
                         uint32_t labels, float known, float *restrict out_probability)
{
    float logit;
    uint32_t best = calibrate_best(calibrate, scores, labels, known, &logit);
    double a = steepness(calibrate, known), others = 0, second = 0;
    for (uint32_t c = 0; c < labels; c++) {
        if (c == best) continue;
        double part = exp(fmax(a * ((double)scores[c] - (double)scores[best]), tail_bound));
        out_probability[c] = (float)part;
        others += part;
        second = fmax(second, part);
    }
    double z = (double)calibrate->slope * (double)logit + (double)calibrate->offset;
    double confidence = 1 / (1 + exp(-fmin(fmax(z, -logit_bound), logit_bound)));
    /* The best guess stays the likeliest, however little it is believed. */
    double runner_up = others > 0 ? second / others : 0;
    confidence = fmax(confidence, runner_up / (1 + runner_up));
    /* Strictly so: whoever looks for the highest must not find another that is as high. */
    float below = nextafterf((float)confidence, 0);
    for (uint32_t c = 0; c < labels; c++) {
        if (c == best) continue;
        float share = (float)((double)out_probability[c] / others * (1 - confidence));
        out_probability[c] = share < below ? share : below;
    }
    out_probability[best] = (float)confidence;
    return best;
}
