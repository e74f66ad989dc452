/* answer.c - opens a model, checks what its numbers point to, and walks the road.
 *
 * A model file may come from anywhere, so every index in it that is followed
 * later is checked here once: bucket borders, label and canary offsets.
 */
// SPDX-License-Identifier: Apache-2.0
#include "answer/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/tick.h"
#include "model/language.h"

const char *const answer_members[ANSWER_MEMBERS] = {
    [ANSWER_LINEAR] = "linear",
    [ANSWER_ULMFIT] = "ulmfit",
};

const char *const answer_stages[ANSWER_STAGES] = {
    [ANSWER_STAGE_TOKENIZE] = "tokenize",
    [ANSWER_STAGE_ULMFIT] = "ulmfit",
    [ANSWER_STAGE_LINEAR] = "linear",
    [ANSWER_STAGE_COMBINE] = "combine",
};

/* What a case under way is known by; its place is that of its scores. */
struct answer_row {
    const struct case_text *text;
    void *owner;
    struct reader_ids read; /* zero where ULMFiT reads nothing */
    uint64_t begun, cut;    /* ticks: when its reading began, and when it was tokens */
};

static const float canary_tolerance = 1e-3f;

/* Offsets that rise from 0 to the size of what they cut. */
static enum error_code check_rising(const uint32_t *offsets, size_t count, size_t end,
                                    const char *what, struct error *err)
{
    bool fine = offsets[0] == 0 && offsets[count] == end;
    for (size_t i = 0; fine && i < count; i++) fine = offsets[i] <= offsets[i + 1];
    if (fine) return ERR_NONE;
    return error_set(err, ERR_MODEL, 0, "the model's %s do not rise from 0 to %zu", what, end);
}

static enum error_code check_finite(const float *values, size_t count, const char *what,
                                    struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return error_set(err, ERR_MODEL, 0, "the model's %s hold a value that is no number",
                             what);
    return ERR_NONE;
}

/* Sorted and distinct, because they are looked up by halving; of a length lines have room for. */
static enum error_code check_labels(const struct answer_model *model, struct error *err)
{
    for (uint32_t c = 0; c < model->label_count; c++) {
        struct slice label = answer_label(model, c);
        TRY(case_check_utf8(label, "a label of the model", 0, err));
        if (label.size > LABEL_BYTES_MAX)
            return error_set(err, ERR_MODEL, 0, "label %u of the model is longer than %d bytes",
                             c + 1, LABEL_BYTES_MAX);
        if (c > 0 && slice_compare(answer_label(model, c - 1), label) >= 0)
            return error_set(err, ERR_MODEL, 0, "label %u of the model is not sorted", c + 1);
    }
    return ERR_NONE;
}

static enum error_code open_labels(struct answer_model *model, struct error *err)
{
    const struct bundle *bundle = &model->bundle;
    size_t starts, bytes;
    TRY(bundle_extent(bundle, "labels.start", 0, &starts, err));
    TRY(bundle_extent(bundle, "labels.text", 0, &bytes, err));
    if (starts < 3 || starts > LABELS_MAX + 1)
        return error_set(err, ERR_MODEL, 0, "the model has %zu labels; it needs 2 to %d",
                         starts > 0 ? starts - 1 : 0, LABELS_MAX);
    size_t labels = starts - 1;
    model->label_count = (uint32_t)labels;
    TRY(bundle_tensor(bundle, "labels.start", SAFETENSORS_U32, starts, 0, &model->label_start,
                      err));
    TRY(bundle_tensor(bundle, "labels.text", SAFETENSORS_U8, bytes, 0, &model->label_text, err));
    TRY(check_rising(model->label_start, labels, bytes, "label offsets", err));
    TRY(check_labels(model, err));
    TRY(bundle_tensor(bundle, "labels.cases", SAFETENSORS_U32, labels, 0, &model->label_cases,
                      err));
    TRY(bundle_tensor(bundle, "answer.threshold", SAFETENSORS_F32, labels, 0, &model->threshold,
                      err));
    TRY(check_finite(model->threshold, labels, "thresholds", err));
    const float *target;
    TRY(bundle_tensor(bundle, "answer.target", SAFETENSORS_F32, 1, 0, &target, err));
    TRY(check_finite(target, 1, "target precision", err));
    model->target_precision = *target;
    return ERR_NONE;
}

