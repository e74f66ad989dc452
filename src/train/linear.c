/* linear.c - hands liblinear a problem a label and reads the weights back. */
// SPDX-License-Identifier: Apache-2.0
#include "train/linear.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/library.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/draw.h"
#include "vocab/ngram.h"

/* liblinear's own default for this solver; ten times tighter changes no accuracy we measured. */
static const double tolerance = 0.1;

/* It brings the C++ library and BLAS with it: only who trains opens it. */
#define LIBLINEAR "liblinear.so.4"

static struct {
    __typeof__(train) *train;
    __typeof__(free_and_destroy_model) *free_and_destroy_model;
    __typeof__(set_print_string_function) *set_print_string_function;
} liblinear;

static const struct library_call calls[] = {
    {"train", &liblinear.train},
    {"free_and_destroy_model", &liblinear.free_and_destroy_model},
    {"set_print_string_function", &liblinear.set_print_string_function},
};

struct learning {
    const struct linear_task *task;
    struct feature_node **x; /* [learn_count] */
    uint32_t *fold_cases;    /* [rank - 1], of the cases learnt from */
    float *kind_scale;       /* [score_count, kinds], what norms become without the unknown */
    bool binary;
};

static void silent(const char *text) { (void)text; }

/* Without what the learnt cases lack, the norm of a scored case is smaller. */
static void rescale(const struct learning *learning, size_t row)
{
    const struct linear_task *task = learning->task;
    const struct bow *bow = &task->bag->bow;
    const struct bag_case *item = &task->bag->cases[task->score[row]];
    float known[2] = {0};
    uint32_t unknown[2] = {item->unknown[0], item->unknown[1]};
    for (uint32_t i = 0; i < item->nodes; i++) {
        int rank = item->x[i].index;
        enum ngram_kind kind = bag_kind(task->bag, rank);
        if (kind == NGRAM_VALUE) continue;
        float x = (float)item->x[i].value;
        if (learning->fold_cases[rank - 1] > 0) {
            known[kind] += x * x;
            continue;
        }
        float damped = x * sqrtf(item->squares[kind]) / bow_idf_of(bow, task->bag->feature[rank]);
        unknown[kind] += (uint32_t)lrintf(expf(fmaxf(damped - 1, 0)));
    }
    float *scale = learning->kind_scale + row * NGRAM_KINDS;
    float squares[2];
    for (int k = 0; k < 2; k++) {
        scale[k] = known[k] > 0 ? 1.0f / sqrtf(known[k]) : 0;
        squares[k] = known[k] * item->squares[k];
    }
    scale[NGRAM_VALUE] = 1;
    if (task->known != NULL) task->known[row] = bow_known(squares, unknown, bow->idf_unknown);
}

static float score_one(const struct learning *learning, const double *w, double bias, size_t row)
{
    const struct linear_task *task = learning->task;
    const struct bag_case *item = &task->bag->cases[task->score[row]];
    double sums[NGRAM_KINDS + 1] = {0};
    for (uint32_t i = 0; i < item->nodes; i++) {
        int rank = item->x[i].index;
        sums[bag_kind(task->bag, rank)] += w[rank - 1] * item->x[i].value;
    }
    const float *scale = learning->kind_scale + row * NGRAM_KINDS;
    double score = bias;
    for (int k = 0; k < NGRAM_KINDS; k++) score += sums[k] * (double)scale[k];
    return (float)score;
}

static void take_weights(const struct learning *learning, const double *w, double bias,
                         uint32_t label)
{
    const struct linear_task *task = learning->task;
    size_t features = task->bag->bow.features, labels = task->corpus->label_count;
    uint32_t other = learning->binary ? !label : label;
    for (size_t row = 0; row < task->score_count && task->scores != NULL; row++) {
        float score = score_one(learning, w, bias, row);
        task->scores[row * labels + label] = score;
        if (learning->binary) task->scores[row * labels + other] = -score;
    }
    if (task->weight == NULL) return;
    const uint32_t *rank = task->bag->rank;
    for (size_t f = 0; f < features; f++)
        task->weight[label * features + f] = (float)w[rank[f] - 1];
    task->bias[label] = (float)bias;
    if (!learning->binary) return;
    for (size_t f = 0; f < features; f++)
        task->weight[other * features + f] = -(float)w[rank[f] - 1];
    task->bias[other] = -(float)bias;
}

