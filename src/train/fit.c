/* fit.c - the road of training, in the order of its steps. */
// SPDX-License-Identifier: Apache-2.0
#include "train/fit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/writer.h"
#include "train/ensemble.h"
#include "train/fold.h"
#include "train/holdout.h"
#include "train/linear.h"
#include "train/settings.h"

enum {
    CANARIES = 8,
    CANARY_BYTES_MAX = 4096, /* of a case that may become one */
    FOLDS_BESIDE = 10,
};

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

struct fitting {
    struct fit *fit;
    const struct corpus *corpus;
    const struct fit_options *options;
    struct crew *crew;
    struct progress *progress;
    struct holdout holdout;          /* of the linear member */
    struct network_held_out network; /* of ULMFiT */
    struct ensemble ensemble;
};

/* Before anything is learnt */

static enum error_code refuse_hopeless(const struct corpus *corpus, struct error *err)
{
    if (corpus->count == 0) return error_set(err, ERR_DATA, 0, "no usable cases to learn from");
    if (corpus->label_count >= 2) return ERR_NONE;
    return error_set(err, ERR_DATA, 0,
                     "all %zu cases have the label '%.*s'; there is nothing to tell apart",
                     corpus->count, (int)corpus->labels[0].size, corpus->labels[0].data);
}

static enum error_code keep_labels(struct fit *fit, const struct corpus *corpus, struct error *err)
{
    size_t bytes = 0, labels = corpus->label_count;
    for (size_t c = 0; c < labels; c++) bytes += corpus->labels[c].size;
    TRY(mem_take(&fit->label_text, bytes, 1, err));
    TRY(mem_take(&fit->label_start, labels + 1, sizeof *fit->label_start, err));
    TRY(mem_take(&fit->label_cases, labels, sizeof *fit->label_cases, err));
    TRY(mem_take(&fit->threshold, labels, sizeof *fit->threshold, err));
    for (size_t c = 0, at = 0; c < labels; c++) {
        memcpy(fit->label_text + at, corpus->labels[c].data, corpus->labels[c].size);
        at += corpus->labels[c].size;
        fit->label_start[c + 1] = (uint32_t)at;
        fit->label_cases[c] = corpus->label_cases[c];
    }
    return ERR_NONE;
}

/* The linear member */

/* Beside ULMFiT, which takes minutes, more parts cost little, and the share of the blend is that of
 * a member almost as good as the one that will answer. */
static uint32_t folds_of(const struct fitting *fitting)
{
    if (fitting->fit->has[ANSWER_ULMFIT]) return FOLDS_BESIDE;
    return fold_count(fitting->corpus->count);
}

static enum error_code learn_linear(struct fitting *fitting, struct error *err)
{
    struct fit *fit = fitting->fit;
    struct holdout *holdout = &fitting->holdout;
    uint64_t seed = fitting->options->seed;
    TRY(bag_open(&fit->bag, fitting->corpus, fitting->crew, fitting->progress, err));
    TRY(holdout_open(holdout, fitting->corpus, &fit->bag, seed, fitting->crew, fitting->progress,
                     err));
    TRY(settings_choose(holdout, &fit->bag, &fit->cost, err));
    holdout_choose(holdout, fitting->corpus->count);
    fit->folds = folds_of(fitting);
    TRY(holdout_deal(holdout, fit->folds, seed + 1, err));
    return holdout_linear(holdout, fit->cost, "answering held-out cases", err);
}

/* A row a feature, in steps of its own. */
static void quantise(struct fit *fit, const float *weight, size_t features, size_t labels)
{
    for (size_t f = 0; f < features; f++) {
        float largest = 0;
        for (size_t c = 0; c < labels; c++)
            largest = fmaxf(largest, fabsf(weight[c * features + f]));
        fit->scale[f] = largest / 127;
        for (size_t c = 0; c < labels && largest > 0; c++)
            fit->weight[f * labels + c] = (int8_t)lrintf(weight[c * features + f] / fit->scale[f]);
    }
}

/* From all cases, once its settings and held-out answers are known; then its vectors have served.
 */