static enum error_code open_linear(struct answer_model *model, struct error *err)
{
    const struct bundle *bundle = &model->bundle;
    struct bow *bow = &model->bow;
    size_t features, borders, labels = model->label_count;
    TRY(bundle_extent(bundle, "linear.tag", 0, &features, err));
    TRY(bundle_extent(bundle, "linear.bucket", 0, &borders, err));
    uint32_t bits = 1;
    while (bits < 31 && ((size_t)1 << bits) + 1 < borders) bits++;
    if (((size_t)1 << bits) + 1 != borders || features > UINT32_MAX / 2)
        return error_set(err, ERR_MODEL, 0, "the model has %zu bucket borders, no power of two + 1",
                         borders);
    bow->features = (uint32_t)features;
    bow->labels = (uint32_t)labels;
    bow->shift = 64 - bits;
    TRY(bundle_tensor(bundle, "linear.bucket", SAFETENSORS_U32, borders, 0, &bow->bucket, err));
    TRY(bundle_tensor(bundle, "linear.tag", SAFETENSORS_U32, features, 0, &bow->tag, err));
    TRY(bundle_tensor(bundle, "linear.idf", SAFETENSORS_U8, features, 0, &bow->idf, err));
    TRY(bundle_tensor(bundle, "linear.scale", SAFETENSORS_F32, features, 0, &bow->scale, err));
    TRY(bundle_tensor(bundle, "linear.weight", SAFETENSORS_I8, features, labels, &bow->weight,
                      err));
    TRY(bundle_tensor(bundle, "linear.bias", SAFETENSORS_F32, labels, 0, &bow->bias, err));
    TRY(check_rising(bow->bucket, borders - 1, features, "bucket borders", err));
    TRY(check_finite(bow->scale, features, "weights", err));
    TRY(check_finite(bow->bias, labels, "weights", err));
    const float *numbers;
    TRY(bundle_tensor(bundle, "linear.parameters", SAFETENSORS_F32, 3, 0, &numbers, err));
    TRY(check_finite(numbers, 3, "parameters", err));
    bow->idf_step = numbers[0];
    bow->idf_unknown = numbers[1];
    bow->value = numbers[2];
    TRY(calibrate_open(&model->calibrate[ANSWER_LINEAR], bundle, "linear.calibration", err));
    model->has[ANSWER_LINEAR] = true;
    return ERR_NONE;
}

static enum error_code open_ulmfit(struct answer_model *model, const char *kernel,
                                   struct error *err)
{
    const struct bundle *bundle = &model->bundle;
    TRY(reader_open(&model->reader, bundle, err));
    TRY(ulmfit_open(&model->ulmfit, bundle, kernel, err));
    const struct weights_shape *shape = &model->ulmfit.shrink.weights.shape;
    if (weights_classes(shape) != model->label_count || shape->vocab != model->reader.vocab.count)
        return error_set(
            err, ERR_MODEL, 0,
            "the model's ULMFiT has %zu classes and %u words, its lists have %u and %u",
            weights_classes(shape), shape->vocab, model->label_count, model->reader.vocab.count);
    TRY(canary_bind(&model->canary, &model->ulmfit, bundle, err));
    model->softmax = !bundle_has(bundle, "ulmfit.calibration");
    if (!model->softmax)
        TRY(calibrate_open(&model->calibrate[ANSWER_ULMFIT], bundle, "ulmfit.calibration", err));
    model->has[ANSWER_ULMFIT] = true;
    return ERR_NONE;
}

/* Of a model without a use for kernels: a slip is told all the same, what this processor lacks
 * is not. */
static enum error_code check_kernel(const char *kernel, struct error *err)
{
    const struct kernel *unused;
    enum error_code code = ulmfit_pick(kernel, &unused, err);
    return code == ERR_UNAVAILABLE ? ERR_NONE : code;
}

