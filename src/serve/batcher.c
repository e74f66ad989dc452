/* batcher.c - which of the waiting cases share the next pass.
 *
 * A pass over ULMFiT's weights costs little more for several cases than for one, but ends
 * for all of them only with its longest. So:
 *
 *   1  Who waited past the deadline leaves, unanswered.
 *   2  The shortest case leads; but one that JUMPS passes went by leads before it,
 *      so that nobody starves.
 *   3  Others join, the shortest first, up to the slots, unless they are more than twice
 *      as long as the leader and a little: those wait for a pass of their own kind.
 *
 * A small case is thus never answered in a pass that a huge one prolongs, unless the
 * huge one's turn has come; then joining it is still sooner than waiting for its end.
 * What it can meet is a huge one's pass already under way: READER_TOKENS_MAX bounds that.
 *
 * How long a case is, is guessed from its bytes: only the order hangs on it. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/batcher.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tick.h"

enum {
    JUMPS = 4,
    BYTES_A_TOKEN = 5,
    LEEWAY_TOKENS = 64,
    CANARY_SECONDS = 5,
    SILENT_SECONDS = 60, /* the longest pass takes a few */
};

struct batcher {
    struct batcher_options options;
    struct answer_context context;
    struct arena arena;
    pthread_t thread;
    bool started;

    struct batcher_case **pass;     /* [slots] */
    const struct case_text **texts; /* [slots] */
    struct answer *answers;         /* [slots] */
    struct batcher_case **late;     /* [cases_max] */

    pthread_mutex_t lock; /* over all below */
    pthread_cond_t wake;
    struct batcher_case **waiting; /* [cases_max], in order of arrival */
    size_t count, bytes;
    bool closing;
    uint64_t canary_last;
    enum error_code verdict; /* of the last canary */
    struct error reason;
};

/* Choosing; the lock is held */

/* Tokens, roughly. */
static size_t weigh(const struct case_text *text)
{
    size_t bytes = 0;
    for (int f = 0; f < CASE_FIELDS; f++) bytes += text->field[f].size;
    size_t tokens = bytes / BYTES_A_TOKEN + 1;
    return tokens < READER_TOKENS_MAX ? tokens : READER_TOKENS_MAX;
}

static struct batcher_case *take(struct batcher *batcher, size_t at)
{
    struct batcher_case *one = batcher->waiting[at];
    batcher->count--;
    batcher->bytes -= one->bytes;
    memmove(batcher->waiting + at, batcher->waiting + at + 1,
            (batcher->count - at) * sizeof *batcher->waiting);
    return one;
}

static size_t take_late(struct batcher *batcher)
{
    size_t late = 0;
    for (size_t i = 0; i < batcher->count;) {
        if (tick_seconds_since(batcher->waiting[i]->since) <= batcher->options.deadline_seconds)
            i++;
        else
            batcher->late[late++] = take(batcher, i);
    }
    return late;
}

/* The first of the shortest. */
static size_t shortest(const struct batcher *batcher)
{
    size_t best = 0;
    for (size_t i = 1; i < batcher->count; i++)
        if (batcher->waiting[i]->weight < batcher->waiting[best]->weight) best = i;
    return best;
}

/* The oldest case is the one that most passes went by. */
static size_t leader(const struct batcher *batcher)
{
    return batcher->waiting[0]->passed_over >= JUMPS ? 0 : shortest(batcher);
}

/* Fills batcher->pass; gives how many. */
static size_t choose(struct batcher *batcher)
{
    size_t count = 0;
    if (batcher->count == 0) return 0;
    batcher->pass[count++] = take(batcher, leader(batcher));
    size_t longest = 2 * batcher->pass[0]->weight + LEEWAY_TOKENS;
    while (count < batcher->options.room.slots && batcher->count > 0) {
        size_t next = shortest(batcher);
        if (batcher->waiting[next]->weight > longest) break;
        batcher->pass[count++] = take(batcher, next);
    }
    for (size_t i = 0; i < batcher->count; i++) batcher->waiting[i]->passed_over++;
    return count;
}

