/* canary.c - ids rather than texts, so that what is judged is the network alone. */
// SPDX-License-Identifier: Apache-2.0
#include "model/canary.h"

#include <math.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/window.h"

/* Far beyond what training gives, and so far below infinity that no other case comes there. */
static const float logit_most = 1e30f;

static bool are_fine(const float *logits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(logits[i]) <= logit_most)) return false; /* nor is NaN */
    return true;
}

enum error_code canary_bind(struct canary *out_canary, const struct ulmfit *ulmfit,
                            const struct bundle *bundle, struct error *err)
{
    const struct weights_shape *shape = &ulmfit->shrink.weights.shape;
    struct canary canary = {0};
    size_t starts = 0, ids = 0;
    TRY(bundle_extent(bundle, "ulmfit.canary.start", 0, &starts, err));
    TRY(bundle_extent(bundle, "ulmfit.canary.ids", 0, &ids, err));
    TRY(bundle_tensor(bundle, "ulmfit.canary.start", SAFETENSORS_U32, starts, 0, &canary.start,
                      err));
    TRY(bundle_tensor(bundle, "ulmfit.canary.ids", SAFETENSORS_U32, ids, 0, &canary.ids, err));
    if (starts < 2 || starts > 1000 || canary.start[0] != 0 || canary.start[starts - 1] != ids)
        return error_set(err, ERR_MODEL, 0, "the model's canaries do not rise from 0 to %zu", ids);
    canary.count = (uint32_t)starts - 1;
    TRY(bundle_tensor(bundle, "ulmfit.canary.logits", SAFETENSORS_F32, canary.count,
                      weights_classes(shape), &canary.logits, err));
    if (!are_fine(canary.logits, canary.count * weights_classes(shape)))
        return error_set(err, ERR_MODEL, 0,
                         "the canaries of the model are answered with no numbers");
    for (size_t t = 0; t < ids; t++)
        if (canary.ids[t] >= shape->vocab)
            return error_set(err, ERR_MODEL, 0, "a canary of the model holds the unknown word %u",
                             canary.ids[t]);
    for (uint32_t i = 0; i < canary.count; i++) {
        struct window window;
        if (canary.start[i] >= canary.start[i + 1] ||
            window_of(shape, canary.ids + canary.start[i], canary.start[i + 1] - canary.start[i],
                      &window, err) != ERR_NONE)
            return error_set(err, ERR_MODEL, 0, "canary %u of the model is empty", i + 1);
    }
    *out_canary = canary;
    return ERR_NONE;
}

void canary_lay(struct canary *canary, const struct ulmfit *ulmfit, struct arena *arena)
{
    size_t classes = weights_classes(&ulmfit->shrink.weights.shape);
    canary->found = arena_take(arena, 2 * classes, sizeof *canary->found);
}

/* found and expected are probabilities. */
static enum error_code judge(uint32_t number, const float *found, const float *expected,
                             size_t classes, struct error *err)
{
    size_t best = 0, wanted = 0;
    bool within = true;
    for (size_t c = 0; c < classes; c++) {
        if (!(fabsf(found[c] - expected[c]) < CANARY_BOUND)) within = false; /* nor is NaN */
        if (found[c] > found[best]) best = c;
        if (expected[c] > expected[wanted]) wanted = c;
    }
    bool close = expected[wanted] - expected[best] < CANARY_BOUND;
    if (within && (best == wanted || close)) return ERR_NONE;
    return error_set(err, ERR_MODEL, 0,
                     "canary %u is answered class %zu with %.4f; it was class %zu with %.4f",
                     number + 1, best, (double)found[best], wanted, (double)expected[wanted]);
}