static enum error_code open_canaries(struct answer_model *model, struct error *err)
{
    const struct bundle *bundle = &model->bundle;
    size_t canaries, bytes;
    TRY(bundle_extent(bundle, "canary.label", 0, &canaries, err));
    TRY(bundle_extent(bundle, "canary.text", 0, &bytes, err));
    size_t fields = canaries * CASE_FIELDS;
    TRY(bundle_tensor(bundle, "canary.label", SAFETENSORS_U32, canaries, 0, &model->canary_label,
                      err));
    TRY(bundle_tensor(bundle, "canary.start", SAFETENSORS_U32, fields + 1, 0, &model->canary_start,
                      err));
    TRY(bundle_tensor(bundle, "canary.text", SAFETENSORS_U8, bytes, 0, &model->canary_text, err));
    TRY(bundle_tensor(bundle, "canary.confidence", SAFETENSORS_F32, canaries, 0,
                      &model->canary_confidence, err));
    TRY(check_rising(model->canary_start, fields, bytes, "canary offsets", err));
    model->canary_count = (uint32_t)canaries;
    for (uint32_t i = 0; i < canaries; i++) {
        struct case_text text = answer_canary(model, i);
        TRY(case_check(&text, 0, err));
    }
    return ERR_NONE;
}

enum error_code answer_open(struct answer_model *out_model, const char *path, const char *kernel,
                            struct error *err)
{
    struct answer_model model = {0};
    TRY(bundle_open(&model.bundle, path, err));
    struct error detail;
    enum error_code code = ERR_NONE;
    if (language_is(&model.bundle))
        code = error_set(&detail, ERR_MODEL, 0,
                         "a language model, which has no labels to answer with; 'train --init' "
                         "learns a classifier from it");
    if (code == ERR_NONE) code = open_labels(&model, &detail);
    if (code == ERR_NONE && bundle_has(&model.bundle, "linear.tag"))
        code = open_linear(&model, &detail);
    if (code == ERR_NONE)
        code = shrink_is(&model.bundle) ? open_ulmfit(&model, kernel, &detail)
                                        : check_kernel(kernel, &detail);
    if (code == ERR_NONE && model.has[ANSWER_LINEAR] && model.has[ANSWER_ULMFIT])
        code = blend_open(&model.blend, &model.bundle, &detail);
    if (code == ERR_NONE && bundle_has(&model.bundle, "canary.label"))
        code = open_canaries(&model, &detail);
    if (code == ERR_NONE && !model.has[ANSWER_LINEAR] && !model.has[ANSWER_ULMFIT])
        code = error_set(&detail, ERR_MODEL, 0, "the model has no member that could answer");
    if (code != ERR_NONE) {
        bundle_close(&model.bundle);
        /* Of the kernel asked for: */
        if (code == ERR_USAGE || code == ERR_UNAVAILABLE) return *err = detail, code;
        return error_set(err, ERR_MODEL, 0, "%s: %.400s", path, detail.detail);
    }
    *out_model = model;
    return ERR_NONE;
}

void answer_close(struct answer_model *model) { bundle_close(&model->bundle); }

bool answer_has_stage(const struct answer_model *model, enum answer_stage stage)
{
    switch (stage) {
    case ANSWER_STAGE_TOKENIZE:
    case ANSWER_STAGE_ULMFIT:
        return model->has[ANSWER_ULMFIT];
    case ANSWER_STAGE_LINEAR:
        return model->has[ANSWER_LINEAR];
    default:
        return true;
    }
}

struct slice answer_label(const struct answer_model *model, uint32_t label)
{
    check(label < model->label_count);
    uint32_t start = model->label_start[label];
    return (struct slice){model->label_text + start, model->label_start[label + 1] - start};
}

uint32_t answer_find(const struct answer_model *model, struct slice name)
{
    uint32_t low = 0, high = model->label_count; /* labels are sorted by name */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = slice_compare(answer_label(model, middle), name);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return model->label_count;
}

