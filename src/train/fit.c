/* fit.c - the road of training, in the order of its steps. */
// SPDX-License-Identifier: Apache-2.0
#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/calibrator.h"
#include "train/fold.h"
#include "train/linear.h"

enum {
    CHOICE_CASES = 3000, /* cross-validation for a choice looks at no more cases */
    CANARIES = 8,
    CANARY_BYTES_MAX = 4096, /* of a case that may become one */
};

/* What cross-validation chooses from. The first is what works on most sets, and is left only for
 * a gain that chance would hardly make: of two settings about as good, cross-validation of a few
 * thousand cases often finds the worse one better. The cost goes up by this factor while that
 * helps, or down once. */
static const double cost_first = 1, cost_factor = 2, cost_most = 4;
static const float values[] = {0.1f, 0.3f, 1.0f};
static const double chance = 0.125; /* times the root of the cases: about one deviation */
#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

struct fitting {
    struct fit *fit;
    const struct corpus *corpus;
    const struct fit_options *options;
    struct crew *crew;
    struct progress *progress;
    /* of the cases being cross-validated */
    uint32_t *chosen, *fold;
    size_t count;
    float *scores, *known; /* [count, labels], [count] */
};

static enum error_code refuse_hopeless(const struct corpus *corpus, struct error *err)
{
    if (corpus->count == 0) return error_set(err, ERR_DATA, 0, "no usable cases to learn from");
    if (corpus->label_count >= 2) return ERR_NONE;
    return error_set(err, ERR_DATA, 0,
                     "all %zu cases have the label '%.*s'; there is nothing to tell apart",
                     corpus->count, (int)corpus->labels[0].size, corpus->labels[0].data);
}

/* Scores every chosen case by weights learnt without its part. */
static enum error_code cross_validate(struct fitting *fitting, double cost, uint32_t folds,
                                      const char *title, struct error *err)
{
    size_t count = fitting->count, labels = fitting->corpus->label_count;
    uint32_t *learn, *score;
    float *part, *known;
    TRY(mem_take(&learn, 2 * count, sizeof *learn, err));
    enum error_code code = mem_take(&part, count * (labels + 1), sizeof *part, err);
    if (code != ERR_NONE) part = NULL;
    score = learn + count;
    known = part != NULL ? part + count * labels : NULL;
    for (uint32_t f = 0; f < folds && code == ERR_NONE; f++) {
        size_t learns = 0, scored = 0;
        for (size_t i = 0; i < count; i++) {
            if (fitting->fold[i] == f)
                score[scored++] = fitting->chosen[i];
            else
                learn[learns++] = fitting->chosen[i];
        }
        if (learns == 0 || scored == 0) continue;
        code = linear_learn(&(struct linear_task){.bag = &fitting->fit->bag,
                                                  .corpus = fitting->corpus,
                                                  .learn = learn,
                                                  .learn_count = learns,
                                                  .score = score,
                                                  .score_count = scored,
                                                  .cost = cost,
                                                  .seed = fitting->options->seed + f,
                                                  .title = title,
                                                  .scores = part,
                                                  .known = known},
                            fitting->crew, fitting->progress, err);
        for (size_t i = 0, at = 0; i < count && code == ERR_NONE; i++) {
            if (fitting->fold[i] != f) continue;
            memcpy(fitting->scores + i * labels, part + at * labels, labels * sizeof *part);
            fitting->known[i] = known[at++];
        }
    }
    mem_free(learn);
    mem_free(part);
    return code;
}

static size_t count_right(const struct fitting *fitting)
{
    size_t right = 0, labels = fitting->corpus->label_count;
    for (size_t i = 0; i < fitting->count; i++) {
        const float *scores = fitting->scores + i * labels;
        uint32_t best = 0;
        for (uint32_t c = 1; c < labels; c++)
            if (scores[c] > scores[best]) best = c;
        right += best == fitting->corpus->cases[fitting->chosen[i]].label;
    }
    return right;
}

