/* reasons.c - rounds of cases, until half of the time is over. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/reasons.h"

#include "base/check.h"
#include "base/tick.h"

size_t reasons_bytes(const struct answer_model *model)
{
    return sizeof(struct reasons) + explain_room_max(model);
}

enum error_code reasons_take(struct reasons **out_reasons, struct body *block,
                             struct body_store *store, const struct answer_model *model,
                             const struct case_text *text, struct error *err)
{
    TRY(body_room(block, store, sizeof(struct reasons) + explain_room(model, text), err));
    *out_reasons = (void *)block->data;
    return ERR_NONE;
}

void reasons_begin(struct reasons *reasons, struct answer_context *context, uint64_t since,
                   const struct case_text *text, const struct answer *answer)
{
    reasons->since = reasons->round = since;
    explain_open(&reasons->explain, context, text, answer, reasons->room);
}

/* Whether a round as long as the last one ends before half of the time is over. */
static bool is_time(const struct reasons *reasons, double deadline_seconds)
{
    return tick_seconds_since(reasons->since) + tick_seconds_since(reasons->round) <=
           deadline_seconds / 2;
}

bool reasons_ask(struct reasons *reasons, struct batcher *batcher, double deadline_seconds,
                 batcher_done *done, void *owner)
{
    struct error err;
    struct case_text texts[EXPLAIN_ROUND];
    if (!is_time(reasons, deadline_seconds)) return false;
    reasons->round = tick_now();
    size_t count = explain_ask(&reasons->explain, texts);
    if (count == 0) return false;
    reasons->waiting = count;
    for (size_t i = 0; i < count; i++)
        reasons->cases[i] = (struct batcher_case){
            .text = texts[i], .done = done, .owner = owner, .asked = reasons->since};
    if (batcher_put(batcher, reasons->cases, count, &err) == ERR_NONE) return true;
    explain_withdraw(&reasons->explain);
    return false;
}

bool reasons_hear(struct reasons *reasons, const struct batcher_case *one,
                  const struct answer *answer)
{
    explain_take(&reasons->explain, (size_t)(one - reasons->cases), answer);
    size_t waited = atomic_fetch_sub(&reasons->waiting, 1);
    check(waited > 0);
    return waited == 1;
}
