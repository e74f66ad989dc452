/* logits.c - shares of cases go through a pass each, a batch at a time. */
// SPDX-License-Identifier: Apache-2.0
#include "train/logits.h"

#include "base/limits.h"
#include "base/mem.h"

enum {
    SHARE_CASES = 64,
    BATCH_CASES = 16, /* that share a pass over ULMFiT's weights */
};

struct desk {
    bool laid;
    struct arena arena;
    struct reader_scratch reader;
    struct ulmfit_pass pass;
    uint32_t *ids; /* [BATCH_CASES][READER_TOKENS_MAX] */
};

struct asking {
    const struct logits_task *task;
    struct desk desk[CREW_THREADS_MAX];
};

static void desk_lay(struct desk *desk, const struct ulmfit *ulmfit, struct arena *arena)
{
    reader_lay(&desk->reader, arena);
    ulmfit_lay(&desk->pass, ulmfit, BATCH_CASES, 1, arena);
    desk->ids = arena_take(arena, BATCH_CASES, READER_TOKENS_MAX * sizeof *desk->ids);
}

static enum error_code desk_open(struct desk *desk, const struct ulmfit *ulmfit, struct error *err)
{
    struct arena arena = arena_measure();
    desk_lay(desk, ulmfit, &arena);
    TRY(arena_open(&arena, arena.used, err));
    desk_lay(desk, ulmfit, &arena);
    desk->arena = arena;
    enum error_code code = team_open(&desk->pass.team, 1, err);
    if (code != ERR_NONE) {
        arena_close(&desk->arena);
        return code;
    }
    desk->laid = true;
    return ERR_NONE;
}

static void desk_close(struct desk *desk)
{
    if (!desk->laid) return;
    team_close(desk->pass.team);
    arena_close(&desk->arena);
}

static enum error_code ask_batch(const struct logits_task *task, struct desk *desk, size_t first,
                                 size_t count, struct error *err)
{
    size_t classes = task->corpus->label_count;
    struct ulmfit_case cases[BATCH_CASES];
    for (size_t i = 0; i < count; i++) {
        const struct corpus_case *item = &task->corpus->cases[task->chosen[first + i]];
        uint32_t *ids = desk->ids + i * READER_TOKENS_MAX;
        struct reader_ids read;
        reader_read(task->reader, &desk->reader, &item->text, ids, &read);
        cases[i] = (struct ulmfit_case){ids, read.count, task->out + (first + i) * classes};
    }
    return ulmfit_forward(task->ulmfit, &desk->pass, cases, count, err);
}

static enum error_code ask_share(void *context, size_t item, unsigned worker, struct error *err)
{
    struct asking *asking = context;
    const struct logits_task *task = asking->task;
    struct desk *desk = &asking->desk[worker];
    if (!desk->laid) TRY(desk_open(desk, task->ulmfit, err));
    size_t end = (item + 1) * SHARE_CASES;
    if (end > task->count) end = task->count;
    for (size_t i = item * SHARE_CASES; i < end; i += BATCH_CASES)
        TRY(ask_batch(task, desk, i, end - i < BATCH_CASES ? end - i : BATCH_CASES, err));
    return ERR_NONE;
}

enum error_code logits_find(const struct logits_task *task, struct crew *crew,
                            struct progress *progress, struct error *err)
{
    struct asking *asking;
    TRY(mem_take(&asking, 1, sizeof *asking, err));
    asking->task = task;
    size_t shares = (task->count + SHARE_CASES - 1) / SHARE_CASES;
    enum error_code code = crew_run(
        crew, &(struct crew_step){ask_share, asking, shares, task->title, "shares"}, progress, err);
    for (int i = 0; i < CREW_THREADS_MAX; i++) desk_close(&asking->desk[i]);
    mem_free(asking);
    return code;
}