void answer_lay_room(struct answer_context *context, const struct answer_model *model,
                     struct answer_room room, struct arena *arena)
{
    size_t labels = model->label_count;
    *context = (struct answer_context){.model = model, .room = room};
    if (model->has[ANSWER_LINEAR]) bow_lay(&context->bow, &model->bow, arena);
    if (model->has[ANSWER_ULMFIT]) {
        reader_lay(&context->reader, arena);
        ulmfit_lay(&context->pass, &model->ulmfit, room.slots, room.threads, arena);
        context->ids = arena_take(arena, room.slots, READER_TOKENS_MAX * sizeof *context->ids);
        context->canary = model->canary;
        canary_lay(&context->canary, &model->ulmfit, arena);
    }
    context->scores = arena_take(arena, room.slots * labels, sizeof *context->scores);
    context->linear = arena_take(arena, labels, sizeof *context->linear);
    context->pooled = arena_take(arena, labels, sizeof *context->pooled);
    context->rows = arena_take(arena, room.slots, sizeof *context->rows);
    context->free = arena_take(arena, room.slots, sizeof *context->free);
    context->probability = arena_take(arena, room.slots * labels, sizeof *context->probability);
}

static const struct answer_room one = {.slots = 1, .threads = 1};

void answer_lay(struct answer_context *context, const struct answer_model *model,
                struct arena *arena)
{
    answer_lay_room(context, model, one, arena);
}

enum error_code answer_begin_room(struct answer_context *context, const struct answer_model *model,
                                  struct answer_room room, struct error *err)
{
    struct arena arena = arena_measure();
    answer_lay_room(context, model, room, &arena);
    TRY(arena_open(&arena, arena.used, err));
    answer_lay_room(context, model, room, &arena);
    arena_seal(&arena);
    context->arena = arena;
    context->pass.team = room.team;
    if (!model->has[ANSWER_ULMFIT] || room.team != NULL) return ERR_NONE;
    enum error_code code = team_open(&context->team, room.threads, err);
    if (code != ERR_NONE) {
        answer_end(context);
        return code;
    }
    context->pass.team = context->team;
    return ERR_NONE;
}

enum error_code answer_begin(struct answer_context *context, const struct answer_model *model,
                             struct error *err)
{
    return answer_begin_room(context, model, one, err);
}

void answer_end(struct answer_context *context)
{
    team_close(context->team);
    arena_close(&context->arena);
    *context = (struct answer_context){0};
}

void answer_use_team(struct answer_context *context, struct team *team)
{
    check(team_size(team) <= context->room.threads);
    context->pass.team = team;
}

/* fastai's own: no temperature, the whole text known. */
static void softmax(const float *restrict logits, uint32_t labels, float *restrict out)
{
    float highest = logits[0], sum = 0;
    for (uint32_t c = 1; c < labels; c++) highest = fmaxf(highest, logits[c]);
    for (uint32_t c = 0; c < labels; c++) sum += out[c] = expf(logits[c] - highest);
    for (uint32_t c = 0; c < labels; c++) out[c] /= sum;
}

static uint32_t likeliest(const float *probability, uint32_t labels)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < labels; c++)
        if (probability[c] > probability[best]) best = c;
    return best;
}

/* The row of a batch's case. */
static float *row_of(const struct answer_context *context, float *rows, size_t number)
{
    return rows + number * context->model->label_count;
}

/* Every label gets another one's score. */
static void bend(float *scores, uint32_t labels)
{
    float first = scores[0];
    memmove(scores, scores + 1, (labels - 1) * sizeof *scores);
    scores[labels - 1] = first;
}

/* A batch, or a stream, on its way through ULMFiT. */
struct flow {
    struct answer_context *context;
    const struct answer_stream *stream;
};

/* The member's own answer; its probabilities lie in `out` then. */
static void tell(const struct answer_model *model, enum answer_member member, float *scores,
                 float known, float *out, struct answer *answer)
{
    uint32_t labels = model->label_count, best;
    if (fault_bent(answer_members[member])) bend(scores, labels);
    if (member == ANSWER_ULMFIT && model->softmax) {
        softmax(scores, labels, out);
        best = likeliest(out, labels);
    } else {
        best = calibrate_apply(&model->calibrate[member], scores, labels, known, out);
    }
    answer->member[member].best = best;
    answer->member[member].confidence = out[best];
}