static enum error_code finish_linear(struct fitting *fitting, struct error *err)
{
    struct fit *fit = fitting->fit;
    size_t features = fit->bag.bow.features, labels = fitting->corpus->label_count;
    float *weight;
    TRY(mem_take(&weight, features * labels, sizeof *weight, err));
    enum error_code code = mem_take(&fit->weight, features * labels, sizeof *fit->weight, err);
    if (code == ERR_NONE) code = mem_take(&fit->scale, features, sizeof *fit->scale, err);
    if (code == ERR_NONE) code = mem_take(&fit->bias, labels, sizeof *fit->bias, err);
    if (code == ERR_NONE)
        code = linear_learn(&(struct linear_task){.bag = &fit->bag,
                                                  .corpus = fitting->corpus,
                                                  .learn = fitting->holdout.chosen,
                                                  .learn_count = fitting->holdout.count,
                                                  .cost = fit->cost,
                                                  .seed = fitting->options->seed,
                                                  .title = "learning from all cases",
                                                  .weight = weight,
                                                  .bias = fit->bias},
                            fitting->crew, fitting->progress, err);
    if (code == ERR_NONE) quantise(fit, weight, features, labels);
    mem_free(weight);
    return code;
}

/* What is believed */

bool fit_proved(const struct fit_options *options)
{
    return options->network.with == NULL || options->unseen;
}

/* The cases that every member has answered without having learnt them. */
static const uint32_t *proved(const struct fitting *fitting, size_t *out_count)
{
    bool has_network = fitting->fit->has[ANSWER_ULMFIT];
    *out_count = has_network ? fitting->network.count : fitting->holdout.count;
    return has_network ? fitting->network.cases : fitting->holdout.chosen;
}

static void gather(struct fitting *fitting, const uint32_t *cases)
{
    struct ensemble *ensemble = &fitting->ensemble;
    const struct fit *fit = fitting->fit;
    size_t labels = ensemble->labels;
    if (fit->has[ANSWER_ULMFIT])
        memcpy(ensemble->scores[ANSWER_ULMFIT], fitting->network.scores,
               ensemble->count * labels * sizeof(float));
    if (!fit->has[ANSWER_LINEAR]) return;
    const struct holdout *holdout = &fitting->holdout; /* of all cases, in their order */
    check(holdout->count == fitting->corpus->count);
    for (size_t i = 0; i < ensemble->count; i++) {
        memcpy(ensemble->scores[ANSWER_LINEAR] + i * labels, holdout->scores + cases[i] * labels,
               labels * sizeof(float));
        ensemble->known[i] = holdout->known[cases[i]];
    }
}

static enum error_code believe(struct fitting *fitting, struct error *err)
{
    struct fit *fit = fitting->fit;
    struct ensemble *ensemble = &fitting->ensemble;
    size_t count;
    const uint32_t *cases = proved(fitting, &count);
    TRY(ensemble_open(ensemble, fitting->corpus, cases, count, fit->has, err));
    gather(fitting, cases);
    struct answer_model *model = &fit->model;
    memcpy(model->has, fit->has, sizeof model->has);
    model->threshold = fit->threshold;
    bool unproved = !fit_proved(fitting->options);
    model->softmax = unproved;
    const struct ensemble_options options = {.target_precision = fitting->options->target_precision,
                                             .perhaps_seen = unproved};
    TRY(ensemble_fit(ensemble, &options, model, fit->threshold, err));
    fit->share = ensemble->share;
    TRY(score_open(&fit->held_out, ensemble->labels, err));
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        TRY(score_open(&fit->member[m], ensemble->labels, err));
    return ensemble_score(ensemble, &options, model, &fit->held_out, fit->member, err);
}

