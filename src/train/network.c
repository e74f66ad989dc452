/* network.c - parts held out by turns.
 *
 * Every part held out costs a training, so no more are than the blend needs: so many cases tell
 * what to believe (train/blender.h), and of a large corpus one part of five has them. */
// SPDX-License-Identifier: Apache-2.0
#include "train/network.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "train/fold.h"
#include "train/logits.h"

enum {
    PARTS = 5,
    TURNS_MAX = 3,         /* trainings without a part */
    HELD_OUT_ENOUGH = 300, /* cases */
};
_Static_assert((int)TURNS_MAX < (int)LEARN_TURNS_MAX, "and one of all cases");

/* Opening */

static enum error_code compare_labels(const struct answer_model *with, const struct corpus *corpus,
                                      const char *path, struct error *err)
{
    for (uint32_t c = 0; c < corpus->label_count; c++) {
        struct slice label = corpus->labels[c];
        if (answer_find(with, label) == with->label_count)
            return error_set(err, ERR_DATA, 0,
                             "%s does not know the label '%.*s' of the cases; leave its cases out, "
                             "or learn a ULMFiT of all labels",
                             path, (int)label.size, label.data);
    }
    /* Both are sorted: equal in number, they are equal. */
    for (uint32_t c = 0; c < with->label_count; c++) {
        struct slice label = answer_label(with, c);
        if (c < corpus->label_count && slice_equal(label, corpus->labels[c])) continue;
        return error_set(err, ERR_DATA, 0,
                         "no case has the label '%.*s', which %s knows; add one or more",
                         (int)label.size, label.data, path);
    }
    return ERR_NONE;
}

static enum error_code open_with(struct network *network, struct error *err)
{
    const char *path = network->options->with;
    TRY(answer_open(&network->with, path, NULL, err));
    if (!network->with.has[ANSWER_ULMFIT])
        return error_set(err, ERR_MODEL, 0, "%s holds no ULMFiT that could be kept", path);
    network->ulmfit = network->with.ulmfit;
    return compare_labels(&network->with, network->corpus, path, err);
}

enum error_code network_open(struct network *out_network, const struct corpus *corpus,
                             const struct network_options *options, struct crew *crew,
                             struct progress *progress, struct error *err)
{
    *out_network = (struct network){.corpus = corpus, .options = options};
    enum error_code code = options->with != NULL ? open_with(out_network, err)
                                                 : learn_open(&out_network->learn, corpus,
                                                              &options->learn, crew, progress, err);
    if (code != ERR_NONE) network_close(out_network);
    return code;
}

void network_close(struct network *network)
{
    shrink_close(&network->shrink);
    canary_made_close(&network->canaries);
    if (network->options != NULL && network->options->with == NULL) learn_close(&network->learn);
    answer_close(&network->with);
    *network = (struct network){0};
}

/* Answers to cases held out */

static const struct reader *reader_of(const struct network *network)
{
    return network->options->with != NULL ? &network->with.reader : &network->learn.reader;
}

/* The classifier learnt last, as it will serve. */
static enum error_code pack(struct network *network, struct error *err)
{
    shrink_close(&network->shrink);
    TRY(shrink_open(&network->shrink, &network->learn.weights, false, err));
    return ulmfit_over(&network->ulmfit, &network->shrink, NULL, err);
}

static enum error_code ask(const struct network *network, const uint32_t *cases, size_t count,
                           float *scores, struct crew *crew, struct progress *progress,
                           struct error *err)
{
    return logits_find(&(struct logits_task){.ulmfit = &network->ulmfit,
                                             .reader = reader_of(network),
                                             .corpus = network->corpus,
                                             .chosen = cases,
                                             .count = count,
                                             .title = "ULMFiT answers held-out cases",
                                             .out = scores},
                       crew, progress, err);
}

static enum error_code lost(const struct network *network, struct error *err)
{
    if (network->options->with != NULL)
        return error_set(err, ERR_MODEL, 0,
                         "%s: its ULMFiT answers cases with no numbers: its weights are too large",
                         network->options->with);
    return error_set(err, ERR_DATA, 0,
                     "ULMFiT's answers are no numbers any more; begin anew with a lower --rate");
}

/* Weights that are numbers may still answer with none. */
static enum error_code refuse_lost(const struct network *network, const float *scores, size_t count,
                                   struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(scores[i])) return lost(network, err);
    return ERR_NONE;
}

/* Rows of one turn come behind those of the turns before. */
static enum error_code turn(struct network *network, unsigned number, const uint32_t *fold,
                            uint32_t *learnt, struct network_held_out *held_out, struct crew *crew,
                            struct progress *progress, struct error *err)
{
    size_t all = network->corpus->count, labels = network->corpus->label_count, learns = 0;
    size_t first = held_out->count;
    for (size_t i = 0; i < all; i++) {
        if (fold[i] == number)
            held_out->cases[held_out->count++] = (uint32_t)i;
        else
            learnt[learns++] = (uint32_t)i;
    }
    shrink_close(&network->shrink); /* of the turn before: room for this one */
    TRY(learn_labels(&network->learn, number, learnt, learns, progress, err));
    TRY(pack(network, err));
    size_t count = held_out->count - first;
    float *scores = held_out->scores + first * labels;
    TRY(ask(network, held_out->cases + first, count, scores, crew, progress, err));
    return refuse_lost(network, scores, count * labels, err);
}

static unsigned turns_of(size_t cases)
{
    size_t part = cases / PARTS + 1, turns = (HELD_OUT_ENOUGH + part - 1) / part;
    return turns < TURNS_MAX ? (unsigned)turns : TURNS_MAX;
}