/* x of every field value, in the vectors and in the model. */
static bool set_value(struct bag *bag, float value)
{
    bool any = false;
    for (size_t i = 0; i < bag->count; i++)
        for (uint32_t n = 0; n < bag->cases[i].nodes; n++) {
            struct feature_node *node = &bag->cases[i].x[n];
            if (bag_kind(bag, node->index) != NGRAM_VALUE) continue;
            node->value = (double)value;
            any = true;
        }
    bag->bow.value = value;
    return any;
}

/* Takes at most CHOICE_CASES cases, spread by the hash of their text. */
static void choose_cases(struct fitting *fitting, size_t limit)
{
    size_t all = fitting->corpus->count, kept = 0;
    for (size_t i = 0; i < all; i++) {
        uint64_t draw = rng_mix(fitting->corpus->cases[i].hash ^ fitting->options->seed) >> 32;
        if (all <= limit || draw * all < (uint64_t)limit << 32)
            fitting->chosen[kept++] = (uint32_t)i;
    }
    fitting->count = kept;
}

static bool is_better(const struct fitting *fitting, size_t right, size_t best)
{
    return best == 0 || (double)right > (double)best + chance * sqrt((double)fitting->count);
}

/* Whether this cost answers more cases rightly than the best so far; then it is kept. */
static enum error_code try_cost(struct fitting *fitting, double cost, uint32_t folds, size_t *best,
                                bool *out_better, struct error *err)
{
    TRY(cross_validate(fitting, cost, folds, "choosing the cost", err));
    size_t right = count_right(fitting);
    *out_better = is_better(fitting, right, *best);
    if (!*out_better) return ERR_NONE;
    *best = right;
    fitting->fit->cost = cost;
    return ERR_NONE;
}

static enum error_code choose_cost(struct fitting *fitting, uint32_t folds, size_t *out_best,
                                   struct error *err)
{
    bool better;
    *out_best = 0;
    fitting->fit->cost = cost_first;
    TRY(try_cost(fitting, cost_first, folds, out_best, &better, err));
    double cost = cost_first * cost_factor;
    TRY(try_cost(fitting, cost, folds, out_best, &better, err));
    if (!better) return try_cost(fitting, cost_first / cost_factor, folds, out_best, &better, err);
    while (better && cost < cost_most) {
        cost *= cost_factor;
        TRY(try_cost(fitting, cost, folds, out_best, &better, err));
    }
    return ERR_NONE;
}

static enum error_code choose_settings(struct fitting *fitting, struct error *err)
{
    struct fit *fit = fitting->fit;
    choose_cases(fitting, CHOICE_CASES);
    uint32_t folds = fold_count(fitting->corpus->count);
    TRY(fold_deal(fitting->corpus, fitting->chosen, fitting->count, folds, fitting->options->seed,
                  fitting->fold, err));
    bool any_values = set_value(&fit->bag, values[0]);
    size_t best;
    TRY(choose_cost(fitting, folds, &best, err));
    float value = values[0];
    for (size_t i = 1; any_values && i < COUNT_OF(values); i++) {
        set_value(&fit->bag, values[i]);
        TRY(cross_validate(fitting, fit->cost, folds, "weighing field values", err));
        size_t right = count_right(fitting);
        if (!is_better(fitting, right, best)) continue;
        best = right;
        value = values[i];
    }
    set_value(&fit->bag, value);
    return ERR_NONE;
}

static void score_held_out(struct fitting *fitting, const struct calibrator_cases *cases,
                           float *probability)
{
    struct fit *fit = fitting->fit;
    for (size_t i = 0; i < cases->count; i++) {
        uint32_t best = calibrate_apply(&fit->model.calibrate, cases->scores + i * cases->labels,
                                        cases->labels, cases->known[i], probability);
        score_add(&fit->held_out, cases->truth[i], best, probability[best],
                  probability[best] < fit->threshold[best]);
    }
}

