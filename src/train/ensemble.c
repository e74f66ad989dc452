/* ensemble.c - whatever answers, one member or the pool of both, is a row of scores a case: it is
 * calibrated and gets its thresholds in the same way. */
// SPDX-License-Identifier: Apache-2.0
#include "train/ensemble.h"

#include <string.h>

#include "base/mem.h"
#include "train/blender.h"
#include "train/calibrator.h"
#include "train/fold.h"

/* Parts of the held-out cases: of five, the four that teach are almost as many as teach the model
 * (docs/decisions/002-calibration.md). They are the same for every seed. */
enum { PARTS = 5, PARTS_SEED = 11 };

enum error_code ensemble_open(struct ensemble *out_ensemble, const struct corpus *corpus,
                              const uint32_t *cases, size_t count, const bool has[ANSWER_MEMBERS],
                              struct error *err)
{
    struct ensemble ensemble = {.count = count, .labels = corpus->label_count};
    size_t cells = count * ensemble.labels;
    bool all = true;
    enum error_code code = mem_take(&ensemble.truth, count, sizeof *ensemble.truth, err);
    if (code == ERR_NONE) code = mem_take(&ensemble.known, count, sizeof *ensemble.known, err);
    for (int m = 0; m < ANSWER_MEMBERS && code == ERR_NONE; m++) {
        all &= has[m];
        if (has[m]) code = mem_take(&ensemble.scores[m], cells, sizeof(float), err);
    }
    if (code == ERR_NONE && all) code = mem_take(&ensemble.pooled, cells, sizeof(float), err);
    if (code == ERR_NONE) code = mem_take(&ensemble.part, count, sizeof *ensemble.part, err);
    if (code == ERR_NONE)
        code = fold_deal(corpus, cases, count, PARTS, PARTS_SEED, ensemble.part, err);
    if (code != ERR_NONE) {
        ensemble_close(&ensemble);
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        ensemble.truth[i] = corpus->cases[cases[i]].label;
        ensemble.known[i] = 1;
    }
    *out_ensemble = ensemble;
    return ERR_NONE;
}

void ensemble_close(struct ensemble *ensemble)
{
    mem_free(ensemble->truth);
    mem_free(ensemble->known);
    mem_free(ensemble->pooled);
    mem_free(ensemble->part);
    for (int m = 0; m < ANSWER_MEMBERS; m++) mem_free(ensemble->scores[m]);
    *ensemble = (struct ensemble){0};
}

static struct calibrator_cases cases_of(const struct ensemble *ensemble, const float *scores)
{
    return (struct calibrator_cases){.scores = scores,
                                     .known = ensemble->known,
                                     .truth = ensemble->truth,
                                     .count = ensemble->count,
                                     .labels = ensemble->labels};
}

/* ULMFiT does not tell how much of a text it knows, so nothing hangs on that. */
static struct calibrate calibrate_ulmfit(const struct ensemble *ensemble)
{
    struct calibrator_cases cases = cases_of(ensemble, ensemble->scores[ANSWER_ULMFIT]);
    cases.known = NULL;
    return calibrator_fit(&cases);
}

static struct blend fit_blend(struct ensemble *ensemble, bool perhaps_seen)
{
    struct blender_cases cases = {.known = ensemble->known,
                                  .truth = ensemble->truth,
                                  .count = ensemble->count,
                                  .labels = ensemble->labels};
    for (int m = 0; m < ANSWER_MEMBERS; m++) cases.scores[m] = ensemble->scores[m];
    if (perhaps_seen) return blender_fit_cautiously(&cases, ensemble->pooled, &ensemble->share);
    struct blend blend = blender_fit(&cases, ensemble->pooled, &ensemble->share);
    struct calibrator_cases pooled = cases_of(ensemble, ensemble->pooled);
    blend.calibrate = calibrator_fit(&pooled);
    return blend;
}

/* What answers: the scores of every case, and how they become probabilities. */
static struct calibrator_cases answering(const struct ensemble *ensemble,
                                         const struct answer_model *model,
                                         const struct calibrate **out_calibrate)
{
    enum answer_member member = model->has[ANSWER_LINEAR] ? ANSWER_LINEAR : ANSWER_ULMFIT;
    bool both = ensemble->pooled != NULL;
    *out_calibrate = both ? &model->blend.calibrate : &model->calibrate[member];
    return cases_of(ensemble, both ? ensemble->pooled : ensemble->scores[member]);
}

enum error_code ensemble_fit(struct ensemble *ensemble, const struct ensemble_options *options,
                             struct answer_model *model, float *out_threshold, struct error *err)
{
    if (model->has[ANSWER_LINEAR]) {
        struct calibrator_cases cases = cases_of(ensemble, ensemble->scores[ANSWER_LINEAR]);
        model->calibrate[ANSWER_LINEAR] = calibrator_fit(&cases);
    }
    if (model->has[ANSWER_ULMFIT] && !model->softmax)
        model->calibrate[ANSWER_ULMFIT] = calibrate_ulmfit(ensemble);
    if (ensemble->pooled != NULL) model->blend = fit_blend(ensemble, options->perhaps_seen);
    /* Answers that may have been learnt by heart prove nothing: the blend's own word must do. */
    for (uint32_t c = 0; c < ensemble->labels; c++) out_threshold[c] = options->target_precision;
    if (options->perhaps_seen) return ERR_NONE;
    const struct calibrate *calibrate;
    struct calibrator_cases cases = answering(ensemble, model, &calibrate);
    return calibrator_thresholds(&cases, calibrate, options->target_precision, out_threshold, err);
}

