/* many.c - two turns under one lock each, and no queue.
 *
 * A queue between a reading, several working and a writing thread would need
 * its own bound and two more threads that mostly wait. Here every thread does
 * all three steps, and the bound is one block a thread.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/many.h"

#include <pthread.h>

#include "base/check.h"

struct relay {
    const struct many_work *work;
    pthread_mutex_t reading, writing;
    pthread_cond_t turn;
    size_t next_read, next_write; /* block numbers */
    bool read_over;               /* guarded by reading */
    bool failed;                  /* guarded by writing */
};

/* Waits for the turn of this block; false if an earlier one failed. */
static bool take_turn(struct relay *relay, size_t number)
{
    pthread_mutex_lock(&relay->writing);
    while (relay->next_write != number && !relay->failed)
        pthread_cond_wait(&relay->turn, &relay->writing);
    return !relay->failed;
}

static void give_turn(struct relay *relay, bool failed)
{
    relay->next_write++;
    relay->failed |= failed;
    pthread_cond_broadcast(&relay->turn);
    pthread_mutex_unlock(&relay->writing);
}

/* One block from reading to writing. A failed read has nothing to write, but
 * waits for its turn as well, so that the first failure in order is told. */
static enum error_code one_block(struct relay *relay, void *block, bool *out_end, struct error *err)
{
    const struct many_work *work = relay->work;
    pthread_mutex_lock(&relay->reading);
    bool end = relay->read_over;
    enum error_code code = ERR_NONE;
    if (!end) code = work->read(work->context, block, &end, err);
    relay->read_over = end || code != ERR_NONE;
    size_t number = relay->next_read;
    if (!end) relay->next_read++;
    pthread_mutex_unlock(&relay->reading);
    *out_end = end;
    if (end) return ERR_NONE;

    bool was_read = code == ERR_NONE;
    if (was_read) code = work->work(work->context, block, err);
    if (!take_turn(relay, number)) {
        pthread_mutex_unlock(&relay->writing);
        *out_end = true;
        return ERR_NONE;
    }
    if (was_read) {
        struct error write_err;
        enum error_code write_code = work->write(work->context, block, &write_err);
        if (write_code != ERR_NONE) { /* worse than what the block itself may lack */
            *err = write_err;
            code = write_code;
        }
    }
    give_turn(relay, code != ERR_NONE);
    return code;
}

static enum error_code thread_job(void *context, size_t item, unsigned worker, struct error *err)
{
    struct relay *relay = context;
    (void)item;
    for (bool end = false; !end;) TRY(one_block(relay, relay->work->blocks[worker], &end, err));
    return ERR_NONE;
}

enum error_code many_run(struct crew *crew, const struct many_work *work, struct error *err)
{
    check(work->read != NULL && work->work != NULL && work->write != NULL);
    struct relay relay = {.work = work};
    pthread_mutex_init(&relay.reading, NULL);
    pthread_mutex_init(&relay.writing, NULL);
    pthread_cond_init(&relay.turn, NULL);
    struct crew_step step = {.job = thread_job, .context = &relay, .items = crew_size(crew)};
    enum error_code code = crew_run(crew, &step, NULL, err);
    pthread_cond_destroy(&relay.turn);
    pthread_mutex_destroy(&relay.writing);
    pthread_mutex_destroy(&relay.reading);
    return code;
}

enum error_code many_tokens(struct many_scratch *many, const struct token_way *way,
                            struct slice text, struct token_list *out, struct error *err)
{
    enum { TEXT_FIRST = 16 * 1024, TEXT_MOST = 0x30000000 };
    if (text.size > TEXT_MOST)
        return error_set(err, ERR_TEXT_LONG, 0, "a text of %zu bytes is more than %d", text.size,
                         TEXT_MOST);
    if (many->arena.base == NULL || many->scratch.text_max < text.size) {
        size_t size = TEXT_FIRST;
        while (size < text.size) size *= 2;
        many_scratch_close(many);
        struct arena measured = arena_measure();
        token_lay(&many->scratch, size, token_count_bound(size), &measured);
        TRY(arena_open(&many->arena, measured.used, err));
        token_lay(&many->scratch, size, token_count_bound(size), &many->arena);
    }
    token_one(way, text, &many->scratch, out);
    check(!out->cut);
    return ERR_NONE;
}

void many_scratch_close(struct many_scratch *many)
{
    arena_close(&many->arena);
    *many = (struct many_scratch){0};
}
