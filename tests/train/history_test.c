/* history_test.c - lines are JSON, none is lost, and a resumed run takes its later ones back. */
// SPDX-License-Identifier: Apache-2.0
#include "train/history.h"

#include <jansson.h>
#include <math.h>

#include "fail.h"
#include "train/tiny.h"

static struct history_line line_of(uint64_t step)
{
    return (struct history_line){.training = "language",
                                 .stage = "all layers",
                                 .epoch = 2,
                                 .step = step,
                                 .loss = 2.5,
                                 .total = step == 3 ? NAN : 2.75,
                                 .rate = 1e-3,
                                 .momentum = 0.75,
                                 .items = 2304};
}

static size_t count_lines(const char *path, uint64_t *out_last)
{
    size_t size, lines = 0;
    char *text = tiny_get(path, &size);
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
        *end = '\0';
        json_t *line = json_loads(at, 0, NULL);
        assert_non_null(line);
        *out_last = (uint64_t)json_integer_value(json_object_get(line, "step"));
        assert_true(fabs(json_real_value(json_object_get(line, "perplexity")) - exp(2.5)) < 1e-6);
        assert_int_equal(json_is_null(json_object_get(line, "total")), *out_last == 3);
        json_decref(line);
    }
    free(text);
    return lines;
}

static void add(struct history *history, uint64_t from, uint64_t to)
{
    struct error err;
    for (uint64_t step = from; step <= to; step++) {
        struct history_line line = line_of(step);
        assert_fine(history_add(history, &line, &err), &err);
    }
}

static void test_every_step_once(void **state)
{
    (void)state;
    struct error err;
    static struct history history;
    const char *path = tiny_path("history.jsonl");
    uint64_t at, end, last;
    tiny_put(path, "of another run\n", 15);
    assert_fine(history_open(&history, path, false, &err), &err);
    add(&history, 1, 300);
    assert_fine(history_flush(&history, &at, &err), &err);
    add(&history, 301, 450);
    assert_fine(history_flush(&history, &end, &err), &err);
    history_close(&history);
    assert_int_equal(count_lines(path, &last), 450);
    /* As after a kill: the lines behind the checkpoint come a second time. */
    assert_fine(history_open(&history, path, true, &err), &err);
    assert_fine(history_rewind(&history, at, &err), &err);
    add(&history, 301, 310);
    assert_fine(history_flush(&history, &end, &err), &err);
    assert_fine(history_rewind(&history, end + 1000, &err), &err);
    history_close(&history);
    assert_int_equal(count_lines(path, &last), 310);
    assert_int_equal(last, 310);
    unlink(path);
}

static enum error_code whole(void *context, struct error *err)
{
    static struct history history;
    struct history_line line = line_of(1);
    uint64_t size;
    TRY(history_open(&history, context, false, err));
    enum error_code code = history_add(&history, &line, err);
    if (code == ERR_NONE) code = history_flush(&history, &size, err);
    if (code == ERR_NONE) code = history_rewind(&history, 0, err);
    history_close(&history);
    return code;
}

static void test_every_failure(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s", tiny_path("history.jsonl"));
    fail_walk(whole, path);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step_once),
        cmocka_unit_test(test_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
