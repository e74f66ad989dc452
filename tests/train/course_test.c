/* course_test.c - stages and rates; stopped anywhere and resumed, the bits are the same. */
// SPDX-License-Identifier: Apache-2.0
#include "train/course.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>

#include "base/stop.h"
#include "fail.h"
#include "train/tiny.h"

enum { COUNT = 40, STATE = 4, BATCHES = 5, EPOCHS = 4 };

/* A net of two groups that seeks the bottom of a bowl; its state takes part. */
struct bench {
    struct net net;
    struct course course;
    struct course_lesson lesson;
    struct course_way way;
    struct arena arena;
    float parameters[COUNT], gradients[COUNT], state[STATE];
    size_t at;                /* the batch */
    uint64_t stop_at, nan_at; /* steps; UINT64_MAX: never */
    unsigned thawed[BATCHES * EPOCHS];
};

static const struct recipe recipe = {
    .stages = {{"head", 1, 1, 1e-2, 1e-2}, {"all", 0, 3, 1e-3, 1e-2}},
    .stage_count = 2,
    .rows = 8,
    .decay = 0.01};

static void begin(void *context, unsigned epoch, size_t batch)
{
    struct bench *bench = context;
    assert_true(epoch < EPOCHS && batch < BATCHES);
    if (batch == 0)
        for (size_t i = 0; i < STATE; i++) bench->state[i] = 0;
    bench->at = epoch * 100 + batch;
}

static enum error_code learn(void *context, uint64_t draw, struct net_loss *out_loss,
                             uint64_t *out_items, struct error *err)
{
    struct bench *bench = context;
    (void)err;
    float sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        float away =
            bench->parameters[i] - sinf((float)(bench->at + draw) + bench->state[i % STATE]);
        bench->gradients[i] = away;
        sum += away * away;
    }
    for (size_t i = 0; i < STATE; i++) bench->state[i] += bench->gradients[i];
    bench->thawed[draw] = bench->net.groups - bench->net.first;
    bench->at++;
    if (draw == bench->stop_at) raise(SIGTERM);
    *out_loss = (struct net_loss){(double)sum / COUNT, draw == bench->nan_at ? NAN : (double)sum};
    *out_items = 7;
    return ERR_NONE;
}

static double judge(void *context)
{
    const struct bench *bench = context;
    return (double)bench->parameters[0];
}

static void bench_open(struct bench *bench, const char *output, double pause)
{
    struct error err;
    *bench = (struct bench){.stop_at = UINT64_MAX, .nan_at = UINT64_MAX};
    struct net *net = &bench->net;
    net->rows[0] = (struct net_row){.offset = 0, .count = 30, .group = 0, .decays = true};
    net->rows[1] = (struct net_row){.offset = 30, .count = 10, .group = 1};
    net->row_count = net->groups = 2;
    net->count = COUNT;
    net->parameters = bench->parameters;
    net->gradients = bench->gradients;
    net->state = bench->state;
    net->state_count = STATE;
    assert_fine(gemm_open(&net->gemm, GEMM_PLAIN, 1, &err), &err);
    bench->arena = arena_measure();
    course_lay(&bench->course, net, &bench->arena);
    assert_fine(arena_open(&bench->arena, bench->arena.used, &err), &err);
    course_lay(&bench->course, net, &bench->arena);
    bench->way =
        (struct course_way){.output = output, .seed = 1, .threads = 1, .pause_seconds = pause};
    bench->lesson = (struct course_lesson){.training = "bowl",
                                           .title = "seeking the bottom",
                                           .unit = "steps",
                                           .batches = BATCHES,
                                           .items = 7 * BATCHES,
                                           .context = bench,
                                           .begin = begin,
                                           .learn = learn,
                                           .judge = judge};
    bench->course.recipe = &recipe;
    bench->course.way = &bench->way;
    bench->course.lesson = &bench->lesson;
    stop_arm();
}

/* Leaves the checkpoint. */
static void bench_free(struct bench *bench)
{
    arena_close(&bench->arena);
    gemm_close(bench->net.gemm);
}

static void bench_close(struct bench *bench)
{
    unlink(bench->course.path);
    bench_free(bench);
}

static void test_goes_through_its_stages(void **state)
{
    (void)state;
    struct error err;
    static struct bench bench;
    bench_open(&bench, tiny_path("model"), 1e6);
    assert_fine(course_run(&bench.course, NULL, &err), &err);
    for (size_t step = 0; step < BATCHES * EPOCHS; step++)
        assert_int_equal(bench.thawed[step], step < BATCHES ? 1 : 2);
    assert_true(course_loss(&bench.course) > 0);
    assert_true(course_valid(&bench.course) == (double)bench.parameters[0]);
    bench_close(&bench);
}