/* What it is worth */

static void swap_floats(float *a, float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

static void swap_numbers(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

/* What was pooled is made anew in its place. */
static void swap_rows(struct ensemble *ensemble, size_t a, size_t b)
{
    size_t labels = ensemble->labels;
    swap_numbers(&ensemble->truth[a], &ensemble->truth[b]);
    swap_numbers(&ensemble->part[a], &ensemble->part[b]);
    swap_floats(&ensemble->known[a], &ensemble->known[b], 1);
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        if (ensemble->scores[m] != NULL)
            swap_floats(ensemble->scores[m] + a * labels, ensemble->scores[m] + b * labels, labels);
}

/* Brings the rows of a part behind all others; how many these are. */
static size_t set_apart(struct ensemble *ensemble, uint32_t part)
{
    size_t end = ensemble->count;
    for (size_t i = ensemble->count; i-- > 0;)
        if (ensemble->part[i] == part) swap_rows(ensemble, i, --end);
    return end;
}

static struct ensemble rows_of(const struct ensemble *ensemble, size_t first, size_t count)
{
    struct ensemble rows = *ensemble;
    size_t cells = first * ensemble->labels;
    rows.count = count;
    rows.truth += first;
    rows.known += first;
    rows.part += first;
    if (rows.pooled != NULL) rows.pooled += cells;
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        if (rows.scores[m] != NULL) rows.scores[m] += cells;
    return rows;
}

static void pool(const struct ensemble *ensemble, const struct blend *blend)
{
    for (size_t i = 0; i < ensemble->count; i++) {
        const float *both[ANSWER_MEMBERS];
        for (int m = 0; m < ANSWER_MEMBERS; m++)
            both[m] = ensemble->scores[m] + i * ensemble->labels;
        blend_pool(blend, both, ensemble->labels, ensemble->pooled + i * ensemble->labels);
    }
}

static void score_row(const struct calibrate *calibrate, const struct calibrator_cases *cases,
                      size_t i, const float *threshold, float *probability, struct score *score)
{
    uint32_t best = calibrate_apply(calibrate, cases->scores + i * cases->labels, cases->labels,
                                    cases->known[i], probability);
    bool abstained = threshold != NULL && probability[best] < threshold[best];
    score_add(score, cases->truth[i], best, probability[best], abstained);
}

static void score_rows(const struct ensemble *ensemble, const struct answer_model *model,
                       float *probability, struct score *whole, struct score member[ANSWER_MEMBERS])
{
    /* A softmax without a calibration is one with this. */
    static const struct calibrate plain = {.scale = 1, .slope = 1};
    const struct calibrate *calibrate;
    if (ensemble->pooled != NULL) pool(ensemble, &model->blend);
    struct calibrator_cases cases = answering(ensemble, model, &calibrate);
    for (size_t i = 0; i < cases.count; i++)
        score_row(calibrate, &cases, i, model->threshold, probability, whole);
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        if (!model->has[m]) continue;
        bool is_plain = m == ANSWER_ULMFIT && model->softmax;
        cases = cases_of(ensemble, ensemble->scores[m]);
        for (size_t i = 0; i < cases.count; i++)
            score_row(is_plain ? &plain : &model->calibrate[m], &cases, i, NULL, probability,
                      &member[m]);
    }
}

/* What the other parts teach lies in `taught` and in its thresholds. */
struct proving {
    const struct ensemble_options *options;
    struct answer_model *taught;
    float *threshold, *probability; /* [labels] */
};

static enum error_code score_part(struct ensemble *ensemble, uint32_t part,
                                  const struct proving *proving, struct score *whole,
                                  struct score member[ANSWER_MEMBERS], struct error *err)
{
    size_t others = set_apart(ensemble, part);
    struct ensemble asked = rows_of(ensemble, others, ensemble->count - others);
    /* Where all are of one text there is nothing else to learn from. */
    struct ensemble teach = rows_of(ensemble, 0, others > 0 ? others : ensemble->count);
    if (asked.count == 0) return ERR_NONE;
    TRY(ensemble_fit(&teach, proving->options, proving->taught, proving->threshold, err));
    score_rows(&asked, proving->taught, proving->probability, whole, member);
    return ERR_NONE;
}

enum error_code ensemble_score(struct ensemble *ensemble, const struct ensemble_options *options,
                               const struct answer_model *model, struct score *whole,
                               struct score member[ANSWER_MEMBERS], struct error *err)
{
    struct proving proving = {.options = options};
    size_t labels = ensemble->labels;
    TRY(mem_take(&proving.taught, 1, sizeof *proving.taught, err));
    enum error_code code = mem_take(&proving.threshold, 2 * labels, sizeof(float), err);
    if (code == ERR_NONE) {
        proving.probability = proving.threshold + labels;
        proving.taught->threshold = proving.threshold;
        proving.taught->softmax = model->softmax;
        memcpy(proving.taught->has, model->has, sizeof model->has);
    }
    for (uint32_t p = 0; p < PARTS && code == ERR_NONE; p++)
        code = score_part(ensemble, p, &proving, whole, member, err);
    mem_free(proving.threshold);
    mem_free(proving.taught);
    return code;
}
