/* answer.h - the one call everybody makes: cases in, answers out.
 *
 * The command line, the service, the evaluation and a model's own canaries all
 * go through answer_batch, so the path that is measured is the path that serves.
 * Cases of a batch share ULMFiT's pass over its weights; a case's answer is the
 * same, bit for bit, alone and in any company.
 *
 * In       checked cases (text/case.h), a model, a worker's context
 * Out      the best label, its confidence, all probabilities, of each
 * Memory   the model is mapped; a context is laid out once from an arena
 * Threads  any number over one model, each with its own context
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef ANSWER_ANSWER_H
#define ANSWER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "answer/blend.h"
#include "answer/reader.h"
#include "base/arena.h"
#include "model/bow.h"
#include "model/bundle.h"
#include "model/canary.h"
#include "model/ulmfit.h"
#include "text/case.h"

/* By enum answer_member. */
extern const char *const answer_members[ANSWER_MEMBERS]; /* "linear", "ulmfit" */

/* What an answer's time goes into; rows of answer_stages. */
enum answer_stage {
    ANSWER_STAGE_TOKENIZE, /* join, clean, cut, number */
    ANSWER_STAGE_ULMFIT,   /* beside the others of its pass */
    ANSWER_STAGE_LINEAR,
    ANSWER_STAGE_COMBINE,
    ANSWER_STAGES
};
extern const char *const answer_stages[ANSWER_STAGES];

/* Threshold of a label that may never be answered without a person. */
#define ANSWER_NEVER 2.0f

struct answer_model {
    struct bundle bundle; /* empty while a model is being trained */
    uint32_t label_count;
    const uint32_t *label_start; /* [labels + 1] */
    const char *label_text;
    const uint32_t *label_cases; /* [labels], learnt from */
    const float *threshold;      /* [labels] */
    float target_precision;
    bool has[ANSWER_MEMBERS];
    bool softmax; /* ULMFiT's probabilities are fastai's own, for want of a calibration */
    struct calibrate calibrate[ANSWER_MEMBERS];
    struct blend blend; /* where there are both members */
    struct bow bow;
    struct reader reader;
    struct ulmfit ulmfit;
    struct canary canary; /* ULMFiT's own; its `found` belongs to the contexts */
    /* Cases of the model's own, with the answers it gave when it was made. */
    uint32_t canary_count;
    const uint32_t *canary_start; /* [canaries * CASE_FIELDS + 1] */
    const char *canary_text;
    const uint32_t *canary_label;
    const float *canary_confidence;
};

/* How much a context answers at once. */
struct answer_room {
    unsigned slots;   /* cases of a batch at most, up to ULMFIT_SLOTS_MAX */
    unsigned threads; /* that share ULMFiT's work, the caller's included */
    /* Those threads, where the caller has them already; NULL: a team of the context's own. */
    struct team *team;
};

struct answer_row; /* answer.c */

struct answer_context {
    const struct answer_model *model;
    struct answer_room room;
    struct arena arena; /* where all of it lies, from answer_begin */
    struct bow_scratch bow;
    struct reader_scratch reader;
    struct ulmfit_pass pass;
    uint32_t *ids; /* [slots][READER_TOKENS_MAX] */
    struct team *team;
    struct canary canary;
    float *scores;           /* [slots][labels], of ULMFiT */
    float *linear, *pooled;  /* [labels], of the linear member, of both */
    float *probability;      /* [slots][labels], of the last answers */
    struct answer_row *rows; /* [slots] */
    uint32_t *free;          /* [slots]: numbers of rows that no case has, in a ring */
    size_t free_first, free_count;
};

struct answer {
    const struct answer_model *model; /* that the labels belong to */
    uint32_t best;
    float confidence;
    bool abstained;
    bool truncated;                      /* ULMFiT did not read all of it */
    const float *probability;            /* [labels], in the context, until its next batch */
    const float *scores[ANSWER_MEMBERS]; /* [labels], before they are pooled; until the next case */
    struct {
        uint32_t best;
        float confidence;
    } member[ANSWER_MEMBERS];
    uint32_t tokens, unknown; /* that ULMFiT read; of them, not in its vocabulary */
    uint64_t nanos[ANSWER_STAGES];
};

/* Where cases come from and where their answers go, all on the caller's thread. */
struct answer_stream {
    void *context;
    /* A case that waits, NULL where none does now. It lives until done; *out_owner comes back. */
    const struct case_text *(*next)(void *context, void **out_owner);
    /* The answer and its probabilities live until done returns. */
    void (*done)(void *context, void *owner, const struct answer *answer);
    /* Now and then while cases are answered; may be NULL. */
    void (*between)(void *context);
};

/* kernel: the name of ULMFiT's (nn/kernel.h), NULL for the best of this CPU. */
MUST_CHECK enum error_code answer_open(struct answer_model *out_model, const char *path,
                                       const char *kernel, struct error *err);
void answer_close(struct answer_model *model);

/* Whether this model's answers go through it. */
bool answer_has_stage(const struct answer_model *model, enum answer_stage stage);

struct slice answer_label(const struct answer_model *model, uint32_t label);

/* The label of this name; label_count where there is none. */
uint32_t answer_find(const struct answer_model *model, struct slice name);

/* For one case at a time on one thread. */
void answer_lay(struct answer_context *context, const struct answer_model *model,
                struct arena *arena);
void answer_lay_room(struct answer_context *context, const struct answer_model *model,
                     struct answer_room room, struct arena *arena);

/* Measures, takes and lays out a context; answer_end gives it back, also after a failure and
 * where it never began (all zero). */
MUST_CHECK enum error_code answer_begin(struct answer_context *context,
                                        const struct answer_model *model, struct error *err);

/* The same for so many cases and threads; threads of its own live until answer_end. */
MUST_CHECK enum error_code answer_begin_room(struct answer_context *context,
                                             const struct answer_model *model,
                                             struct answer_room room, struct error *err);
void answer_end(struct answer_context *context);

/* Other threads than those it began with, no more of them than its room says; between batches. */
void answer_use_team(struct answer_context *context, struct team *team);

/* Answers 1 to room.slots cases. */
void answer_batch(struct answer_context *context, const struct case_text *const *texts,
                  size_t count, struct answer *out_answers);

/* Answers cases until none waits and none is under way: each as soon as it is read, and then
 * another takes its place. */
void answer_flow(struct answer_context *context, const struct answer_stream *stream);

/* A batch of one. */
void answer_case(struct answer_context *context, const struct case_text *text,
                 struct answer *out_answer);

/* The labels from the likeliest to the least, the first `count` of them. */
void answer_rank(const struct answer *answer, uint32_t labels, uint32_t *out_labels,
                 uint32_t count);

struct case_text answer_canary(const struct answer_model *model, uint32_t canary);

/* Whether this is what the answer's model said of its canary when it was made; ERR_MODEL. */
MUST_CHECK enum error_code answer_canary_right(const struct answer *answer, uint32_t canary,
                                               struct error *err);

/* Whether the model still answers its canaries as it did: label equal, confidence
 * within 1e-3. ERR_MODEL tells which one fails. */
MUST_CHECK enum error_code answer_canaries(struct answer_context *context, uint32_t count,
                                           struct error *err);

#endif
