/* batch_test.c - a case's answer is the same bits alone and in any company, of any member, by
 * any number of threads. */
// SPDX-License-Identifier: Apache-2.0
#include <math.h>

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
    static const struct answer_room rooms[] = {
        {2, 1, NULL}, {3, 2, NULL}, {16, 1, NULL}, {16, 2, NULL}, {40, 3, NULL}};
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

/* Cases that come while others run, more of them than there are slots. */

static struct {
    size_t next, done, between;
    size_t place[CASES]; /* when it was done */
} line;

static const struct case_text *next_in_line(void *context, void **out_owner)
{
    assert_ptr_equal(context, &line);
    if (line.next == CASES) return NULL;
    *out_owner = &alone[line.next];
    return &texts[line.next++];
}

static void done_in_line(void *context, void *owner, const struct answer *answer)
{
    (void)context;
    size_t number = (size_t)((const struct answer *)owner - alone);
    assert_memory_equal(answer->probability, rows[number], sizeof *rows);
    assert_int_equal(answer->best, alone[number].best);
    assert_int_equal(answer->truncated, alone[number].truncated);
    line.place[number] = line.done++;
}

static void count_between(void *context)
{
    (void)context;
    line.between++;
}

static void a_stream_answers_as_one_does(const char *kernel, struct answer_room room)
{
    struct error err;
    struct answer_model model;
    struct answer_context context;
    const char *path = imported_write(false);
    assert_fine(answer_open(&model, path, kernel, &err), &err);
    answer_alone(&model);
    assert_fine(answer_begin_room(&context, &model, room, &err), &err);
    memset(&line, 0, sizeof line);
    answer_flow(&context,
                &(struct answer_stream){&line, next_in_line, done_in_line, count_between});
    assert_int_equal(line.done, CASES);
    assert_true(line.between > 0);
    /* Case 11 is the longest that is read; short ones that came much later are done before it. */
    bool beside = room.slots > 1 && kernel == NULL;
    assert_int_equal(line.place[11] > line.place[38], beside);
    answer_end(&context);
    answer_close(&model);
    unlink(path);
}

static void streams(void **state)
{
    (void)state;
    a_stream_answers_as_one_does(NULL, (struct answer_room){.slots = 1, .threads = 1});
    a_stream_answers_as_one_does(NULL, (struct answer_room){.slots = 5, .threads = 2});
    a_stream_answers_as_one_does("exact", (struct answer_room){.slots = 3, .threads = 1});
}

/* What pools say: the members' probabilities to the power of their weights, made to sum to 1. */
static void expect_pool(const float *ulmfit, float *out)
{
    float sum = 0;
    for (size_t c = 0; c < IMPORTED_LABELS; c++)
        sum += out[c] = expf(imported_blend[ANSWER_LINEAR] * imported_bias[c]) *
                        powf(ulmfit[c], imported_blend[ANSWER_ULMFIT]);
    for (size_t c = 0; c < IMPORTED_LABELS; c++) out[c] /= sum;
}

static void both_members(void **state)
{
    (void)state;
    batches_answer_as_one_does(false, NULL);
    static float ulmfit[CASES][IMPORTED_LABELS];
    memcpy(ulmfit, rows, sizeof rows);
    batches_answer_as_one_does(true, NULL);
    for (size_t i = 0; i < CASES; i++) {
        float expected[IMPORTED_LABELS];
        expect_pool(ulmfit[i], expected);
        for (size_t c = 0; c < IMPORTED_LABELS; c++)
            assert_true(fabsf(rows[i][c] - expected[c]) < 1e-5f);
        assert_int_equal(alone[i].member[ANSWER_LINEAR].best, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ulmfit_alone),
        cmocka_unit_test(exact_weights),
        cmocka_unit_test(streams),
        cmocka_unit_test(both_members),
    };
    make_texts();
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
