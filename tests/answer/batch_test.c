/* batch_test.c - a case's answer is the same bits alone and in any company, of any member, by
 * any number of threads. */
// SPDX-License-Identifier: Apache-2.0
#include "imported.h"

enum { CASES = 40, TEXT_MAX = 20000 };

static struct case_text texts[CASES];
static struct answer alone[CASES];
static float rows[CASES][IMPORTED_LABELS];

/* Mostly short texts, some longer than the model's window, one longer than what is read. */
static void make_texts(void)
{
    static char room[CASES][TEXT_MAX];
    for (unsigned i = 0; i < CASES; i++) {
        size_t words = i == 7 ? 3000 : i % 5 == 0 ? 60 + i : 1 + i % 13;
        texts[i] = imported_case(i, words, room[i], TEXT_MAX);
    }
    static char many[TEXT_MAX];
    memset(many, '!', sizeof many);
    for (size_t i = 1; i < sizeof many; i += 2) many[i] = ' ';
    texts[11].field[CASE_DESCRIPTION] = (struct slice){many, sizeof many};
}

static void answer_alone(const struct answer_model *model)
{
    struct error err;
    struct answer_context context;
    assert_fine(answer_begin(&context, model, &err), &err);
    for (size_t i = 0; i < CASES; i++) {
        answer_case(&context, &texts[i], &alone[i]);
        memcpy(rows[i], alone[i].probability, sizeof rows[i]);
        alone[i].probability = NULL;
    }
    answer_end(&context);
}

static void same_in_batches(const struct answer_model *model, struct answer_room room, size_t batch)
{
    struct error err;
    struct answer_context context;
    assert_fine(answer_begin_room(&context, model, room, &err), &err);
    for (size_t first = 0; first < CASES; first += batch) {
        const struct case_text *some[CASES];
        struct answer answers[CASES];
        size_t count = CASES - first < batch ? CASES - first : batch;
        for (size_t i = 0; i < count; i++) some[i] = &texts[first + i];
        answer_batch(&context, some, count, answers);
        for (size_t i = 0; i < count; i++) {
            const struct answer *expected = &alone[first + i];
            assert_memory_equal(answers[i].probability, rows[first + i], sizeof *rows);
            assert_int_equal(answers[i].best, expected->best);
            assert_true(answers[i].confidence == expected->confidence);
            assert_int_equal(answers[i].truncated, expected->truncated);
            assert_memory_equal(answers[i].member, expected->member, sizeof expected->member);
        }
    }
    answer_end(&context);
}

static void batches_answer_as_one_does(bool linear, const char *kernel)
{
    static const struct answer_room rooms[] = {{2, 1}, {3, 2}, {16, 1}, {16, 2}, {40, 3}};
    struct error err;
    struct answer_model model;
    const char *path = imported_write(linear);
    assert_fine(answer_open(&model, path, kernel, &err), &err);
    assert_int_equal(model.has[ANSWER_LINEAR], linear);
    answer_alone(&model);
    size_t truncated = 0, others = 0;
    for (size_t i = 0; i < CASES; i++) truncated += alone[i].truncated;
    for (size_t i = 1; i < CASES; i++) others += memcmp(rows[i], rows[0], sizeof *rows) != 0;
    assert_int_equal(truncated, 1);
    assert_int_equal(others, CASES - 1);
    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        same_in_batches(&model, rooms[r], rooms[r].slots);
        same_in_batches(&model, rooms[r], (rooms[r].slots + 1) / 2);
    }
    answer_close(&model);
    unlink(path);
}

static void ulmfit_alone(void **state)
{
    (void)state;
    batches_answer_as_one_does(false, NULL);
}

static void exact_weights(void **state)
{
    (void)state;
    batches_answer_as_one_does(false, "exact");
}

/* The blend is the mean of what its members say. */
static void both_members(void **state)
{
    (void)state;
    batches_answer_as_one_does(false, NULL);
    static float ulmfit[CASES][IMPORTED_LABELS];
    memcpy(ulmfit, rows, sizeof rows);
    batches_answer_as_one_does(true, NULL);
    for (size_t i = 0; i < CASES; i++) {
        float sum = 0;
        for (size_t c = 0; c < IMPORTED_LABELS; c++) {
            float linear = 2 * rows[i][c] - ulmfit[i][c];
            assert_true(linear > 0.05f && linear < 0.5f);
            sum += rows[i][c];
        }
        assert_true(sum > 0.9999f && sum < 1.0001f);
        assert_int_equal(alone[i].member[ANSWER_LINEAR].best, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ulmfit_alone),
        cmocka_unit_test(exact_weights),
        cmocka_unit_test(both_members),
    };
    make_texts();
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
