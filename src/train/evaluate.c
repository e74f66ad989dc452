/* evaluate.c - answers are kept by case number and counted in order, so sums do not depend on
 * who was faster. */
// SPDX-License-Identifier: Apache-2.0
#include "train/evaluate.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"

enum {
    SHARE_CASES = 64,
    BATCH_CASES = 16, /* that share a pass over ULMFiT's weights */
};

struct evaluating {
    const struct answer_model *model;
    const struct corpus *corpus;
    struct answer *answers; /* [cases] */
    struct answer_context context[CREW_THREADS_MAX];
};

static enum error_code answer_share(void *context, size_t item, unsigned worker, struct error *err)
{
    struct evaluating *evaluating = context;
    struct answer_context *answering = &evaluating->context[worker];
    struct answer_room room = {.slots = BATCH_CASES, .threads = 1};
    if (answering->model == NULL) TRY(answer_begin_room(answering, evaluating->model, room, err));
    size_t end = (item + 1) * SHARE_CASES;
    if (end > evaluating->corpus->count) end = evaluating->corpus->count;
    for (size_t i = item * SHARE_CASES; i < end;) {
        const struct case_text *texts[BATCH_CASES];
        size_t count = 0, first = i;
        while (count < BATCH_CASES && i < end)
            texts[count++] = &evaluating->corpus->cases[i++].text;
        answer_batch(answering, texts, count, &evaluating->answers[first]);
    }
    return ERR_NONE;
}

static bool is_lost(const struct answer_model *model, const struct answer *answer)
{
    bool lost = !isfinite(answer->confidence);
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        if (model->has[m] && !isfinite(answer->member[m].confidence)) lost = true;
    return lost;
}

/* A network whose weights are too large answers so, whatever its canaries say. */
static enum error_code refuse_lost(const struct evaluating *evaluating, struct error *err)
{
    const struct corpus *corpus = evaluating->corpus;
    for (size_t i = 0; i < corpus->count; i++)
        if (is_lost(evaluating->model, &evaluating->answers[i]))
            return error_set(err, ERR_MODEL, corpus->cases[i].line,
                             "the model's answer to case %zu, of line %zu, is no number", i + 1,
                             corpus->cases[i].line);
    return ERR_NONE;
}

static enum error_code count(struct evaluate *evaluate, const struct evaluating *evaluating,
                             struct error *err)
{
    const struct answer_model *model = evaluating->model;
    const struct corpus *corpus = evaluating->corpus;
    uint32_t *known; /* the corpus' labels as the model numbers them */
    TRY(mem_take(&known, corpus->label_count, sizeof *known, err));
    uint32_t strangers = 0;
    for (uint32_t c = 0; c < corpus->label_count; c++) {
        known[c] = answer_find(model, corpus->labels[c]);
        strangers += known[c] == model->label_count;
    }
    evaluate->blend.strangers = strangers;
    for (int m = 0; m < ANSWER_MEMBERS; m++) evaluate->member[m].strangers = strangers;
    for (size_t i = 0; i < corpus->count; i++) {
        const struct answer *answer = &evaluating->answers[i];
        uint32_t truth = known[corpus->cases[i].label];
        score_add(&evaluate->blend, truth, answer->best, answer->confidence, answer->abstained);
        for (int m = 0; m < ANSWER_MEMBERS; m++)
            if (model->has[m])
                score_add(&evaluate->member[m], truth, answer->member[m].best,
                          answer->member[m].confidence, false);
    }
    mem_free(known);
    return ERR_NONE;
}

enum error_code evaluate_open(struct evaluate *out_evaluate, const struct answer_model *model,
                              const struct corpus *corpus, struct crew *crew,
                              struct progress *progress, struct error *err)
{
    struct evaluate evaluate = {0};
    struct evaluating *evaluating;
    TRY(mem_take(&evaluating, 1, sizeof *evaluating, err));
    evaluating->model = model;
    evaluating->corpus = corpus;
    enum error_code code =
        mem_take(&evaluating->answers, corpus->count, sizeof *evaluating->answers, err);
    if (code == ERR_NONE) code = score_open(&evaluate.blend, model->label_count, err);
    for (int m = 0; m < ANSWER_MEMBERS && code == ERR_NONE; m++)
        code = score_open(&evaluate.member[m], model->label_count, err);
    size_t shares = (corpus->count + SHARE_CASES - 1) / SHARE_CASES;
    if (code == ERR_NONE)
        code = crew_run(
            crew, &(struct crew_step){answer_share, evaluating, shares, "answering", "shares"},
            progress, err);
    if (code == ERR_NONE) code = refuse_lost(evaluating, err);
    if (code == ERR_NONE) code = count(&evaluate, evaluating, err);
    for (int i = 0; i < CREW_THREADS_MAX; i++) answer_end(&evaluating->context[i]);
    mem_free(evaluating->answers);
    mem_free(evaluating);
    if (code != ERR_NONE) {
        evaluate_close(&evaluate);
        return code;
    }
    *out_evaluate = evaluate;
    return ERR_NONE;
}

void evaluate_close(struct evaluate *evaluate)
{
    score_close(&evaluate->blend);
    for (int m = 0; m < ANSWER_MEMBERS; m++) score_close(&evaluate->member[m]);
}