/* The model as a view of what was learnt; serving sees the same through the file. */
static void view(struct fit *fit, const struct corpus *corpus, const struct fit_options *options)
{
    struct answer_model *model = &fit->model;
    model->label_count = corpus->label_count;
    model->label_start = fit->label_start;
    model->label_text = fit->label_text;
    model->label_cases = fit->label_cases;
    model->target_precision = options->target_precision;
    if (fit->has[ANSWER_ULMFIT]) network_view(&fit->network, model);
    if (!fit->has[ANSWER_LINEAR]) return;
    model->bow = fit->bag.bow;
    model->bow.labels = corpus->label_count;
    model->bow.weight = fit->weight;
    model->bow.scale = fit->scale;
    model->bow.bias = fit->bias;
}

/* The first short enough case of evenly spaced labels. */
static enum error_code keep_canaries(struct fit *fit, const struct corpus *corpus,
                                     struct error *err)
{
    TRY(mem_take(&fit->canary_text, (size_t)CANARIES * CANARY_BYTES_MAX, 1, err));
    TRY(mem_take(&fit->canary_start, (size_t)CANARIES * CASE_FIELDS + 1, sizeof(uint32_t), err));
    TRY(mem_take(&fit->canary_label, CANARIES, sizeof *fit->canary_label, err));
    TRY(mem_take(&fit->canary_confidence, CANARIES, sizeof *fit->canary_confidence, err));
    struct answer_context context;
    TRY(answer_begin(&context, &fit->model, err));
    uint32_t count = 0;
    uint32_t at = 0;
    for (uint32_t n = 0; n < CANARIES && n < corpus->label_count; n++) {
        uint32_t label = (uint32_t)((uint64_t)n * corpus->label_count / CANARIES);
        if (corpus->label_count < CANARIES) label = n;
        size_t i = 0;
        while (i < corpus->count && (corpus->cases[i].label != label ||
                                     case_bytes(&corpus->cases[i].text) > CANARY_BYTES_MAX))
            i++;
        if (i == corpus->count) continue;
        const struct case_text *text = &corpus->cases[i].text;
        for (int f = 0; f < CASE_FIELDS; f++) {
            memcpy(fit->canary_text + at, text->field[f].data, text->field[f].size);
            at += (uint32_t)text->field[f].size;
            fit->canary_start[(size_t)count * CASE_FIELDS + (size_t)f + 1] = at;
        }
        struct answer answer;
        answer_case(&context, text, &answer);
        fit->canary_label[count] = answer.best;
        fit->canary_confidence[count++] = answer.confidence;
    }
    answer_end(&context);
    fit->model.canary_count = count;
    fit->model.canary_start = fit->canary_start;
    fit->model.canary_text = fit->canary_text;
    fit->model.canary_label = fit->canary_label;
    fit->model.canary_confidence = fit->canary_confidence;
    return ERR_NONE;
}

static void close_fitting(struct fitting *fitting)
{
    holdout_close(&fitting->holdout);
    network_forget(&fitting->network);
    ensemble_close(&fitting->ensemble);
}

/* The whole */

static enum error_code learn(struct fitting *fitting, struct error *err)
{
    struct fit *fit = fitting->fit;
    const struct corpus *corpus = fitting->corpus;
    const struct fit_options *options = fitting->options;
    TRY(keep_labels(fit, corpus, err));
    if (fit->has[ANSWER_ULMFIT])
        TRY(network_open(&fit->network, corpus, &options->network, fitting->crew, fitting->progress,
                         err));
    if (fit->has[ANSWER_LINEAR]) {
        TRY(learn_linear(fitting, err));
        TRY(finish_linear(fitting, err));
        bag_shed(&fit->bag);
    }
    if (fit->has[ANSWER_ULMFIT])
        TRY(network_hold_out(&fit->network, options->seed + 2, &fitting->network, fitting->crew,
                             fitting->progress, err));
    TRY(believe(fitting, err));
    if (fit->has[ANSWER_ULMFIT]) TRY(network_finish(&fit->network, fitting->progress, err));
    view(fit, corpus, options);
    return keep_canaries(fit, corpus, err);
}