enum error_code canary_run(const struct canary *canary, const struct ulmfit *ulmfit,
                           struct ulmfit_pass *pass, uint32_t count, struct error *err)
{
    size_t classes = weights_classes(&ulmfit->shrink.weights.shape);
    float *found = canary->found, *expected = canary->found + classes;
    for (uint32_t i = 0; i < count && i < canary->count; i++) {
        struct ulmfit_case text = {canary->ids + canary->start[i],
                                   canary->start[i + 1] - canary->start[i], found};
        TRY(ulmfit_forward(ulmfit, pass, &text, 1, err));
        head_softmax(found, classes, found);
        head_softmax(canary->logits + i * classes, classes, expected);
        TRY(judge(i, found, expected, classes, err));
    }
    return ERR_NONE;
}

/* Making */

struct exact {
    struct awd_scratch awd;
    struct head_scratch head;
    float *pooled;
};

static void exact_lay(struct exact *exact, const struct weights_shape *shape, struct arena *arena)
{
    awd_lay(&exact->awd, shape, arena);
    head_lay(&exact->head, shape, arena);
    exact->pooled = arena_take(arena, 3 * shape->width, sizeof(float));
}

static void draw_ids(struct canary_made *made, uint32_t vocab)
{
    static const uint32_t LENGTHS[CANARY_MADE] = {8, 32, 80, 1};
    struct rng rng = rng_seed(vocab);
    uint32_t at = 0;
    for (size_t i = 0; i < CANARY_MADE; i++) {
        made->start[i] = at;
        for (uint32_t t = 0; t < LENGTHS[i]; t++, at++) {
            /* Any word but xxpad; a vocabulary of one word has no other choice. */
            uint32_t id = (uint32_t)rng_below(&rng, vocab);
            made->ids[at] = id == WEIGHTS_PAD ? 0 : id;
        }
    }
    check(at == CANARY_MADE_TOKENS);
    made->start[CANARY_MADE] = at;
}

enum error_code canary_make(struct canary_made *out_made, const struct weights *weights,
                            struct error *err)
{
    struct canary_made made = {.classes = weights_classes(&weights->shape)};
    struct exact exact;
    struct arena arena = arena_measure();
    exact_lay(&exact, &weights->shape, &arena);
    TRY(arena_open(&arena, arena.used, err));
    exact_lay(&exact, &weights->shape, &arena);
    enum error_code code = mem_take(&made.logits, CANARY_MADE * made.classes, sizeof(float), err);
    draw_ids(&made, weights->shape.vocab);
    for (size_t i = 0; i < CANARY_MADE && code == ERR_NONE; i++) {
        uint32_t start = made.start[i];
        code = awd_encode(weights, made.ids + start, made.start[i + 1] - start, &exact.awd,
                          exact.pooled, err);
        if (code == ERR_NONE)
            head_forward(weights, exact.pooled, &exact.head, made.logits + i * made.classes);
    }
    arena_close(&arena);
    if (code == ERR_NONE && !are_fine(made.logits, CANARY_MADE * made.classes))
        code = error_set(err, ERR_WEIGHTS, 0,
                         "the network gives answers that are no numbers: its weights are finite, "
                         "but too large");
    if (code != ERR_NONE) {
        canary_made_close(&made);
        return code;
    }
    *out_made = made;
    return ERR_NONE;
}

struct canary canary_of_made(const struct canary_made *made)
{
    return (struct canary){
        .count = CANARY_MADE, .start = made->start, .ids = made->ids, .logits = made->logits};
}

void canary_made_close(struct canary_made *made)
{
    mem_free(made->logits);
    *made = (struct canary_made){0};
}

void canary_draft(const struct canary_made *made, struct bundle_draft *draft)
{
    bundle_draft_tensor(draft, "ulmfit.canary.start", SAFETENSORS_U32, CANARY_MADE + 1, 0,
                        made->start);
    bundle_draft_tensor(draft, "ulmfit.canary.ids", SAFETENSORS_U32, CANARY_MADE_TOKENS, 0,
                        made->ids);
    bundle_draft_tensor(draft, "ulmfit.canary.logits", SAFETENSORS_F32, CANARY_MADE, made->classes,
                        made->logits);
}