/* Calibration and thresholds from the answers to all cases, each held out once. */
static enum error_code hold_out(struct fitting *fitting, struct error *err)
{
    struct fit *fit = fitting->fit;
    const struct corpus *corpus = fitting->corpus;
    choose_cases(fitting, corpus->count);
    fit->folds = fold_count(corpus->count);
    TRY(fold_deal(corpus, fitting->chosen, fitting->count, fit->folds, fitting->options->seed + 1,
                  fitting->fold, err));
    TRY(cross_validate(fitting, fit->cost, fit->folds, "answering held-out cases", err));
    /* The folds are done with; their memory holds the truth now. */
    for (size_t i = 0; i < fitting->count; i++)
        fitting->fold[i] = corpus->cases[fitting->chosen[i]].label;
    struct calibrator_cases cases = {.scores = fitting->scores,
                                     .known = fitting->known,
                                     .truth = fitting->fold,
                                     .count = fitting->count,
                                     .labels = corpus->label_count};
    fit->model.calibrate = calibrator_fit(&cases);
    TRY(calibrator_thresholds(&cases, &fit->model.calibrate, fitting->options->target_precision,
                              fit->threshold, err));
    TRY(score_open(&fit->held_out, corpus->label_count, err));
    float *probability;
    TRY(mem_take(&probability, corpus->label_count, sizeof *probability, err));
    score_held_out(fitting, &cases, probability);
    mem_free(probability);
    return ERR_NONE;
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

static enum error_code learn_all(struct fitting *fitting, struct error *err)
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
                                                  .learn = fitting->chosen,
                                                  .learn_count = fitting->count,
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

/* The model as a view of what was learnt; serving sees the same through the file. */
static void view(struct fit *fit, const struct corpus *corpus, const struct fit_options *options)
{
    struct answer_model *model = &fit->model;
    model->label_count = corpus->label_count;
    model->label_start = fit->label_start;
    model->label_text = fit->label_text;
    model->label_cases = fit->label_cases;
    model->threshold = fit->threshold;
    model->target_precision = options->target_precision;
    model->has[ANSWER_LINEAR] = true;
    model->bow = fit->bag.bow;
    model->bow.labels = corpus->label_count;
    model->bow.weight = fit->weight;
    model->bow.scale = fit->scale;
    model->bow.bias = fit->bias;
}

static size_t case_bytes(const struct case_text *text)
{
    size_t bytes = 0;
    for (int f = 0; f < CASE_FIELDS; f++) bytes += text->field[f].size;
    return bytes;
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

static enum error_code take_room(struct fitting *fitting, struct error *err)
{
    size_t count = fitting->corpus->count, labels = fitting->corpus->label_count;
    TRY(mem_take(&fitting->chosen, count, sizeof *fitting->chosen, err));
    TRY(mem_take(&fitting->fold, count, sizeof *fitting->fold, err));
    TRY(mem_take(&fitting->scores, count * labels, sizeof *fitting->scores, err));
    return mem_take(&fitting->known, count, sizeof *fitting->known, err);
}

enum error_code fit_open(struct fit *out_fit, const struct corpus *corpus,
                         const struct fit_options *options, struct crew *crew,
                         struct progress *progress, struct error *err)
{
    TRY(refuse_hopeless(corpus, err));
    struct fit fit = {0};
    struct fitting fitting = {
        .fit = &fit, .corpus = corpus, .options = options, .crew = crew, .progress = progress};
    enum error_code code = bag_open(&fit.bag, corpus, crew, progress, err);
    if (code == ERR_NONE) code = keep_labels(&fit, corpus, err);
    if (code == ERR_NONE) code = take_room(&fitting, err);
    if (code == ERR_NONE) code = choose_settings(&fitting, err);
    if (code == ERR_NONE) code = hold_out(&fitting, err);
    if (code == ERR_NONE) code = learn_all(&fitting, err);
    if (code == ERR_NONE) {
        view(&fit, corpus, options);
        code = keep_canaries(&fit, corpus, err);
    }
    mem_free(fitting.chosen);
    mem_free(fitting.fold);
    mem_free(fitting.scores);
    mem_free(fitting.known);
    if (code != ERR_NONE) {
        fit_close(&fit);
        return code;
    }
    *out_fit = fit;
    return ERR_NONE;
}

static void describe(struct bundle_draft *draft, const struct fit *fit, const struct corpus *corpus,
                     const char *program_version)
{
    char number[64], fields[256] = "";
    bundle_draft_meta(draft, "program", program_version);
    bundle_draft_meta(draft, "members", answer_members[ANSWER_LINEAR]);
    for (int f = 0; f < CASE_FIELDS; f++) {
        if (case_rows[f].linear == CASE_LINEAR_NONE) continue;
        if (fields[0] != '\0') strncat(fields, ",", sizeof fields - strlen(fields) - 1);
        strncat(fields, case_rows[f].name, sizeof fields - strlen(fields) - 1);
    }
    bundle_draft_meta(draft, "fields", fields);
    bundle_draft_meta(draft, "language", "any");
    struct score_sum sum = score_sum(&fit->held_out);
    const struct {
        const char *key;
        double value;
    } numbers[] = {
        {"cases", (double)corpus->count},
        {"cost", fit->cost},
        {"held_out_accuracy", sum.accuracy},
        {"held_out_macro_f1", sum.macro_f1},
        {"held_out_coverage", sum.coverage},
        {"held_out_precision", sum.precision},
        {"held_out_calibration_error", sum.calibration_error},
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        snprintf(number, sizeof number, "%.6g", numbers[i].value);
        bundle_draft_meta(draft, numbers[i].key, number);
    }
}

enum error_code fit_write(const struct fit *fit, const struct corpus *corpus, const char *path,
                          const char *program_version, struct error *err)
{
    const struct answer_model *model = &fit->model;
    const struct bow *bow = &model->bow;
    size_t labels = model->label_count, features = bow->features, canaries = model->canary_count;
    size_t buckets = ((size_t)1 << (64 - bow->shift)) + 1;
    float parameters[] = {bow->idf_step, bow->idf_unknown, bow->value};
    struct bundle_draft draft;
    TRY(bundle_draft_open(&draft, err));
    describe(&draft, fit, corpus, program_version);
    const struct {
        const char *name;
        enum safetensors_type type;
        size_t rows, columns;
        const void *data;
    } tensors[] = {
        {"labels.start", SAFETENSORS_U32, labels + 1, 0, model->label_start},
        {"labels.text", SAFETENSORS_U8, model->label_start[labels], 0, model->label_text},
        {"labels.cases", SAFETENSORS_U32, labels, 0, model->label_cases},
        {"answer.threshold", SAFETENSORS_F32, labels, 0, model->threshold},
        {"answer.target", SAFETENSORS_F32, 1, 0, &model->target_precision},
        {"linear.bucket", SAFETENSORS_U32, buckets, 0, bow->bucket},
        {"linear.tag", SAFETENSORS_U32, features, 0, bow->tag},
        {"linear.idf", SAFETENSORS_U8, features, 0, bow->idf},
        {"linear.scale", SAFETENSORS_F32, features, 0, bow->scale},
        {"linear.weight", SAFETENSORS_I8, features, labels, bow->weight},
        {"linear.bias", SAFETENSORS_F32, labels, 0, bow->bias},
        {"linear.parameters", SAFETENSORS_F32, COUNT_OF(parameters), 0, parameters},
        {"linear.calibration", SAFETENSORS_F32, CALIBRATE_PARAMETERS, 0, &model->calibrate},
        {"canary.start", SAFETENSORS_U32, canaries * CASE_FIELDS + 1, 0, model->canary_start},
        {"canary.text", SAFETENSORS_U8, model->canary_start[canaries * CASE_FIELDS], 0,
         model->canary_text},
        {"canary.label", SAFETENSORS_U32, canaries, 0, model->canary_label},
        {"canary.confidence", SAFETENSORS_F32, canaries, 0, model->canary_confidence},
    };
    for (size_t i = 0; i < COUNT_OF(tensors); i++)
        bundle_draft_tensor(&draft, tensors[i].name, tensors[i].type, tensors[i].rows,
                            tensors[i].columns, tensors[i].data);
    enum error_code code = bundle_draft_write(&draft, path, err);
    bundle_draft_close(&draft);
    return code;
}

void fit_close(struct fit *fit)
{
    bag_close(&fit->bag);
    score_close(&fit->held_out);
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