/* Equal texts share a part, so few different ones may leave nothing to learn. */
static enum error_code refuse_few(const struct network *network, const uint32_t *fold,
                                  struct error *err)
{
    size_t all = network->corpus->count;
    for (unsigned t = 0; t < turns_of(all); t++) {
        size_t learns = 0;
        for (size_t i = 0; i < all; i++) learns += fold[i] != t;
        if (learns < 2)
            return error_set(err, ERR_DATA, 0,
                             "of %zu cases %zu are left without the part that is held out: too "
                             "few for ULMFiT; give more, of other texts, or --member linear",
                             all, learns);
    }
    return ERR_NONE;
}

static enum error_code turns(struct network *network, uint64_t seed, uint32_t *room,
                             struct network_held_out *held_out, struct crew *crew,
                             struct progress *progress, struct error *err)
{
    size_t all = network->corpus->count;
    uint32_t *fold = room, *every = room + all;
    for (size_t i = 0; i < all; i++) every[i] = (uint32_t)i;
    if (network->options->with != NULL) {
        memcpy(held_out->cases, every, all * sizeof *every);
        held_out->count = all;
        TRY(ask(network, every, all, held_out->scores, crew, progress, err));
        return refuse_lost(network, held_out->scores, all * network->corpus->label_count, err);
    }
    TRY(fold_deal(network->corpus, every, all, PARTS, seed, fold, err));
    TRY(refuse_few(network, fold, err));
    TRY(learn_language(&network->learn, progress, err));
    for (unsigned t = 0; t < turns_of(all); t++)
        TRY(turn(network, t, fold, every, held_out, crew, progress, err));
    return ERR_NONE;
}

enum error_code network_hold_out(struct network *network, uint64_t seed,
                                 struct network_held_out *out_held_out, struct crew *crew,
                                 struct progress *progress, struct error *err)
{
    struct network_held_out held_out = {0};
    size_t all = network->corpus->count;
    uint32_t *room;
    TRY(mem_take(&room, 2 * all, sizeof *room, err));
    enum error_code code = mem_take(&held_out.cases, all, sizeof *held_out.cases, err);
    if (code == ERR_NONE)
        code = mem_take(&held_out.scores, all * network->corpus->label_count,
                        sizeof *held_out.scores, err);
    if (code == ERR_NONE) code = turns(network, seed, room, &held_out, crew, progress, err);
    mem_free(room);
    if (code != ERR_NONE) {
        network_forget(&held_out);
        return code;
    }
    *out_held_out = held_out;
    return ERR_NONE;
}

void network_forget(struct network_held_out *held_out)
{
    mem_free(held_out->cases);
    mem_free(held_out->scores);
    *held_out = (struct network_held_out){0};
}

/* The model */

enum error_code network_finish(struct network *network, struct progress *progress,
                               struct error *err)
{
    if (network->options->with != NULL) return ERR_NONE;
    size_t all = network->corpus->count;
    uint32_t *every;
    TRY(mem_take(&every, all, sizeof *every, err));
    for (size_t i = 0; i < all; i++) every[i] = (uint32_t)i;
    shrink_close(&network->shrink);
    enum error_code code = learn_labels(&network->learn, TURNS_MAX, every, all, progress, err);
    mem_free(every);
    if (code == ERR_NONE) code = pack(network, err);
    if (code == ERR_NONE) code = canary_make(&network->canaries, &network->learn.weights, err);
    return code == ERR_WEIGHTS ? lost(network, err) : code;
}

void network_view(const struct network *network, struct answer_model *model)
{
    model->has[ANSWER_ULMFIT] = true;
    model->ulmfit = network->ulmfit;
    model->reader = *reader_of(network);
    model->canary =
        network->options->with != NULL ? network->with.canary : canary_of_made(&network->canaries);
}

/* What the other model says of its ULMFiT, and nothing else of it. */
static void draft_with(const struct bundle *bundle, struct bundle_draft *draft)
{
    static const char *const keys[] = {"fields", "language", "tokenizer", "post_rule",
                                       "imported_from"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (bundle_meta(bundle, keys[i])[0] != '\0')
            bundle_draft_meta(draft, keys[i], bundle_meta(bundle, keys[i]));
    for (size_t i = 0; i < bundle->file.count; i++) {
        const struct safetensors_entry *entry = &bundle->file.entries[i];
        bool is_ours = strncmp(entry->name, "ulmfit.", strlen("ulmfit.")) == 0 ||
                       strcmp(entry->name, "vocab.image") == 0;
        if (!is_ours || strcmp(entry->name, "ulmfit.calibration") == 0) continue;
        bundle_draft_tensor(draft, entry->name, entry->type, entry->shape[0],
                            entry->dimensions > 1 ? entry->shape[1] : 0, entry->data.data);
    }
}

void network_draft(struct network *network, struct bundle_draft *draft)
{
    const struct learn *learn = &network->learn;
    if (network->options->with != NULL) {
        draft_with(&network->with.bundle, draft);
        return;
    }
    bundle_draft_meta(draft, "fields", learn->fields);
    bundle_draft_meta(draft, "language", learn->language);
    bundle_draft_meta(draft, "tokenizer", learn->tokenizer);
    bundle_draft_meta(draft, "post_rule", "yes");
    bundle_draft_tensor(draft, "vocab.image", SAFETENSORS_U8, learn->texts.image_bytes, 0,
                        learn->texts.image);
    shrink_draft(&network->shrink, &network->names, draft);
    canary_draft(&network->canaries, draft);
}

void network_written(const struct network *network)
{
    if (network->options->with == NULL) learn_forget(&network->learn);
}
