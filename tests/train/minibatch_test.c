/* minibatch_test.c - fastai's own batches, and what an order must keep. */
// SPDX-License-Identifier: Apache-2.0
#include "train/minibatch.h"

#include <jansson.h>

#include "../help.h"

static json_t *load(void)
{
    json_t *root = json_load_file("tests/golden/train/data_side.json", 0, NULL);
    assert_non_null(root);
    return root;
}

/* Texts without words: ids and places alone. */
struct made {
    struct texts texts;
    uint32_t ids[4096], order[1024];
    uint64_t start[1025];
};

static void made_add(struct made *made, size_t size)
{
    made->texts.ids = made->ids;
    made->texts.start = made->start;
    made->order[made->texts.count] = (uint32_t)made->texts.count;
    made->start[made->texts.count + 1] = made->start[made->texts.count] + size;
    made->texts.count++;
}

static void made_from(struct made *made, const json_t *docs)
{
    *made = (struct made){0};
    for (size_t d = 0, at = 0; d < json_array_size(docs); d++) {
        const json_t *doc = json_array_get(docs, d);
        made_add(made, json_array_size(doc));
        for (size_t i = 0; i < json_array_size(doc); i++)
            made->ids[at++] = (uint32_t)json_integer_value(json_array_get(doc, i));
    }
}

static void check_rows(const json_t *rows, const uint32_t *got, size_t steps)
{
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        assert_int_equal(json_array_size(row), steps);
        for (size_t i = 0; i < steps; i++)
            assert_int_equal(json_integer_value(json_array_get(row, i)), got[r * steps + i]);
    }
}

static void test_streams_as_fastai(void **state)
{
    (void)state;
    static struct made made;
    json_t *root = load();
    const json_t *cases = json_object_get(root, "lm");
    made_from(&made, json_object_get(root, "lm_docs"));
    for (size_t c = 0; c < json_array_size(cases); c++) {
        const json_t *one = json_array_get(cases, c), *batches = json_object_get(one, "batches");
        size_t rows = (size_t)json_integer_value(json_object_get(one, "bs"));
        size_t width = (size_t)json_integer_value(json_object_get(one, "seq_len"));
        /* From every batch on, as a resumed run begins. */
        for (size_t first = 0; first <= json_array_size(batches); first++) {
            struct minibatch_stream stream;
            uint32_t x[512], y[512];
            size_t steps, b = first;
            minibatch_stream_begin(&stream, &made.texts, made.order, made.texts.count, rows, width,
                                   first);
            assert_int_equal(stream.batches, json_array_size(batches));
            for (; minibatch_stream_next(&stream, x, y, &steps); b++) {
                const json_t *batch = json_array_get(batches, b);
                check_rows(json_object_get(batch, "x"), x, steps);
                check_rows(json_object_get(batch, "y"), y, steps);
            }
            assert_int_equal(b, json_array_size(batches));
        }
    }
    json_decref(root);
}

static void test_a_stream_too_short(void **state)
{
    (void)state;
    static struct made made;
    struct minibatch_stream stream;
    uint32_t x[8], y[8];
    size_t steps;
    made = (struct made){0};
    made_add(&made, 3);
    minibatch_stream_begin(&stream, &made.texts, made.order, 1, 4, 2, 0);
    assert_int_equal(stream.batches, 0);
    assert_false(minibatch_stream_next(&stream, x, y, &steps));
    assert_int_equal(minibatch_stream_batches(0, 4, 2), 0);
}

static void test_answers_longest_first(void **state)
{
    (void)state;
    static struct made made;
    json_t *root = load();
    const json_t *sorted = json_object_get(root, "sorted_dl");
    const json_t *lens = json_object_get(sorted, "lens"),
                 *order = json_object_get(sorted, "order_eval");
    made = (struct made){0};
    for (size_t i = 0; i < json_array_size(lens); i++)
        made_add(&made, (size_t)json_integer_value(json_array_get(lens, i)));
    minibatch_answer_order(&made.texts, made.order, made.texts.count);
    for (size_t i = 0; i < json_array_size(order); i++)
        assert_int_equal(made.order[i], json_integer_value(json_array_get(order, i)));
    json_decref(root);
}

/* Every text once; batches sorted; the longest text in the first batch; all epochs differ. */
static void test_learns_in_batches(void **state)
{
    (void)state;
    static struct made made;
    enum { TEXTS = 1000, ROWS = 8 };
    made = (struct made){0};
    struct rng lengths = rng_seed(3), rng = rng_seed(1);
    for (size_t i = 0; i < TEXTS; i++) made_add(&made, i == 77 ? 50 : 1 + rng_below(&lengths, 5));
    uint32_t before[TEXTS];
    for (int epoch = 0; epoch < 3; epoch++) {
        memcpy(before, made.order, sizeof before);
        bool seen[TEXTS] = {false}, first = false;
        assert_int_equal(minibatch_learn_order(&made.texts, made.order, TEXTS, ROWS, &rng),
                         TEXTS / ROWS);
        assert_int_not_equal(memcmp(before, made.order, sizeof before), 0);
        for (size_t i = 0; i < TEXTS; i++) {
            assert_false(seen[made.order[i]]);
            seen[made.order[i]] = true;
            first |= i < ROWS && made.order[i] == 77;
            if (i % ROWS > 0)
                assert_true(texts_size(&made.texts, made.order[i]) <=
                            texts_size(&made.texts, made.order[i - 1]));
        }
        assert_true(first);
    }
}

static void test_few_texts_share_a_batch(void **state)
{
    (void)state;
    static struct made made;
    struct rng rng = rng_seed(1);
    for (size_t count = 0; count < 20; count++) {
        made = (struct made){0};
        for (size_t i = 0; i < count; i++) made_add(&made, 1 + i % 3);
        size_t batches = minibatch_learn_order(&made.texts, made.order, count, 4, &rng);
        assert_int_equal(batches, count == 0 ? 0 : count < 4 ? 1 : count / 4);
    }
}

/* Within the text, half of them below the middle by the number of doublings. */
static void test_cuts(void **state)
{
    (void)state;
    enum { DRAWS = 10000, LEAST = 10, WORDS = 1000, MIDDLE = 100 };
    struct rng rng = rng_seed(1);
    size_t below = 0, lowest = WORDS, highest = 0;
    for (int i = 0; i < DRAWS; i++) {
        size_t end = minibatch_cut(WORDS, LEAST, &rng);
        below += end < MIDDLE;
        lowest = end < lowest ? end : lowest;
        highest = end > highest ? end : highest;
    }
    assert_in_range(below, DRAWS * 48 / 100, DRAWS * 52 / 100);
    assert_int_equal(lowest, LEAST);
    assert_in_range(highest, WORDS - 20, WORDS - 1);
    for (size_t words = 0; words <= LEAST; words++)
        assert_int_equal(minibatch_cut(words, LEAST, &rng), words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_as_fastai),       cmocka_unit_test(test_a_stream_too_short),
        cmocka_unit_test(test_answers_longest_first),   cmocka_unit_test(test_learns_in_batches),
        cmocka_unit_test(test_few_texts_share_a_batch), cmocka_unit_test(test_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
