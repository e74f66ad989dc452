/* batcher.c - which of the waiting cases is the next to be read, and who may wait at all.
 *
 * A pass over ULMFiT's weights costs little more for several cases than for one. A case
 * leaves the pass when it is read to its end, whoever is beside it, and another takes its
 * place (answer_flow). So a place that gets free goes
 *
 *   1  to a canary, which has one more than all others;
 *   2  to the shortest case, unless JUMPS cases were begun before an older one: that is
 *      the next then, so that nobody starves;
 *   3  to a huge one only while no more than half of the places are taken by such.
 *
 * A small case is thus never stuck behind huge ones.
 *
 * Who could not be answered in time is told so at once (429), rather than after having
 * waited in vain: what a token takes is measured all the time, and who comes after more
 * work than fits into half of what the deadline leaves beside his own does not wait. Under
 * three times the load that can be borne nearly all that is begun ends in time
 * (tests/soak/overload.py). Whose time runs out all the same leaves the queue then.
 *
 * How long a case is, is guessed from its bytes: only the order and these guesses hang
 * on it. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/batcher.h"

#include <pthread.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/tick.h"

enum {
    JUMPS = 8,
    BYTES_A_TOKEN = 5,
    HUGE_TOKENS = 512,
};

/* Of the time that a case does not run: guesses are wrong, more so where others share the cores. */
static const double waiting_share = 0.5;

/* The pace is known after so many tokens, and the mean of so many. */
static const double pace_known = 256, pace_memory = 4096;

struct batcher {
    struct batcher_options options;
    struct arena arena;
    size_t slots; /* of cases, without the canary's */
    struct thread thread;

    pthread_mutex_t lock; /* over all below */
    pthread_cond_t wake, swapped;
    struct answer_context *context;
    struct answer_context *next_context; /* a swap is asked for */
    struct batcher_case **waiting;       /* [cases_max], in order of arrival */
    size_t count, bytes;
    struct batcher_case **running; /* [slots] */
    size_t running_count;
    struct batcher_case *canary; /* waits or runs */
    bool canary_runs;
    bool closing;
    double pace;                      /* seconds a token of a full pass; 0: not known yet */
    double pace_seconds, pace_tokens; /* that it is the quotient of */
};

/* Guessing; the lock is held */

/* Tokens, roughly. */
static size_t weigh(const struct case_text *text)
{
    size_t tokens = case_bytes(text) / BYTES_A_TOKEN + 1;
    return tokens < READER_TOKENS_MAX ? tokens : READER_TOKENS_MAX;
}

/* Of a case that ends; a pass of n cases gives each of them an n-th of its time. Long ones say
 * more of a token than short ones, which are half ceremony. */
static void measure_pace(struct batcher *batcher, const struct batcher_case *one)
{
    double company = ((double)one->company + (double)batcher->running_count) / 2;
    batcher->pace_seconds += tick_seconds_since(one->begun) / company;
    batcher->pace_tokens += (double)one->weight;
    double kept = pace_memory / batcher->pace_tokens;
    if (kept < 1) {
        batcher->pace_seconds *= kept;
        batcher->pace_tokens *= kept;
    }
    if (batcher->pace_tokens >= pace_known)
        batcher->pace = batcher->pace_seconds / batcher->pace_tokens;
}

/* From its beginning to its end: whoever runs beside it shares the weights with it, or the next
 * one that takes that place. */
static double running_seconds(const struct batcher *batcher, size_t weight)
{
    return batcher->pace * (double)weight * (double)(batcher->running_count + 1);
}

/* Until the longest of the cases begins: shorter ones go before it. */
static double waiting_seconds(const struct batcher *batcher, const struct batcher_case *cases,
                              size_t count, size_t longest)
{
    size_t ahead = 0;
    for (size_t i = 0; i < count; i++) ahead += cases[i].weight;
    ahead -= longest;
    for (size_t i = 0; i < batcher->count; i++)
        if (batcher->waiting[i]->weight <= longest) ahead += batcher->waiting[i]->weight;
    return batcher->pace * (double)ahead;
}

/* Whether its time is over: what is left of it does not suffice for the case in the company
 * there is. A short deadline still leaves a quarter of itself for waiting. */
