/* batcher_test.c - who shares a pass, who is refused, and that everyone gets an answer. */
// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <semaphore.h>

#include "../answer/imported.h"
#include "serve/batcher.c"

enum { CASES = 40, TEXT_MAX = 8000 };

/* Choosing, without a thread */

struct line {
    struct batcher batcher;
    struct batcher_case cases[CASES], *waiting[CASES], *pass[CASES], *late[CASES];
};

static void line_up(struct line *line, const size_t *weights, size_t count, unsigned slots)
{
    *line = (struct line){0};
    line->batcher.options.room.slots = slots;
    line->batcher.options.deadline_seconds = 2;
    line->batcher.waiting = line->waiting;
    line->batcher.pass = line->pass;
    line->batcher.late = line->late;
    line->batcher.count = count;
    for (size_t i = 0; i < count; i++) {
        line->cases[i] =
            (struct batcher_case){.weight = weights[i], .bytes = 10 * i, .since = tick_now()};
        line->waiting[i] = &line->cases[i];
        line->batcher.bytes += line->cases[i].bytes;
    }
}

static void assert_pass(struct line *line, const size_t *expected, size_t count)
{
    assert_int_equal(choose(&line->batcher), count);
    for (size_t i = 0; i < count; i++) assert_ptr_equal(line->pass[i], &line->cases[expected[i]]);
}

static void small_ones_do_not_wait_for_huge_ones(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){4096, 50, 4000, 20, 104, 105}, 6, 16);
    /* Twice 20 and 64 is 104. */
    assert_pass(&line, (size_t[]){3, 1, 4}, 3);
    assert_int_equal(line.batcher.bytes, 0 + 20 + 50);
    assert_pass(&line, (size_t[]){5}, 1);
    assert_pass(&line, (size_t[]){2, 0}, 2);
    assert_int_equal(choose(&line.batcher), 0);
    assert_int_equal(line.batcher.bytes, 0);
}

static void slots_bound_a_pass(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){7, 7, 6, 7, 7}, 5, 3);
    assert_pass(&line, (size_t[]){2, 0, 1}, 3);
    assert_pass(&line, (size_t[]){3, 4}, 2);
}

static void nobody_starves(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){4096, 1, 1, 1, 1, 1, 1, 900}, 8, 1);
    for (size_t i = 0; i < JUMPS; i++) assert_pass(&line, (size_t[]){1 + i}, 1);
    assert_pass(&line, (size_t[]){0}, 1);
    line_up(&line, (size_t[]){4096, 1, 1, 1, 1, 1, 1, 900}, 8, 2);
    line.cases[0].passed_over = JUMPS;
    assert_pass(&line, (size_t[]){0, 1}, 2); /* who joins its pass ends sooner than after it */
}

static void who_is_late_leaves(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){5, 5, 5, 5}, 4, 16);
    line.cases[0].since -= 3000000000u;
    line.cases[2].since -= 2100000000u;
    assert_int_equal(take_late(&line.batcher), 2);
    assert_ptr_equal(line.late[0], &line.cases[0]);
    assert_ptr_equal(line.late[1], &line.cases[2]);
    assert_pass(&line, (size_t[]){1, 3}, 2);
    assert_int_equal(line.batcher.bytes, 0);
}

static void weights_follow_bytes(void **state)
{
    (void)state;
    struct case_text text = {0};
    static const char bytes[100000];
    assert_int_equal(weigh(&text), 1);
    text.field[CASE_SUBJECT] = (struct slice){bytes, 100};
    text.field[CASE_DESCRIPTION] = (struct slice){bytes, 400};
    assert_int_equal(weigh(&text), 101);
    text.field[CASE_DESCRIPTION] = (struct slice){bytes, sizeof bytes};
    assert_int_equal(weigh(&text), READER_TOKENS_MAX);
}

/* With its thread; done holds it at a gate while `held` */

static struct answer_model model;
static struct batcher *batcher;
static struct batcher_case cases[CASES];
static struct {
    enum error_code code;
    struct answer answer;
    float row[IMPORTED_LABELS];
} got[CASES];
static sem_t arrived, gate, ended;
static bool held;