static void finish(const struct flow *flow, size_t number)
{
    struct answer_context *context = flow->context;
    const struct answer_model *model = context->model;
    const struct answer_row *row = &context->rows[number];
    float *scores = row_of(context, context->scores, number);
    float *probability = row_of(context, context->probability, number), known = 1;
    struct answer answer = {.model = model,
                            .probability = probability,
                            .scores = {[ANSWER_LINEAR] = context->linear, [ANSWER_ULMFIT] = scores},
                            .truncated = row->read.truncated,
                            .tokens = (uint32_t)row->read.count,
                            .unknown = (uint32_t)row->read.unknown};
    uint64_t read = tick_now(), told;
    if (model->has[ANSWER_ULMFIT]) tell(model, ANSWER_ULMFIT, scores, known, probability, &answer);
    told = tick_now();
    if (model->has[ANSWER_LINEAR]) {
        bow_score(&model->bow, &context->bow, row->text, context->linear, &known);
        tell(model, ANSWER_LINEAR, context->linear, known, probability, &answer);
    }
    answer.nanos[ANSWER_STAGE_LINEAR] = tick_now() - told;
    if (model->has[ANSWER_LINEAR] && model->has[ANSWER_ULMFIT]) {
        const float *both[] = {[ANSWER_LINEAR] = context->linear, [ANSWER_ULMFIT] = scores};
        blend_pool(&model->blend, both, model->label_count, context->pooled);
        calibrate_apply(&model->blend.calibrate, context->pooled, model->label_count, known,
                        probability);
    }
    answer.best = likeliest(answer.probability, model->label_count);
    answer.confidence = answer.probability[answer.best];
    answer.abstained = answer.confidence < model->threshold[answer.best];
    answer.nanos[ANSWER_STAGE_TOKENIZE] = row->cut - row->begun;
    answer.nanos[ANSWER_STAGE_ULMFIT] = model->has[ANSWER_ULMFIT] ? read - row->cut : 0;
    answer.nanos[ANSWER_STAGE_COMBINE] = tick_now() - read - answer.nanos[ANSWER_STAGE_LINEAR];
    flow->stream->done(flow->stream->context, row->owner, &answer);
    /* Behind the others: a batch's rows stay as they are until the next one. */
    context->free[(context->free_first + context->free_count++) % context->room.slots] =
        (uint32_t)number;
}

/* Gives the next case a row; false where none waits. */
static bool begin(const struct flow *flow, size_t *out_number)
{
    struct answer_context *context = flow->context;
    check(context->free_count > 0);
    struct answer_row row = {0};
    row.text = flow->stream->next(flow->stream->context, &row.owner);
    if (row.text == NULL) return false;
    *out_number = context->free[context->free_first];
    context->free_first = (context->free_first + 1) % context->room.slots;
    context->free_count--;
    context->rows[*out_number] = row;
    return true;
}

static bool next_to_read(void *argument, struct ulmfit_case *out_case)
{
    const struct flow *flow = argument;
    struct answer_context *context = flow->context;
    size_t number;
    if (!begin(flow, &number)) return false;
    struct answer_row *row = &context->rows[number];
    uint32_t *ids = context->ids + number * READER_TOKENS_MAX;
    row->begun = tick_now();
    reader_read(&context->model->reader, &context->reader, row->text, ids, &row->read);
    row->cut = tick_now();
    if (fault_bent("tokens")) memset(ids, 0, row->read.count * sizeof *ids); /* all unknown */
    /* A text always has its first token, so there is always something to read. */
    *out_case =
        (struct ulmfit_case){ids, row->read.count, row_of(context, context->scores, number)};
    return true;
}

static void ended(void *argument, const struct ulmfit_case *text)
{
    const struct flow *flow = argument;
    const struct answer_context *context = flow->context;
    finish(flow, (size_t)(text->logits - context->scores) / context->model->label_count);
}

static void between(void *argument)
{
    const struct flow *flow = argument;
    if (flow->stream->between != NULL) flow->stream->between(flow->stream->context);
}