static bool is_late(const struct batcher *batcher, const struct batcher_case *one)
{
    double deadline = batcher->options.deadline_seconds;
    double needed = running_seconds(batcher, one->weight);
    if (needed > 0.75 * deadline) needed = 0.75 * deadline;
    return tick_seconds_since(one->since) > deadline - needed;
}

/* Choosing; the lock is held */

static struct batcher_case *take(struct batcher *batcher, size_t at)
{
    struct batcher_case *one = batcher->waiting[at];
    batcher->count--;
    batcher->bytes -= one->bytes;
    memmove(batcher->waiting + at, batcher->waiting + at + 1,
            (batcher->count - at) * sizeof *batcher->waiting);
    return one;
}

/* NULL where nobody is. */
static struct batcher_case *take_late(struct batcher *batcher)
{
    for (size_t i = 0; i < batcher->count; i++)
        if (is_late(batcher, batcher->waiting[i])) return take(batcher, i);
    return NULL;
}

/* The first of the shortest. */
static size_t shortest(const struct batcher *batcher)
{
    size_t best = 0;
    for (size_t i = 1; i < batcher->count; i++)
        if (batcher->waiting[i]->weight < batcher->waiting[best]->weight) best = i;
    return best;
}

static bool may_run(const struct batcher *batcher, const struct batcher_case *one)
{
    size_t huge = 0;
    if (one->weight <= HUGE_TOKENS) return true;
    for (size_t i = 0; i < batcher->running_count; i++)
        huge += batcher->running[i]->weight > HUGE_TOKENS;
    return huge < (batcher->slots + 1) / 2;
}

/* The next case to be read, NULL where there is none or no place for it. */
static struct batcher_case *choose(struct batcher *batcher)
{
    if (batcher->count == 0 || batcher->running_count == batcher->slots) return NULL;
    /* The oldest is the one that most others went by. */
    size_t at = batcher->waiting[0]->passed_over >= JUMPS ? 0 : shortest(batcher);
    if (!may_run(batcher, batcher->waiting[at])) at = shortest(batcher);
    if (!may_run(batcher, batcher->waiting[at])) return NULL;
    for (size_t i = 0; i < at; i++) batcher->waiting[i]->passed_over++;
    struct batcher_case *one = take(batcher, at);
    batcher->running[batcher->running_count++] = one;
    one->begun = tick_now();
    one->company = (unsigned)batcher->running_count;
    return one;
}

/* Handing back; the lock is not held */

static void refuse(const struct batcher *batcher, struct batcher_case *one, enum error_code code)
{
    struct error err;
    if (code == ERR_DEADLINE)
        error_fill(&err, code, 0, "the case waited %.2f s; the deadline is %g s",
                   tick_seconds_since(one->since), batcher->options.deadline_seconds);
    else
        error_fill(&err, code, 0, "the service stops and did not come to this case");
    one->done(one, NULL, &err);
}

void batcher_look(struct batcher *batcher)
{
    struct batcher_case *late;
    do {
        pthread_mutex_lock(&batcher->lock);
        late = take_late(batcher);
        pthread_mutex_unlock(&batcher->lock);
        if (late != NULL) refuse(batcher, late, ERR_DEADLINE);
    } while (late != NULL);
}

/* Nobody comes any more: it closes. */
static void refuse_all(struct batcher *batcher)
{
    struct batcher_case *one;
    do {
        pthread_mutex_lock(&batcher->lock);
        one = batcher->count > 0 ? take(batcher, 0) : NULL;
        pthread_mutex_unlock(&batcher->lock);
        if (one != NULL) refuse(batcher, one, ERR_DRAINING);
    } while (one != NULL);
}

/* The answering thread */

static const struct case_text *next(void *context, void **out_owner)
{
    struct batcher *batcher = context;
    struct batcher_case *one = NULL;
    batcher_look(batcher);
    fault_hang("queue");
    pthread_mutex_lock(&batcher->lock);
    if (batcher->closing || batcher->next_context != NULL) {
        one = NULL; /* those under way end first */
    } else if (batcher->canary != NULL && !batcher->canary_runs) {
        one = batcher->canary;
        batcher->canary_runs = true;
    } else {
        one = choose(batcher);
    }
    pthread_mutex_unlock(&batcher->lock);
    *out_owner = one;
    return one != NULL ? &one->text : NULL;
}