/* The answering thread */

static void refuse(struct batcher *batcher, struct batcher_case *one, enum error_code code)
{
    struct error err;
    if (code == ERR_DEADLINE)
        error_fill(&err, code, 0, "the case waited %.2f s; the deadline is %g s",
                   tick_seconds_since(one->since), batcher->options.deadline_seconds);
    else
        error_fill(&err, code, 0, "the service stops and did not come to this case");
    batcher->options.done(batcher->options.context, one, NULL, &err);
}

static void answer_pass(struct batcher *batcher, size_t count)
{
    for (size_t i = 0; i < count; i++) batcher->texts[i] = &batcher->pass[i]->text;
    answer_batch(&batcher->context, batcher->texts, count, batcher->answers);
    for (size_t i = 0; i < count; i++)
        batcher->options.done(batcher->options.context, batcher->pass[i], &batcher->answers[i],
                              NULL);
}

static void check_canary(struct batcher *batcher)
{
    struct error err = {0};
    enum error_code code = answer_canaries(&batcher->context, 1, &err);
    if (code != ERR_NONE) log_line(LOG_LEVEL_ERROR, "not ready: %s", err.detail);
    pthread_mutex_lock(&batcher->lock);
    batcher->verdict = code;
    batcher->reason = err;
    batcher->canary_last = tick_now();
    pthread_mutex_unlock(&batcher->lock);
}

/* Until a case or a canary is due, or the end. */
static void sleep_until_due(struct batcher *batcher)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CANARY_SECONDS;
    while (batcher->count == 0 && !batcher->closing)
        if (pthread_cond_timedwait(&batcher->wake, &batcher->lock, &until) != 0) break;
}

static void *live(void *argument)
{
    struct batcher *batcher = argument;
    pthread_mutex_lock(&batcher->lock);
    for (;;) {
        sleep_until_due(batcher);
        if (batcher->closing) break;
        size_t late = take_late(batcher), count = choose(batcher);
        bool canary = tick_seconds_since(batcher->canary_last) >= CANARY_SECONDS;
        pthread_mutex_unlock(&batcher->lock);
        for (size_t i = 0; i < late; i++) refuse(batcher, batcher->late[i], ERR_DEADLINE);
        if (count > 0) answer_pass(batcher, count);
        if (canary) check_canary(batcher);
        pthread_mutex_lock(&batcher->lock);
    }
    size_t left = batcher->count;
    memcpy(batcher->late, batcher->waiting, left * sizeof *batcher->late);
    batcher->count = batcher->bytes = 0;
    pthread_mutex_unlock(&batcher->lock);
    for (size_t i = 0; i < left; i++) refuse(batcher, batcher->late[i], ERR_DRAINING);
    return NULL;
}

/* From outside */

enum error_code batcher_put(struct batcher *batcher, struct batcher_case *cases, size_t count,
                            struct error *err)
{
    const struct batcher_options *options = &batcher->options;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        cases[i].since = tick_now();
        cases[i].weight = weigh(&cases[i].text);
        cases[i].passed_over = 0;
        bytes += cases[i].bytes;
    }
    pthread_mutex_lock(&batcher->lock);
    size_t before = batcher->count;
    /* Alone, a request of any size may wait: it was let in for its own size. */
    bool full = before + count > options->cases_max ||
                (before > 0 && batcher->bytes + bytes > options->bytes_max);
    bool closing = batcher->closing;
    if (!full && !closing) {
        for (size_t i = 0; i < count; i++) batcher->waiting[batcher->count++] = &cases[i];
        batcher->bytes += bytes;
        pthread_cond_signal(&batcher->wake);
    }
    pthread_mutex_unlock(&batcher->lock);
    if (closing) return error_set(err, ERR_DRAINING, 0, "the service stops");
    if (full)
        return error_set(err, ERR_QUEUE_FULL, 0, "%zu cases wait; room is for %zu, and %zu bytes",
                         before, options->cases_max, options->bytes_max);
    return ERR_NONE;
}

