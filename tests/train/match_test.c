/* match_test.c - fastai's own matching of two vocabularies. */
// SPDX-License-Identifier: Apache-2.0
#include "train/match.h"

#include <jansson.h>
#include <math.h>

#include "../help.h"
#include "base/mem.h"

enum { WORDS_MAX = 32, WIDTH = 4 };

struct side {
    struct vocab vocab;
    char *image;
    float rows[WORDS_MAX * WIDTH], bias[WORDS_MAX];
};

static void side_open(struct side *side, const json_t *root, const char *words_name,
                      const char *rows_name, const char *bias_name)
{
    struct error err;
    struct slice words[WORDS_MAX];
    size_t size;
    const json_t *list = json_object_get(root, words_name);
    const json_t *rows = json_object_get(root, rows_name), *bias = json_object_get(root, bias_name);
    size_t count = json_array_size(list);
    assert_in_range(count, 9, WORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        words[i] = slice_of(json_string_value(json_array_get(list, i)));
        for (size_t k = 0; k < WIDTH; k++)
            side->rows[i * WIDTH + k] =
                (float)json_number_value(json_array_get(json_array_get(rows, i), k));
        side->bias[i] = (float)json_number_value(json_array_get(bias, i));
    }
    assert_fine(vocab_lay(&side->image, &size, words, count,
                          (struct vocab_layout){.filler = VOCAB_FILLER_UNKNOWN}, &err),
                &err);
    assert_fine(vocab_open(&side->vocab, (struct slice){side->image, size}, &err), &err);
}

static void test_matches_as_fastai(void **state)
{
    (void)state;
    static struct side old, new;
    float rows[WORDS_MAX * WIDTH], bias[WORDS_MAX];
    json_t *root = json_load_file("tests/golden/train/match_embeds.json", 0, NULL);
    assert_non_null(root);
    side_open(&old, root, "old_vocab", "old_weight", "old_bias");
    side_open(&new, root, "new_vocab", "new_weight", "new_bias");
    assert_int_equal(match_rows(&old.vocab, old.rows, WIDTH, &new.vocab, rows), 2);
    assert_int_equal(match_rows(&old.vocab, old.bias, 1, &new.vocab, bias), 2);
    for (size_t i = 0; i < new.vocab.count *WIDTH; i++)
        assert_true(fabsf(rows[i] - new.rows[i]) <= 1e-7f);
    for (size_t i = 0; i < new.vocab.count; i++) assert_true(fabsf(bias[i] - new.bias[i]) <= 1e-7f);
    mem_free(old.image);
    mem_free(new.image);
    json_decref(root);
}

/* From a vocabulary with filler: its last row, not the mean. */
static void test_filler(void **state)
{
    (void)state;
    struct error err;
    struct slice from_words[] = {SLICE("xxunk"), SLICE("a"), SLICE("xxfake"), SLICE("xxfake")};
    struct slice to_words[] = {SLICE("xxunk"), SLICE("b"), SLICE("xxfake")};
    const float rows[] = {1, 2, 3, 6};
    float out[3];
    char *from_image, *to_image;
    size_t size;
    struct vocab from, to;
    assert_fine(vocab_lay(&from_image, &size, from_words, 4,
                          (struct vocab_layout){.filler = VOCAB_FILLER_UNKNOWN}, &err),
                &err);
    assert_fine(vocab_open(&from, (struct slice){from_image, size}, &err), &err);
    assert_fine(vocab_lay(&to_image, &size, to_words, 3,
                          (struct vocab_layout){.filler = VOCAB_FILLER_UNKNOWN}, &err),
                &err);
    assert_fine(vocab_open(&to, (struct slice){to_image, size}, &err), &err);
    assert_int_equal(match_rows(&from, rows, 1, &to, out), 0);
    assert_true(out[0] == 1 && out[1] == 3 && out[2] == 6);
    mem_free(from_image);
    mem_free(to_image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_as_fastai),
        cmocka_unit_test(test_filler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
