/* ensemble.c - whatever answers, one member or the pool of both, is a row of scores a case: it is
 * calibrated and gets its thresholds in the same way. */
// SPDX-License-Identifier: Apache-2.0
#include "train/ensemble.h"

#include "base/mem.h"
#include "train/blender.h"
#include "train/calibrator.h"

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

static void score_row(const struct calibrate *calibrate, const struct calibrator_cases *cases,
                      size_t i, const float *threshold, float *probability, struct score *score)
{
    uint32_t best = calibrate_apply(calibrate, cases->scores + i * cases->labels, cases->labels,
                                    cases->known[i], probability);
    bool abstained = threshold != NULL && probability[best] < threshold[best];
    score_add(score, cases->truth[i], best, probability[best], abstained);
}

enum error_code ensemble_score(const struct ensemble *ensemble, const struct answer_model *model,
                               struct score *whole, struct score member[ANSWER_MEMBERS],
                               struct error *err)
{
    /* A softmax without a calibration is one with this. */
    static const struct calibrate plain = {.scale = 1, .slope = 1};
    float *probability;
    TRY(mem_take(&probability, ensemble->labels, sizeof *probability, err));
    const struct calibrate *calibrate;
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
    mem_free(probability);
    return ERR_NONE;
}