enum error_code batcher_ready(struct batcher *batcher, struct error *err)
{
    pthread_mutex_lock(&batcher->lock);
    enum error_code code = batcher->verdict;
    double silent = tick_seconds_since(batcher->canary_last);
    if (code != ERR_NONE) error_fill(err, ERR_NOT_READY, 0, "%s", batcher->reason.detail);
    pthread_mutex_unlock(&batcher->lock);
    if (code != ERR_NONE) return ERR_NOT_READY;
    if (silent < SILENT_SECONDS) return ERR_NONE;
    return error_set(err, ERR_NOT_READY, 0, "nothing was answered for %.0f s", silent);
}

static void lay(struct batcher *batcher, struct arena *arena)
{
    size_t slots = batcher->options.room.slots, cases = batcher->options.cases_max;
    batcher->pass = arena_take(arena, slots, sizeof *batcher->pass);
    batcher->texts = arena_take(arena, slots, sizeof *batcher->texts);
    batcher->answers = arena_take(arena, slots, sizeof *batcher->answers);
    batcher->late = arena_take(arena, cases, sizeof *batcher->late);
    batcher->waiting = arena_take(arena, cases, sizeof *batcher->waiting);
}

size_t batcher_bytes(const struct batcher_options *options)
{
    struct batcher measured = {.options = *options};
    struct arena arena = arena_measure();
    lay(&measured, &arena);
    return sizeof measured + arena.used;
}

static enum error_code start(struct batcher *batcher, struct error *err)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return error_set(err, ERR_SYSTEM, 0, "the answering thread could not be prepared");
    batcher->started = pthread_attr_setstacksize(&attributes, CREW_STACK_BYTES) == 0 &&
                       pthread_create(&batcher->thread, &attributes, live, batcher) == 0;
    pthread_attr_destroy(&attributes);
    if (batcher->started) return ERR_NONE;
    return error_set(err, ERR_SYSTEM, 0, "the answering thread could not be made");
}

enum error_code batcher_open(struct batcher **out_batcher, const struct batcher_options *options,
                             struct error *err)
{
    struct batcher *batcher;
    check(options->cases_max >= 1 && options->room.slots >= 1);
    TRY(mem_take(&batcher, 1, sizeof *batcher, err));
    batcher->options = *options;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&batcher->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&batcher->lock, NULL);
    struct arena arena = arena_measure();
    lay(batcher, &arena);
    enum error_code code = arena_open(&batcher->arena, arena.used, err);
    if (code == ERR_NONE) {
        lay(batcher, &batcher->arena);
        arena_seal(&batcher->arena);
        code = answer_begin_room(&batcher->context, options->model, options->room, err);
    }
    if (code == ERR_NONE) code = answer_canaries(&batcher->context, UINT32_MAX, err);
    batcher->canary_last = tick_now();
    if (code == ERR_NONE) code = start(batcher, err);
    if (code != ERR_NONE) {
        batcher_close(batcher);
        return code;
    }
    *out_batcher = batcher;
    return ERR_NONE;
}

void batcher_stop(struct batcher *batcher)
{
    pthread_mutex_lock(&batcher->lock);
    batcher->closing = true;
    pthread_cond_signal(&batcher->wake);
    pthread_mutex_unlock(&batcher->lock);
    if (batcher->started) pthread_join(batcher->thread, NULL);
    batcher->started = false;
}

void batcher_close(struct batcher *batcher)
{
    if (batcher == NULL) return;
    batcher_stop(batcher);
    answer_end(&batcher->context);
    arena_close(&batcher->arena);
    pthread_cond_destroy(&batcher->wake);
    pthread_mutex_destroy(&batcher->lock);
    mem_free(batcher);
}