static void on_done(void *context, struct batcher_case *one, const struct answer *answer,
                    const struct error *err)
{
    size_t number = (size_t)(one - cases);
    assert_ptr_equal(context, &got);
    assert_ptr_equal(one->owner, &got[number]);
    got[number].code = answer != NULL ? ERR_NONE : err->code;
    if (answer != NULL) {
        got[number].answer = *answer;
        memcpy(got[number].row, answer->probability, sizeof got[number].row);
    }
    if (number == 0 && held) {
        sem_post(&arrived);
        sem_wait(&gate);
    }
    sem_post(&ended);
}

static void open_batcher(unsigned threads, size_t cases_max, double deadline_seconds)
{
    struct error err;
    static char room[CASES][TEXT_MAX];
    struct batcher_options options = {.model = &model,
                                      .room = {.slots = 4, .threads = threads},
                                      .cases_max = cases_max,
                                      .bytes_max = 1000,
                                      .deadline_seconds = deadline_seconds,
                                      .done = on_done,
                                      .context = &got};
    memset(got, 0xFF, sizeof got);
    for (unsigned i = 0; i < CASES; i++)
        cases[i] = (struct batcher_case){
            .text = imported_case(i, 1 + 7 * (i % 6) * (i % 6), room[i], TEXT_MAX),
            .bytes = 10,
            .owner = &got[i]};
    assert_fine(batcher_open(&batcher, &options, &err), &err);
}

static void put(size_t number)
{
    struct error err;
    assert_fine(batcher_put(batcher, &cases[number], 1, &err), &err);
}

/* Case 0 is answered and keeps the thread until release. */
static void hold(void)
{
    held = true;
    put(0);
    sem_wait(&arrived);
}

static void release(void)
{
    held = false;
    sem_post(&gate);
}

static void wait_for(size_t count)
{
    while (count-- > 0) sem_wait(&ended);
}

static void answers_are_those_of_one_alone(void **state)
{
    (void)state;
    struct error err;
    struct answer_context context;
    assert_fine(answer_begin(&context, &model, &err), &err);
    for (unsigned threads = 1; threads <= 2; threads++) {
        open_batcher(threads, CASES, 1000);
        for (size_t i = 0; i < CASES; i++) put(i);
        wait_for(CASES);
        batcher_close(batcher);
        for (size_t i = 0; i < CASES; i++) {
            struct answer alone;
            answer_case(&context, &cases[i].text, &alone);
            assert_int_equal(got[i].code, ERR_NONE);
            assert_int_equal(got[i].answer.best, alone.best);
            assert_memory_equal(got[i].row, alone.probability, sizeof got[i].row);
        }
    }
    answer_end(&context);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    struct error err;
    open_batcher(1, 3, 1000);
    hold();
    for (size_t i = 1; i <= 3; i++) put(i);
    assert_fails(batcher_put(batcher, &cases[4], 1, &err), ERR_QUEUE_FULL, "3 cases wait", &err);
    release();
    wait_for(4);
    hold();
    cases[1].bytes = 1200; /* more than all may have, but alone */
    put(1);
    cases[2].bytes = 1;
    assert_fails(batcher_put(batcher, &cases[2], 1, &err), ERR_QUEUE_FULL, "1 cases wait", &err);
    release();
    wait_for(2);
    hold();
    cases[1].bytes = 600;
    cases[2].bytes = 400;
    cases[3].bytes = 1;
    put(1), put(2);
    assert_fails(batcher_put(batcher, &cases[3], 1, &err), ERR_QUEUE_FULL, "2 cases wait", &err);
    release();
    wait_for(3);
    batcher_close(batcher);
    for (size_t i = 0; i < 4; i++) assert_int_equal(got[i].code, ERR_NONE);
}

