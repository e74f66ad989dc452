/* calibrator.c - one temperature, one line, a threshold a label.
 *
 * The temperature that explains held-out cases best is found first, then halved:
 * the softer softmax looks at more of the scores, which tells texts of no label
 * from hard ones (questions outside the labels of clinc150: 89 % told apart with
 * the full temperature, 91 % with half of it), and the line behind it restores
 * the probabilities. gamma is fixed: held-out cases are of known labels, so
 * they can not teach how much less to believe a text of strange words.
 *
 * A threshold is the lowest confidence above which a label's held-out answers
 * were right often enough, where a few imagined answers of the confidence
 * claimed steady the count of small labels; of a label whose answers all were
 * right it is no higher than the target. Tomorrow's cases are stranger than
 * held-out ones, so no answer is given that is itself wrong more than
 * EDGE_FACTOR times as often as the target allows on average.
 */
// SPDX-License-Identifier: Apache-2.0
#include "train/calibrator.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/search.h"

static const float gamma_strange = 1.5f;
static const double softer = 0.5;
static const double line_prior = 0.5; /* pull of slope to 1 and offset to 0, in cases */
static const double scale_low = -4, scale_high = 4; /* logarithms; ULMFiT may be far too sure */
static const double imagined = 5;                   /* answers */
static const double edge_factor = 3;

enum {
    SECTIONS = 25,
    NEWTON_STEPS = 50,
    CASES_MAX = 16384, /* three numbers are known well from these; more would only take time */
};

static float known_of(const struct calibrator_cases *cases, size_t i)
{
    return cases->known != NULL ? cases->known[i] : 1;
}

static float gamma_of(const struct calibrator_cases *cases)
{
    return cases->known != NULL ? gamma_strange : 0;
}

/* Every so manyth case is looked at. */
static size_t stride(const struct calibrator_cases *cases)
{
    return (cases->count + CASES_MAX - 1) / CASES_MAX;
}

double calibrator_loss(const struct calibrator_cases *cases, double scale)
{
    struct calibrate soft = {.scale = (float)scale, .gamma = gamma_of(cases)};
    double sum = 0;
    for (size_t i = 0; i < cases->count; i += stride(cases)) {
        const float *scores = cases->scores + i * cases->labels;
        float logit;
        float known = known_of(cases, i);
        uint32_t best = calibrate_best(&soft, scores, cases->labels, known, &logit);
        /* -log p_truth = a (s_best - s_truth) - log p_best */
        double a = scale * pow(fmax((double)known, 1e-3), (double)soft.gamma);
        sum += a * ((double)scores[best] - (double)scores[cases->truth[i]]) +
               log1p(exp(-(double)logit));
    }
    return sum * (double)stride(cases);
}

static double loss_at(void *context, double logarithm)
{
    return calibrator_loss(context, exp(logarithm));
}

double calibrator_scale(const struct calibrator_cases *cases)
{
    return exp(search_lowest(loss_at, (void *)cases, scale_low, scale_high, SECTIONS));
}

/* Logistic regression of "the best is right" on the logit, by Newton's method. */
static void fit_line(const struct calibrator_cases *cases, struct calibrate *calibrate)
{
    double slope = 1, offset = 0;
    for (int step = 0; step < NEWTON_STEPS; step++) {
        double gs = 2 * line_prior * (slope - 1), go = 2 * line_prior * offset;
        double hss = 2 * line_prior, hso = 0, hoo = 2 * line_prior;
        for (size_t i = 0; i < cases->count; i += stride(cases)) {
            float logit;
            uint32_t best = calibrate_best(calibrate, cases->scores + i * cases->labels,
                                           cases->labels, known_of(cases, i), &logit);
            double x = (double)logit, q = 1 / (1 + exp(-(slope * x + offset)));
            double miss = q - (best == cases->truth[i]), w = q * (1 - q);
            gs += miss * x;
            go += miss;
            hss += w * x * x;
            hso += w * x;
            hoo += w;
        }
        double det = hss * hoo - hso * hso;
        double ds = (gs * hoo - go * hso) / det, d_offset = (go * hss - gs * hso) / det;
        slope -= ds;
        offset -= d_offset;
        if (fabs(ds) + fabs(d_offset) < 1e-9) break;
    }
    calibrate->slope = (float)fmax(slope, 0.05); /* more score is never less belief */
    calibrate->offset = (float)offset;
}

struct calibrate calibrator_fit(const struct calibrator_cases *cases)
{
    struct calibrate calibrate = {.gamma = gamma_of(cases), .slope = 1};
    calibrate.scale = (float)(calibrator_scale(cases) * softer);
    fit_line(cases, &calibrate);
    return calibrate;
}

struct told {
    float confidence;
    uint32_t label;
    uint32_t right;
};

static int by_label_confidence(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->confidence != y->confidence) return x->confidence > y->confidence ? -1 : 1;
    return (int)y->right - (int)x->right;
}

enum error_code calibrator_thresholds(const struct calibrator_cases *cases,
                                      const struct calibrate *calibrate, float target,
                                      float *out_threshold, struct error *err)
{
    struct told *told;
    float *probability;
    uint32_t *own = NULL; /* cases of each label */
    TRY(mem_take(&told, cases->count, sizeof *told, err));
    enum error_code code = mem_take(&probability, cases->labels, sizeof *probability, err);
    if (code != ERR_NONE) probability = NULL;
    if (code == ERR_NONE) code = mem_take(&own, cases->labels, sizeof *own, err);
    if (code != ERR_NONE) {
        mem_free(told);
        mem_free(probability);
        return code;
    }
    for (size_t i = 0; i < cases->count; i++) {
        own[cases->truth[i]]++;
        uint32_t best = calibrate_apply(calibrate, cases->scores + i * cases->labels, cases->labels,
                                        known_of(cases, i), probability);
        told[i] = (struct told){probability[best], best, best == cases->truth[i]};
    }
    qsort(told, cases->count, sizeof *told, by_label_confidence);
    double floor = fmax(0, 1 - edge_factor * (1 - (double)target));
    size_t at = 0;
    for (uint32_t c = 0; c < cases->labels; c++) {
        double right = 0, claimed = 0, threshold = 2;
        size_t n = 0;
        for (; at < cases->count && told[at].label == c; at++) {
            n++;
            right += told[at].right;
            claimed += (double)told[at].confidence;
            bool tie = at + 1 < cases->count && told[at + 1].label == c &&
                       told[at + 1].confidence == told[at].confidence;
            double precision = (right + imagined * claimed / (double)n) / ((double)n + imagined);
            if (!tie && precision >= (double)target) threshold = (double)told[at].confidence;
        }
        /* None was wrong: nothing says where between the target and these it would begin to be. */
        if (right == (double)n) threshold = fmin(threshold, (double)target);
        /* Nothing seen: its own word must do. */
        if (n < 2 || own[c] < 2) threshold = (double)target;
        out_threshold[c] = (float)fmax(threshold, floor);
    }
    mem_free(told);
    mem_free(probability);
    mem_free(own);
    return ERR_NONE;
}