enum error_code fit_open(struct fit *out_fit, const struct corpus *corpus,
                         const struct fit_options *options, struct crew *crew,
                         struct progress *progress, struct error *err)
{
    TRY(refuse_hopeless(corpus, err));
    struct fit *fit = out_fit;
    *fit = (struct fit){0};
    for (int m = 0; m < ANSWER_MEMBERS; m++) fit->has[m] = !options->without[m];
    struct fitting fitting = {
        .fit = fit, .corpus = corpus, .options = options, .crew = crew, .progress = progress};
    enum error_code code = learn(&fitting, err);
    close_fitting(&fitting);
    if (code != ERR_NONE) fit_close(fit);
    return code;
}

/* The file */

static void describe_fields(struct bundle_draft *draft)
{
    char fields[256];
    struct writer names = writer_of(fields, sizeof fields - 1);
    for (int f = 0; f < CASE_FIELDS; f++) {
        if (case_rows[f].linear == CASE_LINEAR_NONE) continue;
        if (names.used > 0) writer_text(&names, ",");
        writer_text(&names, case_rows[f].name);
    }
    fields[names.used] = '\0';
    bundle_draft_meta(draft, "fields", fields);
    bundle_draft_meta(draft, "language", "any");
}

/* How ULMFiT was learnt. */
static void describe_network(struct bundle_draft *draft, const struct fit *fit,
                             const struct fit_options *options)
{
    const struct learn *learn = &fit->network.learn;
    const struct learn_options *how = &options->network.learn;
    bundle_draft_number(draft, "ulmfit_share", fit->share);
    if (options->network.with != NULL) return;
    bundle_draft_count(draft, "ulmfit_threads", how->way.threads);
    bundle_draft_number(draft, "ulmfit_perplexity", learn->perplexity);
    bundle_draft_number(draft, "ulmfit_loss", learn->loss);
    if (how->size != NULL) bundle_draft_meta(draft, "ulmfit_size", how->size->name);
    bundle_draft_meta(draft, "ulmfit_recipe", recipe_kind_name(how->recipe));
    if (how->init == NULL) return;
    const char *slash = strrchr(how->init, '/');
    bundle_draft_meta(draft, "ulmfit_init", slash != NULL ? slash + 1 : how->init);
}

static void describe_held_out(struct bundle_draft *draft, const struct fit *fit)
{
    struct score_sum sum = score_sum(&fit->held_out);
    bundle_draft_count(draft, "held_out_cases", sum.cases);
    bundle_draft_number(draft, "held_out_accuracy", sum.accuracy);
    bundle_draft_number(draft, "held_out_macro_f1", sum.macro_f1);
    bundle_draft_number(draft, "held_out_coverage", sum.coverage);
    bundle_draft_number(draft, "held_out_precision", sum.precision);
    bundle_draft_number(draft, "held_out_calibration_error", sum.calibration_error);
}

static void describe(struct bundle_draft *draft, const struct fit *fit, const struct corpus *corpus,
                     const struct fit_options *options, const char *program_version)
{
    char members[64];
    struct writer names = writer_of(members, sizeof members - 1);
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        if (!fit->has[m]) continue;
        if (names.used > 0) writer_text(&names, ",");
        writer_text(&names, answer_members[m]);
    }
    members[names.used] = '\0';
    bundle_draft_meta(draft, "program", program_version);
    bundle_draft_meta(draft, "members", members);
    bundle_draft_count(draft, "cases", corpus->count);
    bundle_draft_count(draft, "seed", options->seed);
    if (fit->has[ANSWER_LINEAR]) bundle_draft_number(draft, "cost", fit->cost);
    if (fit_proved(options)) describe_held_out(draft, fit);
    if (fit->has[ANSWER_ULMFIT])
        describe_network(draft, fit, options);
    else
        describe_fields(draft);
}

