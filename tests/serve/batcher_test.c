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
    struct batcher_case cases[CASES], *waiting[CASES], *running[CASES];
};

static void line_up(struct line *line, const size_t *weights, size_t count, unsigned slots)
{
    *line = (struct line){0};
    line->batcher.slots = slots;
    line->batcher.options.deadline_seconds = 2;
    line->batcher.options.cases_max = CASES;
    line->batcher.options.bytes_max = 1000;
    line->batcher.waiting = line->waiting;
    line->batcher.running = line->running;
    line->batcher.count = count;
    for (size_t i = 0; i < count; i++) {
        line->cases[i] =
            (struct batcher_case){.weight = weights[i], .bytes = 10 * i, .since = tick_now()};
        line->waiting[i] = &line->cases[i];
        line->batcher.bytes += line->cases[i].bytes;
    }
}

static void assert_next(struct line *line, int expected)
{
    assert_ptr_equal(choose(&line->batcher), expected < 0 ? NULL : &line->cases[expected]);
}

static void end_all(struct line *line) { line->batcher.running_count = 0; }

static void small_ones_do_not_wait_for_huge_ones(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){4096, 50, 4000, 20, 3000, 104}, 6, 4);
    assert_next(&line, 3);
    assert_next(&line, 1);
    assert_next(&line, 5);
    assert_int_equal(line.batcher.bytes, 0 + 20 + 40);
    assert_next(&line, 4);
    assert_next(&line, -1); /* all places are taken */
    end_all(&line);
    assert_next(&line, 2);
    assert_next(&line, 0);
    assert_int_equal(line.batcher.bytes, 0);
    assert_next(&line, -1);
}

static void huge_ones_take_half_of_the_places(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){4096, 4096, 4096, 4096, 4096}, 5, 4);
    assert_next(&line, 0);
    assert_next(&line, 1);
    assert_next(&line, -1);
    line.cases[4].weight = HUGE_TOKENS; /* the last one is not huge */
    assert_next(&line, 4);
    line_up(&line, (size_t[]){4096, 4096}, 2, 1);
    assert_next(&line, 0); /* one may always */
    assert_next(&line, -1);
}

static void nobody_starves(void **state)
{
    (void)state;
    struct line line;
    size_t weights[JUMPS + 2] = {4096};
    for (size_t i = 1; i < JUMPS + 2; i++) weights[i] = 1;
    line_up(&line, weights, JUMPS + 2, JUMPS + 2);
    for (int i = 0; i < JUMPS; i++) assert_next(&line, 1 + i);
    assert_next(&line, 0);
    assert_next(&line, JUMPS + 1);
}

static void who_is_late_leaves(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){5, 5, 5, 5}, 4, 16);
    line.cases[0].since -= 3000000000u;
    line.cases[2].since -= 2100000000u;
    assert_ptr_equal(take_late(&line.batcher), &line.cases[0]);
    assert_ptr_equal(take_late(&line.batcher), &line.cases[2]);
    assert_null(take_late(&line.batcher));
    /* With 0.1 s a token, half a second is too little for 5 tokens, but not for 3. */
    line.batcher.pace = 0.1;
    line.cases[1].since -= 1600000000u;
    line.cases[3].since -= 1600000000u;
    line.cases[3].weight = 3;
    assert_ptr_equal(take_late(&line.batcher), &line.cases[1]);
    assert_null(take_late(&line.batcher));
    assert_next(&line, 3);
    assert_int_equal(line.batcher.bytes, 0);
}

static void who_would_be_late_does_not_wait(void **state)
{
    (void)state;
    struct error err;
    struct line line;
    struct batcher_case more[2] = {{.weight = 50}, {.weight = 50}};
    line_up(&line, (size_t[]){50, 60, 4000}, 3, 4);
    line.batcher.options.deadline_seconds = 4;
    line.batcher.pace = 0.01; /* until it is known, all may wait */
    assert_fine(admit(&line.batcher, more, 1, 0, &err), &err);
    assert_fine(admit(&line.batcher, more, 2, 0, &err),
                &err);     /* 1.5 s; the longer ones come after */
    assert_next(&line, 0); /* runs, and shares the pass with them all the time */
    assert_next(&line, 1);
    /* Two beside it all the time, these or the next: three times as long as alone. */
    more[0].weight = more[1].weight = 80;
    assert_fine(admit(&line.batcher, more, 1, 0, &err), &err);
    assert_fails(admit(&line.batcher, more, 2, 0, &err), ERR_QUEUE_FULL, "after some 3.2 s", &err);
    more[0].weight = 140;
    assert_fails(admit(&line.batcher, more, 1, 0, &err), ERR_QUEUE_FULL, "deadline of 4 s", &err);
    line_up(&line, NULL, 0, 4);
    line.batcher.pace = 0.01;
    assert_fine(admit(&line.batcher, more, 1, 0, &err), &err); /* alone, it is tried */
    assert_fails(admit(&line.batcher, more, CASES + 1, 0, &err), ERR_QUEUE_FULL, "never", &err);
}

