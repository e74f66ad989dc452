/* blender.c - both members are made equally sure first, so that one number is left: ULMFiT's share.
 *
 * It is the share under which held-out cases are likeliest, pulled a little towards the linear
 * member: with few cases the valley is flat, and from few cases that one learns more. A plain mean
 * of probabilities loses to its better member where the other one is much worse; made equally
 * sure, that one hardly says anything (docs/decisions/008-blend.md has figures). */
// SPDX-License-Identifier: Apache-2.0
#include "train/blender.h"

#include <math.h>

#include "train/calibrator.h"
#include "train/search.h"

enum { SHARE_SECTIONS = 9, SCALE_SECTIONS = 7 };

static const double share_prior = 0.25, pull = 16;    /* in nats, times the square of how far off */
static const double pool_low = -0.7, pool_high = 1.2; /* logarithms: a pool is surer */
static const double unproved_share = 0.25;
static const double ease_low = -4, ease_high = 0;

struct pooling {
    const struct blender_cases *cases;
    double sure[ANSWER_MEMBERS]; /* each member's scale */
    float *pooled;
};

static struct calibrator_cases cases_of(const struct blender_cases *cases, const float *scores)
{
    return (struct calibrator_cases){.scores = scores,
                                     .known = cases->known,
                                     .truth = cases->truth,
                                     .count = cases->count,
                                     .labels = cases->labels};
}

static struct blend blend_with(const struct pooling *pooling, double share)
{
    return (struct blend){
        .weight = {[ANSWER_LINEAR] = (float)((1 - share) * pooling->sure[ANSWER_LINEAR]),
                   [ANSWER_ULMFIT] = (float)(share * pooling->sure[ANSWER_ULMFIT])}};
}

static void pool(const struct pooling *pooling, const struct blend *blend)
{
    const struct blender_cases *cases = pooling->cases;
    for (size_t i = 0; i < cases->count; i++) {
        const float *both[ANSWER_MEMBERS];
        for (int m = 0; m < ANSWER_MEMBERS; m++) both[m] = cases->scores[m] + i * cases->labels;
        blend_pool(blend, both, cases->labels, pooling->pooled + i * cases->labels);
    }
}

static double loss_of_scale(void *context, double logarithm)
{
    const struct pooling *pooling = context;
    struct calibrator_cases cases = cases_of(pooling->cases, pooling->pooled);
    return calibrator_loss(&cases, exp(logarithm));
}

static double loss_of_share(void *context, double share)
{
    struct pooling *pooling = context;
    struct blend blend = blend_with(pooling, share);
    pool(pooling, &blend);
    double best = search_lowest(loss_of_scale, pooling, pool_low, pool_high, SCALE_SECTIONS);
    double off = share - share_prior;
    return loss_of_scale(pooling, best) + pull * off * off;
}

/* How far a member's scores raise its best label over the mean one, summed. */
static double influence(const struct blender_cases *cases, enum answer_member member, float weight)
{
    double sum = 0;
    for (size_t i = 0; i < cases->count; i++) {
        const float *scores = cases->scores[member] + i * cases->labels;
        double best = (double)scores[0], mean = 0;
        for (uint32_t c = 0; c < cases->labels; c++) {
            best = fmax(best, (double)scores[c]);
            mean += (double)scores[c] / cases->labels;
        }
        sum += best - mean;
    }
    return sum * (double)weight;
}

static double share_of(const struct blender_cases *cases, const struct blend *blend)
{
    double linear = influence(cases, ANSWER_LINEAR, blend->weight[ANSWER_LINEAR]);
    double ulmfit = influence(cases, ANSWER_ULMFIT, blend->weight[ANSWER_ULMFIT]);
    return ulmfit / (linear + ulmfit);
}

struct blend blender_fit(const struct blender_cases *cases, float *out_pooled, double *out_share)
{
    struct pooling pooling = {.cases = cases, .pooled = out_pooled};
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        struct calibrator_cases own = cases_of(cases, cases->scores[m]);
        pooling.sure[m] = calibrator_scale(&own);
    }
    double share = search_lowest(loss_of_share, &pooling, 0, 1, SHARE_SECTIONS);
    /* The search never reaches its end, which is what a member that learnt nothing deserves. */
    if (loss_of_share(&pooling, 0) < loss_of_share(&pooling, share)) share = 0;
    struct blend blend = blend_with(&pooling, share);
    pool(&pooling, &blend);
    *out_share = share_of(cases, &blend);
    return blend;
}

/* How sure ULMFiT is, scaled so, on the mean, against how often the linear member is right. */
struct modesty {
    const struct blender_cases *cases;
    double right;
};

static double surer(void *context, double logarithm)
{
    const struct modesty *modesty = context;
    const struct blender_cases *cases = modesty->cases;
    struct calibrate scaled = {.scale = (float)exp(logarithm), .slope = 1};
    double sum = 0;
    for (size_t i = 0; i < cases->count; i++) {
        float logit;
        calibrate_best(&scaled, cases->scores[ANSWER_ULMFIT] + i * cases->labels, cases->labels, 1,
                       &logit);
        sum += 1 / (1 + exp(-(double)logit));
    }
    double off = sum / (double)cases->count - modesty->right;
    return off * off;
}

static double right_share(const struct blender_cases *cases, enum answer_member member)
{
    static const struct calibrate plain = {.scale = 1, .slope = 1};
    size_t right = 0;
    for (size_t i = 0; i < cases->count; i++) {
        float logit;
        right += calibrate_best(&plain, cases->scores[member] + i * cases->labels, cases->labels, 1,
                                &logit) == cases->truth[i];
    }
    return (double)right / (double)cases->count;
}

struct blend blender_fit_cautiously(const struct blender_cases *cases, float *out_pooled,
                                    double *out_share)
{
    struct pooling pooling = {.cases = cases, .pooled = out_pooled};
    struct calibrator_cases linear = cases_of(cases, cases->scores[ANSWER_LINEAR]);
    struct modesty modesty = {cases, right_share(cases, ANSWER_LINEAR)};
    pooling.sure[ANSWER_LINEAR] = calibrator_scale(&linear);
    pooling.sure[ANSWER_ULMFIT] =
        exp(search_lowest(surer, &modesty, ease_low, ease_high, SHARE_SECTIONS));
    struct blend blend = blend_with(&pooling, unproved_share);
    blend.calibrate =
        (struct calibrate){.scale = 1, .gamma = calibrator_fit(&linear).gamma, .slope = 1};
    pool(&pooling, &blend);
    *out_share = share_of(cases, &blend);
    return blend;
}