static enum error_code learn_label(void *context, size_t item, unsigned worker, struct error *err)
{
    (void)worker;
    const struct learning *learning = context;
    const struct linear_task *task = learning->task;
    uint32_t label = learning->binary ? 1 : (uint32_t)item;
    size_t features = task->bag->bow.features, positive = 0;
    double *y;
    TRY(mem_take(&y, task->learn_count, sizeof *y, err));
    for (size_t i = 0; i < task->learn_count; i++) {
        y[i] = task->corpus->cases[task->learn[i]].label == label ? 1 : -1;
        positive += y[i] > 0;
    }
    if (positive == 0 || positive == task->learn_count) { /* nothing to tell apart */
        double *zero;
        enum error_code code = mem_take(&zero, features + 1, sizeof *zero, err);
        if (code == ERR_NONE) take_weights(learning, zero, positive == 0 ? -1 : 1, label);
        if (code == ERR_NONE) mem_free(zero);
        mem_free(y);
        return code;
    }
    struct problem problem = {
        .l = (int)task->learn_count, .n = (int)features + 1, .y = y, .x = learning->x, .bias = 1};
    struct parameter parameter = {
        .solver_type = L2R_L2LOSS_SVC_DUAL, .eps = tolerance, .C = task->cost, .p = 0.1};
    draw_seed(rng_mix(task->seed + label));
    struct model *model = fault_hit() ? NULL : liblinear.train(&problem, &parameter);
    mem_free(y);
    if (model == NULL) return error_set(err, ERR_MEMORY, 0, "liblinear got no memory");
    check(model->nr_feature == (int)features);
    /* Positive weights speak for the first label liblinear met. */
    double sign = model->label[0] == 1 ? 1 : -1;
    for (size_t f = 0; f <= features; f++) model->w[f] *= sign;
    take_weights(learning, model->w, model->w[features], label);
    liblinear.free_and_destroy_model(&model);
    return ERR_NONE;
}

static enum error_code prepare(struct learning *learning, struct error *err)
{
    const struct linear_task *task = learning->task;
    TRY(mem_take(&learning->x, task->learn_count, sizeof *learning->x, err));
    TRY(mem_take(&learning->fold_cases, task->bag->bow.features, sizeof *learning->fold_cases,
                 err));
    TRY(mem_take(&learning->kind_scale, task->score_count * NGRAM_KINDS,
                 sizeof *learning->kind_scale, err));
    for (size_t i = 0; i < task->learn_count; i++) {
        const struct bag_case *item = &task->bag->cases[task->learn[i]];
        learning->x[i] = item->x;
        for (uint32_t n = 0; n < item->nodes; n++) learning->fold_cases[item->x[n].index - 1]++;
    }
    for (size_t row = 0; row < task->score_count; row++) rescale(learning, row);
    return ERR_NONE;
}

enum error_code linear_learn(const struct linear_task *task, struct crew *crew,
                             struct progress *progress, struct error *err)
{
    check(task->corpus->label_count >= 2 && task->learn_count > 0);
    struct learning learning = {.task = task, .binary = task->corpus->label_count == 2};
    TRY(library_open(LIBLINEAR, calls, sizeof calls / sizeof *calls, err));
    liblinear.set_print_string_function(silent);
    enum error_code code = prepare(&learning, err);
    if (code == ERR_NONE)
        code =
            crew_run(crew,
                     &(struct crew_step){.job = learn_label,
                                         .context = &learning,
                                         .items = learning.binary ? 1 : task->corpus->label_count,
                                         .title = task->title,
                                         .unit = "labels"},
                     progress, err);
    mem_free(learning.x);
    mem_free(learning.fold_cases);
    mem_free(learning.kind_scale);
    return code;
}