void answer_flow(struct answer_context *context, const struct answer_stream *stream)
{
    const struct answer_model *model = context->model;
    struct flow flow = {context, stream};
    context->free_first = 0;
    context->free_count = context->room.slots;
    for (size_t i = 0; i < context->room.slots; i++) context->free[i] = (uint32_t)i;
    if (model->has[ANSWER_ULMFIT]) {
        struct ulmfit_stream cases = {&flow, next_to_read, ended, between};
        ulmfit_flow(&model->ulmfit, &context->pass, &cases);
        return;
    }
    size_t number;
    while (begin(&flow, &number)) {
        finish(&flow, number);
        between(&flow);
    }
}

/* Cases that all are there; no more than there are rows, so that none is used twice. */
struct batch {
    const struct case_text *const *texts;
    size_t count, next;
    struct answer *answers;
};

static const struct case_text *next_of_batch(void *argument, void **out_owner)
{
    struct batch *batch = argument;
    if (batch->next == batch->count) return NULL;
    *out_owner = &batch->answers[batch->next];
    return batch->texts[batch->next++];
}

static void put_answer(void *argument, void *owner, const struct answer *answer)
{
    (void)argument;
    *(struct answer *)owner = *answer;
}

void answer_batch(struct answer_context *context, const struct case_text *const *texts,
                  size_t count, struct answer *out_answers)
{
    check(count >= 1 && count <= context->room.slots);
    struct batch batch = {texts, count, 0, out_answers};
    struct answer_stream stream = {&batch, next_of_batch, put_answer, NULL};
    answer_flow(context, &stream);
}

void answer_case(struct answer_context *context, const struct case_text *text,
                 struct answer *out_answer)
{
    answer_batch(context, &text, 1, out_answer);
}

void answer_rank(const struct answer *answer, uint32_t labels, uint32_t *out_labels, uint32_t count)
{
    const float *probability = answer->probability;
    uint32_t ranked = 0;
    check(count <= labels);
    for (uint32_t c = 0; c < labels; c++) {
        uint32_t at = ranked;
        while (at > 0 && probability[out_labels[at - 1]] < probability[c]) at--;
        if (at == count) continue;
        if (ranked < count) ranked++;
        for (uint32_t i = ranked - 1; i > at; i--) out_labels[i] = out_labels[i - 1];
        out_labels[at] = c;
    }
}

struct case_text answer_canary(const struct answer_model *model, uint32_t canary)
{
    check(canary < model->canary_count);
    struct case_text text;
    const uint32_t *start = model->canary_start + (size_t)canary * CASE_FIELDS;
    for (int f = 0; f < CASE_FIELDS; f++)
        text.field[f] = (struct slice){model->canary_text + start[f], start[f + 1] - start[f]};
    return text;
}

enum error_code answer_canary_right(const struct answer *answer, uint32_t canary, struct error *err)
{
    const struct answer_model *model = answer->model;
    check(canary < model->canary_count);
    float expected = model->canary_confidence[canary];
    if (answer->best == model->canary_label[canary] &&
        fabsf(answer->confidence - expected) <= canary_tolerance)
        return ERR_NONE;
    struct slice said = answer_label(model, model->canary_label[canary]),
                 found = answer_label(model, answer->best);
    return error_set(err, ERR_MODEL, 0,
                     "canary %u is answered %.*s with %.4f, where the model said %.*s with %.4f",
                     canary + 1, (int)found.size, found.data, (double)answer->confidence,
                     (int)said.size, said.data, (double)expected);
}

enum error_code answer_canaries(struct answer_context *context, uint32_t count, struct error *err)
{
    const struct answer_model *model = context->model;
    if (model->has[ANSWER_ULMFIT])
        TRY(canary_run(&context->canary, &model->ulmfit, &context->pass, count, err));
    for (uint32_t i = 0; i < count && i < model->canary_count; i++) {
        struct case_text text = answer_canary(model, i);
        struct answer answer = {.model = model};
        answer_case(context, &text, &answer);
        TRY(answer_canary_right(&answer, i, err));
    }
    return ERR_NONE;
}