/* Stopped in every step, in turn; whoever resumes ends with the same bits. */
static void test_stopped_anywhere(void **state)
{
    (void)state;
    struct error err;
    static struct bench whole, part, rest;
    char output[4096];
    snprintf(output, sizeof output, "%s", tiny_path("model"));
    bench_open(&whole, output, 1e6);
    assert_fine(course_run(&whole.course, NULL, &err), &err);
    for (uint64_t step = 0; step + 1 < BATCHES * EPOCHS; step++) {
        bench_open(&part, output, 1e6);
        part.stop_at = step;
        assert_fails(course_run(&part.course, NULL, &err), ERR_STOPPED, "--resume", &err);
        bench_open(&rest, output, 1e6);
        rest.way.resume = true;
        assert_fine(course_run(&rest.course, NULL, &err), &err);
        assert_memory_equal(whole.parameters, rest.parameters, sizeof whole.parameters);
        assert_true(course_loss(&whole.course) == course_loss(&rest.course));
        bench_free(&part);
        bench_close(&rest);
    }
    bench_close(&whole);
}

/* An ended training is read back and not run again; one of other settings is refused. */
static void test_ended(void **state)
{
    (void)state;
    struct error err;
    static struct bench first, again;
    char output[4096];
    snprintf(output, sizeof output, "%s", tiny_path("model"));
    bench_open(&first, output, 1e6);
    assert_fine(course_run(&first.course, NULL, &err), &err);
    bench_open(&again, output, 1e6);
    again.way.resume = true;
    assert_fine(course_run(&again.course, NULL, &err), &err);
    assert_int_equal(again.thawed[0], 0);
    assert_memory_equal(first.parameters, again.parameters, sizeof first.parameters);
    again.way.seed = 2;
    assert_fails(course_run(&again.course, NULL, &err), ERR_USAGE, "other settings", &err);
    again.way.seed = 1;
    again.course.data = 5;
    assert_fails(course_run(&again.course, NULL, &err), ERR_USAGE, "other texts", &err);
    bench_close(&again);
    bench_close(&first);
}

static void test_no_number(void **state)
{
    (void)state;
    struct error err;
    static struct bench bench;
    bench_open(&bench, tiny_path("model"), 0);
    bench.nan_at = 7;
    assert_fails(course_run(&bench.course, NULL, &err), ERR_DATA, "at step 8 ('all', epoch 1)",
                 &err);
    assert_non_null(strstr(err.detail, bench.course.path));
    /* What was written down before is good. */
    bench.nan_at = UINT64_MAX;
    bench.way.resume = true;
    assert_fine(course_run(&bench.course, NULL, &err), &err);
    for (size_t i = 0; i < COUNT; i++) assert_true(isfinite(bench.parameters[i]));
    bench_close(&bench);
}

/* Every write fails once: what was written before is whole, and the end is the same. */
static void test_a_full_disk(void **state)
{
    (void)state;
    struct error err;
    static struct bench whole, bench;
    char output[4096];
    snprintf(output, sizeof output, "%s", tiny_path("model"));
    bench_open(&whole, output, 1e6);
    assert_fine(course_run(&whole.course, NULL, &err), &err);
    for (long n = 1;; n += 5) {
        bench_open(&bench, output, 0);
        unlink(whole.course.path);
        fault_arm(n);
        enum error_code code = course_run(&bench.course, NULL, &err);
        bool struck = fault_struck();
        fault_arm(0);
        assert_int_equal(struck, code != ERR_NONE);
        bench_free(&bench);
        if (!struck) break;
        bench_open(&bench, output, 1e6);
        bench.way.resume = true;
        assert_fine(course_run(&bench.course, NULL, &err), &err);
        assert_memory_equal(whole.parameters, bench.parameters, sizeof whole.parameters);
        bench_close(&bench);
    }
    bench_close(&whole);
}

static void test_history(void **state)
{
    (void)state;
    struct error err;
    static struct bench bench;
    static struct history history;
    char path[4096], output[4096];
    size_t size, lines = 0;
    uint64_t flushed;
    snprintf(path, sizeof path, "%s", tiny_path("history.jsonl"));
    snprintf(output, sizeof output, "%s", tiny_path("model"));
    for (int part = 0; part < 2; part++) {
        bench_open(&bench, output, 1e6);
        assert_fine(history_open(&history, path, part == 1, &err), &err);
        bench.way.history = &history;
        bench.way.resume = part == 1;
        bench.stop_at = part == 0 ? 8 : UINT64_MAX;
        assert_int_equal(course_run(&bench.course, NULL, &err), part == 0 ? ERR_STOPPED : ERR_NONE);
        /* Lines that a kill would leave behind the checkpoint. */
        struct history_line line = {.training = "bowl", .stage = "all", .step = 10};
        if (part == 0) assert_fine(history_add(&history, &line, &err), &err);
        assert_fine(history_flush(&history, &flushed, &err), &err);
        history_close(&history);
        if (part == 0) bench_free(&bench);
    }
    char *text = tiny_get(path, &size);
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        json_t *line = json_loads(at, 0, NULL);
        bool valid = json_object_get(line, "valid_loss") != NULL;
        if (!valid) assert_int_equal(json_integer_value(json_object_get(line, "step")), lines + 1);
        lines += !valid;
        json_decref(line);
    }
    free(text);
    assert_int_equal(lines, BATCHES * EPOCHS);
    bench_close(&bench);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_through_its_stages),
        cmocka_unit_test(test_stopped_anywhere),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_no_number),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