static void draft_linear(const struct answer_model *model, const float parameters[3],
                         struct bundle_draft *draft)
{
    const struct bow *bow = &model->bow;
    size_t labels = model->label_count, features = bow->features;
    size_t buckets = ((size_t)1 << (64 - bow->shift)) + 1;
    bundle_draft_tensor(draft, "linear.bucket", SAFETENSORS_U32, buckets, 0, bow->bucket);
    bundle_draft_tensor(draft, "linear.tag", SAFETENSORS_U32, features, 0, bow->tag);
    bundle_draft_tensor(draft, "linear.idf", SAFETENSORS_U8, features, 0, bow->idf);
    bundle_draft_tensor(draft, "linear.scale", SAFETENSORS_F32, features, 0, bow->scale);
    bundle_draft_tensor(draft, "linear.weight", SAFETENSORS_I8, features, labels, bow->weight);
    bundle_draft_tensor(draft, "linear.bias", SAFETENSORS_F32, labels, 0, bow->bias);
    bundle_draft_tensor(draft, "linear.parameters", SAFETENSORS_F32, 3, 0, parameters);
    bundle_draft_tensor(draft, "linear.calibration", SAFETENSORS_F32, CALIBRATE_PARAMETERS, 0,
                        &model->calibrate[ANSWER_LINEAR]);
}

enum error_code fit_write(struct fit *fit, const struct corpus *corpus,
                          const struct fit_options *options, const char *path,
                          const char *program_version, struct error *err)
{
    const struct answer_model *model = &fit->model;
    const struct bow *bow = &model->bow;
    size_t labels = model->label_count, canaries = model->canary_count;
    const float parameters[] = {bow->idf_step, bow->idf_unknown, bow->value};
    struct bundle_draft draft;
    TRY(bundle_draft_open(&draft, err));
    describe(&draft, fit, corpus, options, program_version);
    const struct {
        const char *name;
        enum safetensors_type type;
        size_t rows;
        const void *data;
    } tensors[] = {
        {"labels.start", SAFETENSORS_U32, labels + 1, model->label_start},
        {"labels.text", SAFETENSORS_U8, model->label_start[labels], model->label_text},
        {"labels.cases", SAFETENSORS_U32, labels, model->label_cases},
        {"answer.threshold", SAFETENSORS_F32, labels, model->threshold},
        {"answer.target", SAFETENSORS_F32, 1, &model->target_precision},
        {"canary.start", SAFETENSORS_U32, canaries * CASE_FIELDS + 1, model->canary_start},
        {"canary.text", SAFETENSORS_U8, model->canary_start[canaries * CASE_FIELDS],
         model->canary_text},
        {"canary.label", SAFETENSORS_U32, canaries, model->canary_label},
        {"canary.confidence", SAFETENSORS_F32, canaries, model->canary_confidence},
    };
    for (size_t i = 0; i < COUNT_OF(tensors); i++)
        bundle_draft_tensor(&draft, tensors[i].name, tensors[i].type, tensors[i].rows, 0,
                            tensors[i].data);
    if (fit->has[ANSWER_LINEAR]) draft_linear(model, parameters, &draft);
    if (fit->has[ANSWER_ULMFIT]) network_draft(&fit->network, &draft);
    if (fit->has[ANSWER_ULMFIT] && !model->softmax)
        bundle_draft_tensor(&draft, "ulmfit.calibration", SAFETENSORS_F32, CALIBRATE_PARAMETERS, 0,
                            &model->calibrate[ANSWER_ULMFIT]);
    if (fit->has[ANSWER_LINEAR] && fit->has[ANSWER_ULMFIT]) blend_draft(&model->blend, &draft);
    enum error_code code = bundle_draft_write(&draft, path, err);
    bundle_draft_close(&draft);
    if (code == ERR_NONE && fit->has[ANSWER_ULMFIT]) network_written(&fit->network);
    return code;
}

void fit_close(struct fit *fit)
{
    network_close(&fit->network);
    bag_close(&fit->bag);
    score_close(&fit->held_out);
    for (int m = 0; m < ANSWER_MEMBERS; m++) score_close(&fit->member[m]);
    mem_free(fit->label_text);
    mem_free(fit->label_start);
    mem_free(fit->label_cases);
    mem_free(fit->threshold);
    mem_free(fit->weight);
    mem_free(fit->scale);
    mem_free(fit->bias);
    mem_free(fit->canary_text);
    mem_free(fit->canary_start);
    mem_free(fit->canary_label);
    mem_free(fit->canary_confidence);
    *fit = (struct fit){0};
}