static void the_pace_is_measured(void **state)
{
    (void)state;
    struct line line;
    line_up(&line, (size_t[]){1000, 1000, 4, 4}, 4, 4);
    for (int i = 0; i < 4; i++) choose(&line.batcher)->begun -= 6000000000u;
    line.batcher.running_count = 2;
    measure_pace(&line.batcher, &line.cases[2]); /* the first; two on average */
    assert_true(line.batcher.pace == 0);         /* too short to say */
    measure_pace(&line.batcher, &line.cases[0]); /* the third; 2.5: 2.4 s for its 1000 tokens */
    assert_true(line.batcher.pace > 0.003 && line.batcher.pace < 0.008);
    double before = line.batcher.pace;
    measure_pace(&line.batcher, &line.cases[3]); /* 3 s for 4 tokens move it a little */
    assert_true(line.batcher.pace > before && line.batcher.pace < 2 * before);
    for (int i = 0; i < 20; i++) measure_pace(&line.batcher, &line.cases[1]);
    assert_true(line.batcher.pace > 0.0015 && line.batcher.pace < 0.0025);
    assert_true(line.batcher.pace_tokens <= 4096);
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
static struct answer_context context, another;
static struct team *team;
static struct batcher *batcher;
static struct batcher_case cases[CASES];
static struct {
    enum error_code code;
    struct answer answer;
    float row[IMPORTED_LABELS];
} got[CASES];
static sem_t arrived, gate, is_over;
static bool held;

static void on_done(struct batcher_case *one, const struct answer *answer, const struct error *err)
{
    size_t number = (size_t)(one - cases);
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
    sem_post(&is_over);
}

static void open_batcher(unsigned threads, size_t cases_max, double deadline_seconds)
{
    struct error err;
    static char room[CASES][TEXT_MAX];
    assert_fine(team_open(&team, threads, &err), &err);
    struct answer_room places = {.slots = 4 + 1, .threads = threads, .team = team};
    assert_fine(answer_begin_room(&context, &model, places, &err), &err);
    assert_fine(answer_begin_room(&another, &model, places, &err), &err);
    struct batcher_options options = {.context = &context,
                                      .cases_max = cases_max,
                                      .bytes_max = 1000,
                                      .deadline_seconds = deadline_seconds};
    memset(got, 0xFF, sizeof got);
    for (unsigned i = 0; i < CASES; i++)
        cases[i] = (struct batcher_case){
            .text = imported_case(i, 1 + 7 * (i % 6) * (i % 6), room[i], TEXT_MAX),
            .bytes = 10,
            .done = on_done,
            .owner = &got[i]};
    assert_fine(batcher_open(&batcher, &options, &err), &err);
}

static void close_batcher(void)
{
    batcher_close(batcher);
    answer_end(&context);
    answer_end(&another);
    team_close(team);
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
    while (count-- > 0) sem_wait(&is_over);
}

static void answers_are_those_of_one_alone(void **state)
{
    (void)state;
    struct error err;
    struct answer_context own;
    assert_fine(answer_begin(&own, &model, &err), &err);
    for (unsigned threads = 1; threads <= 2; threads++) {
        open_batcher(threads, CASES, 1000);
        for (size_t i = 0; i < CASES; i++) put(i);
        wait_for(CASES);
        close_batcher();
        for (size_t i = 0; i < CASES; i++) {
            struct answer alone;
            answer_case(&own, &cases[i].text, &alone);
            assert_int_equal(got[i].code, ERR_NONE);
            assert_int_equal(got[i].answer.best, alone.best);
            assert_memory_equal(got[i].row, alone.probability, sizeof got[i].row);
        }
    }
    answer_end(&own);
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
    close_batcher();
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
    close_batcher();
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
    close_batcher();
}

/* It hangs, but who waits is told in time. */
static void a_late_case_is_told_while_the_thread_hangs(void **state)
{
    (void)state;
    open_batcher(1, CASES, 0.02);
    hold();
    put(1), put(2);
    while (tick_seconds_since(cases[2].since) < 0.03) sched_yield();
    batcher_look(batcher);
    wait_for(2);
    assert_int_equal(got[1].code, ERR_DEADLINE);
    assert_int_equal(got[2].code, ERR_DEADLINE);
    assert_int_equal(batcher_waiting(batcher), 0);
    release();
    wait_for(1);
    assert_int_equal(got[0].code, ERR_NONE);
    close_batcher();
}

static void stopping_waits_for_no_thread_that_hangs(void **state)
{
    (void)state;
    open_batcher(1, CASES, 1000);
    hold();
    put(1);
    assert_false(batcher_stop(batcher, 0));
    wait_for(1);
    assert_int_equal(got[1].code, ERR_DRAINING);
    release();
    wait_for(1);
    assert_int_equal(got[0].code, ERR_NONE);
    assert_true(batcher_stop(batcher, 1000));
    close_batcher();
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
    assert_true(batcher_stop(batcher, 1000));
    pthread_join(helper, NULL);
    wait_for(9);
    assert_int_equal(got[0].code, ERR_NONE);
    for (size_t i = 1; i < 9; i++) assert_int_equal(got[i].code, ERR_DRAINING);
    assert_int_equal(batcher_put(batcher, &cases[9], 1, &err), ERR_DRAINING);
    close_batcher();
}

/* While every place is taken and more wait, a canary is answered before them. */
static void a_canary_has_a_place_of_its_own(void **state)
{
    (void)state;
    open_batcher(1, 8, 1000);
    hold(); /* with nothing beside it: the rest comes while the thread stands in done */
    for (size_t i = 1; i <= 8; i++) put(i);
    batcher_put_canary(batcher, &cases[9]);
    assert_int_equal(batcher_waiting(batcher), 8);
    held = false;
    sem_post(&gate);
    wait_for(10);
    assert_int_equal(got[9].code, ERR_NONE);
    batcher_put_canary(batcher, &cases[9]); /* and with nobody beside it */
    wait_for(1);
    close_batcher();
}

static void *swap(void *unused)
{
    (void)unused;
    struct error err;
    assert_fine(batcher_swap(batcher, &another, &err), &err);
    return NULL;
}

static void another_context_takes_over(void **state)
{
    (void)state;
    struct error err;
    pthread_t helper;
    open_batcher(2, CASES, 1000);
    hold();
    for (size_t i = 1; i < 9; i++) put(i);
    batcher_put_canary(batcher, &cases[9]);
    assert_int_equal(pthread_create(&helper, NULL, swap, NULL), 0);
    for (bool asked = false; !asked; sched_yield()) {
        pthread_mutex_lock(&batcher->lock);
        asked = batcher->next_context != NULL;
        pthread_mutex_unlock(&batcher->lock);
    }
    release();
    pthread_join(helper, NULL);
    assert_ptr_equal(batcher->context, &another);
    wait_for(10);
    for (size_t i = 0; i < 9; i++) assert_int_equal(got[i].code, ERR_NONE);
    assert_int_equal(got[9].code, ERR_DRAINING); /* a canary of the model that left */
    assert_true(batcher_stop(batcher, 1000));
    assert_int_equal(batcher_swap(batcher, &context, &err), ERR_DRAINING);
    assert_ptr_equal(batcher->context, &another);
    close_batcher();
}

static int make(void **state)
{
    struct error err;
    const char *path = imported_write(false);
    *state = (void *)(size_t)path;
    assert_fine(answer_open(&model, path, NULL, &err), &err);
    sem_init(&arrived, 0, 0), sem_init(&gate, 0, 0), sem_init(&is_over, 0, 0);
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
        cmocka_unit_test(huge_ones_take_half_of_the_places),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(who_is_late_leaves),
        cmocka_unit_test(who_would_be_late_does_not_wait),
        cmocka_unit_test(the_pace_is_measured),
        cmocka_unit_test(weights_follow_bytes),
        cmocka_unit_test(answers_are_those_of_one_alone),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(many_wait_together_or_none),
        cmocka_unit_test(a_late_case_is_told),
        cmocka_unit_test(a_late_case_is_told_while_the_thread_hangs),
        cmocka_unit_test(stopping_hands_everything_back),
        cmocka_unit_test(stopping_waits_for_no_thread_that_hangs),
        cmocka_unit_test(a_canary_has_a_place_of_its_own),
        cmocka_unit_test(another_context_takes_over),
    };
    return cmocka_run_group_tests_name("batcher", tests, make, give);
}