static void ended(void *context, void *owner, const struct answer *answer)
{
    struct batcher *batcher = context;
    struct batcher_case *one = owner;
    pthread_mutex_lock(&batcher->lock);
    if (one == batcher->canary) {
        batcher->canary = NULL;
        batcher->canary_runs = false;
    } else {
        size_t at = 0;
        measure_pace(batcher, one);
        while (batcher->running[at] != one) at++;
        batcher->running[at] = batcher->running[--batcher->running_count];
    }
    pthread_mutex_unlock(&batcher->lock);
    one->done(one, answer, NULL);
}

static void between(void *context) { batcher_look(context); }

static struct batcher_case *take_canary(struct batcher *batcher)
{
    struct batcher_case *canary = batcher->canary;
    check(!batcher->canary_runs);
    batcher->canary = NULL;
    return canary;
}

/* The lock is held, and given up while a canary is handed back. */
static void turn(struct batcher *batcher)
{
    struct batcher_case *canary = take_canary(batcher);
    batcher->context = batcher->next_context;
    batcher->next_context = NULL;
    pthread_mutex_unlock(&batcher->lock);
    if (canary != NULL) refuse(batcher, canary, ERR_DRAINING);
    pthread_mutex_lock(&batcher->lock);
    pthread_cond_broadcast(&batcher->swapped);
}

static void *live(void *argument)
{
    struct batcher *batcher = argument;
    const struct answer_stream stream = {batcher, next, ended, between};
    pthread_mutex_lock(&batcher->lock);
    while (!batcher->closing) {
        if (batcher->next_context != NULL) {
            turn(batcher);
        } else if (batcher->count == 0 && batcher->canary == NULL) {
            pthread_cond_wait(&batcher->wake, &batcher->lock);
        } else {
            pthread_mutex_unlock(&batcher->lock);
            answer_flow(batcher->context, &stream);
            pthread_mutex_lock(&batcher->lock);
        }
    }
    struct batcher_case *canary = take_canary(batcher);
    batcher->next_context = NULL;
    pthread_cond_broadcast(&batcher->swapped);
    pthread_mutex_unlock(&batcher->lock);
    if (canary != NULL) refuse(batcher, canary, ERR_DRAINING);
    return NULL;
}

/* From outside */

/* Why the cases may not wait; the lock is held. */
static enum error_code admit(const struct batcher *batcher, const struct batcher_case *cases,
                             size_t count, size_t bytes, struct error *err)
{
    const struct batcher_options *options = &batcher->options;
    if (batcher->closing) return error_set(err, ERR_DRAINING, 0, "the service stops");
    if (count > options->cases_max)
        return error_set(err, ERR_QUEUE_FULL, 0, "%zu cases never find room; it is for %zu", count,
                         options->cases_max);
    /* Alone, a request of any size may wait: it was let in for its own size. */
    if (count > options->cases_max - batcher->count ||
        (batcher->count > 0 && batcher->bytes + bytes > options->bytes_max))
        return error_set(err, ERR_QUEUE_FULL, 0, "%zu cases wait; room is for %zu, and %zu bytes",
                         batcher->count, options->cases_max, options->bytes_max);
    if (batcher->count + batcher->running_count == 0) return ERR_NONE;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        if (cases[i].weight > longest) longest = cases[i].weight;
    double runs = running_seconds(batcher, longest);
    double waits = waiting_seconds(batcher, cases, count, longest);
    if (waits <= waiting_share * (options->deadline_seconds - runs)) return ERR_NONE;
    return error_set(err, ERR_QUEUE_FULL, 0,
                     "%zu cases wait; an answer would come after some %.1f s, too near to the "
                     "deadline of %g s",
                     batcher->count, waits + runs, options->deadline_seconds);
}

enum error_code batcher_put(struct batcher *batcher, struct batcher_case *cases, size_t count,
                            struct error *err)
{
    size_t bytes = 0;
    uint64_t now = tick_now();
    for (size_t i = 0; i < count; i++) {
        cases[i].since = cases[i].asked > 0 ? cases[i].asked : now;
        cases[i].weight = weigh(&cases[i].text);
        cases[i].passed_over = 0;
        bytes += cases[i].bytes;
    }
    pthread_mutex_lock(&batcher->lock);
    enum error_code code = admit(batcher, cases, count, bytes, err);
    if (code == ERR_NONE) {
        for (size_t i = 0; i < count; i++) batcher->waiting[batcher->count++] = &cases[i];
        batcher->bytes += bytes;
        pthread_cond_signal(&batcher->wake);
    }
    pthread_mutex_unlock(&batcher->lock);
    return code;
}