static void many_wait_together_or_none(void **state)
{
    (void)state;
    struct error err;
    open_batcher(1, 6, 1000);
    hold();
    put(1);
    assert_fails(batcher_put(batcher, &cases[2], 6, &err), ERR_QUEUE_FULL, "1 cases wait", &err);
    cases[2].bytes = 985; /* with the others' too many */
    assert_fails(batcher_put(batcher, &cases[2], 2, &err), ERR_QUEUE_FULL, "1 cases wait", &err);
    cases[2].bytes = 10;
    assert_fine(batcher_put(batcher, &cases[2], 5, &err), &err);
    assert_fails(batcher_put(batcher, &cases[7], 1, &err), ERR_QUEUE_FULL, "6 cases wait", &err);
    release();
    wait_for(7);
    batcher_close(batcher);
    for (size_t i = 0; i < 7; i++) assert_int_equal(got[i].code, ERR_NONE);
}

static void a_late_case_is_told(void **state)
{
    (void)state;
    open_batcher(1, CASES, 0.02);
    hold();
    put(1);
    while (tick_seconds_since(cases[1].since) < 0.03) sched_yield();
    release();
    wait_for(2);
    assert_int_equal(got[0].code, ERR_NONE);
    assert_int_equal(got[1].code, ERR_DEADLINE);
    batcher_close(batcher);
}

static void *release_when_closing(void *unused)
{
    (void)unused;
    for (bool closing = false; !closing; sched_yield()) {
        pthread_mutex_lock(&batcher->lock);
        closing = batcher->closing;
        pthread_mutex_unlock(&batcher->lock);
    }
    release();
    return NULL;
}

static void stopping_hands_everything_back(void **state)
{
    (void)state;
    struct error err;
    pthread_t helper;
    open_batcher(2, CASES, 1000);
    hold();
    for (size_t i = 1; i < 9; i++) put(i);
    assert_int_equal(pthread_create(&helper, NULL, release_when_closing, NULL), 0);
    batcher_stop(batcher);
    pthread_join(helper, NULL);
    wait_for(9);
    assert_int_equal(got[0].code, ERR_NONE);
    for (size_t i = 1; i < 9; i++) assert_int_equal(got[i].code, ERR_DRAINING);
    assert_int_equal(batcher_put(batcher, &cases[9], 1, &err), ERR_DRAINING);
    batcher_close(batcher);
}

static void ready_follows_the_canary(void **state)
{
    (void)state;
    static const float other[IMPORTED_LABELS] = {0, 0, 0, 0, 30};
    struct error err;
    open_batcher(1, CASES, 1000);
    assert_fine(batcher_ready(batcher, &err), &err);
    const float *logits = batcher->context.canary.logits;
    hold(); /* so that nobody else runs a canary */
    batcher->context.canary.logits = other;
    check_canary(batcher);
    assert_fails(batcher_ready(batcher, &err), ERR_NOT_READY, "canary 1", &err);
    batcher->context.canary.logits = logits;
    check_canary(batcher);
    assert_fine(batcher_ready(batcher, &err), &err);
    pthread_mutex_lock(&batcher->lock);
    batcher->canary_last -= 61000000000u;
    pthread_mutex_unlock(&batcher->lock);
    assert_fails(batcher_ready(batcher, &err), ERR_NOT_READY, "nothing was answered", &err);
    release();
    wait_for(1);
    batcher_close(batcher);
}

static int make(void **state)
{
    struct error err;
    const char *path = imported_write(false);
    *state = (void *)(size_t)path;
    assert_fine(answer_open(&model, path, NULL, &err), &err);
    sem_init(&arrived, 0, 0), sem_init(&gate, 0, 0), sem_init(&ended, 0, 0);
    return 0;
}

static int give(void **state)
{
    answer_close(&model);
    unlink(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_ones_do_not_wait_for_huge_ones),
        cmocka_unit_test(slots_bound_a_pass),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(who_is_late_leaves),
        cmocka_unit_test(weights_follow_bytes),
        cmocka_unit_test(answers_are_those_of_one_alone),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(many_wait_together_or_none),
        cmocka_unit_test(a_late_case_is_told),
        cmocka_unit_test(stopping_hands_everything_back),
        cmocka_unit_test(ready_follows_the_canary),
    };
    return cmocka_run_group_tests_name("batcher", tests, make, give);
}