void batcher_put_canary(struct batcher *batcher, struct batcher_case *one)
{
    one->since = tick_now();
    pthread_mutex_lock(&batcher->lock);
    bool closing = batcher->closing;
    if (!closing) {
        check(batcher->canary == NULL);
        batcher->canary = one;
        pthread_cond_signal(&batcher->wake);
    }
    pthread_mutex_unlock(&batcher->lock);
    if (closing) refuse(batcher, one, ERR_DRAINING);
}

size_t batcher_waiting(struct batcher *batcher)
{
    pthread_mutex_lock(&batcher->lock);
    size_t count = batcher->count;
    pthread_mutex_unlock(&batcher->lock);
    return count;
}

enum error_code batcher_swap(struct batcher *batcher, struct answer_context *context,
                             struct error *err)
{
    check(context->room.slots == batcher->slots + 1);
    pthread_mutex_lock(&batcher->lock);
    if (!batcher->closing) batcher->next_context = context;
    pthread_cond_signal(&batcher->wake);
    while (batcher->next_context != NULL) pthread_cond_wait(&batcher->swapped, &batcher->lock);
    bool swapped = batcher->context == context;
    pthread_mutex_unlock(&batcher->lock);
    return swapped ? ERR_NONE : error_set(err, ERR_DRAINING, 0, "the service stops");
}

static void lay(struct batcher *batcher, struct arena *arena)
{
    size_t cases = batcher->options.cases_max;
    batcher->waiting = arena_take(arena, cases, sizeof(struct batcher_case *));
    batcher->running = arena_take(arena, batcher->slots, sizeof(struct batcher_case *));
}

size_t batcher_bytes(const struct batcher_options *options, unsigned places)
{
    struct batcher measured = {.options = *options, .slots = places - 1};
    struct arena arena = arena_measure();
    lay(&measured, &arena);
    return sizeof measured + arena.used;
}

enum error_code batcher_open(struct batcher **out_batcher, const struct batcher_options *options,
                             struct error *err)
{
    struct batcher *batcher;
    check(options->cases_max >= 1 && options->context->room.slots >= 2);
    TRY(mem_take(&batcher, 1, sizeof *batcher, err));
    batcher->options = *options;
    batcher->context = options->context;
    batcher->slots = options->context->room.slots - 1;
    pthread_mutex_init(&batcher->lock, NULL);
    pthread_cond_init(&batcher->wake, NULL);
    pthread_cond_init(&batcher->swapped, NULL);
    struct arena arena = arena_measure();
    lay(batcher, &arena);
    enum error_code code = arena_open(&batcher->arena, arena.used, err);
    if (code == ERR_NONE) {
        lay(batcher, &batcher->arena);
        arena_seal(&batcher->arena);
        if (!thread_start(&batcher->thread, live, batcher))
            code = error_set(err, ERR_SYSTEM, 0, "the answering thread could not be made");
    }
    if (code != ERR_NONE) {
        batcher_close(batcher);
        return code;
    }
    *out_batcher = batcher;
    return ERR_NONE;
}

static void tell_to_stop(struct batcher *batcher)
{
    pthread_mutex_lock(&batcher->lock);
    batcher->closing = true;
    pthread_cond_signal(&batcher->wake);
    pthread_mutex_unlock(&batcher->lock);
    refuse_all(batcher); /* here, as the thread may hang */
}

bool batcher_stop(struct batcher *batcher, double seconds)
{
    tell_to_stop(batcher);
    return thread_join_within(&batcher->thread, seconds);
}

void batcher_close(struct batcher *batcher)
{
    if (batcher == NULL) return;
    tell_to_stop(batcher);
    thread_join(&batcher->thread);
    arena_close(&batcher->arena);
    pthread_cond_destroy(&batcher->wake);
    pthread_cond_destroy(&batcher->swapped);
    pthread_mutex_destroy(&batcher->lock);
    mem_free(batcher);
}
