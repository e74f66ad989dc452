/* vocab_test.c - fastai's own vocabularies and ids, fields joined, damaged images. */
// SPDX-License-Identifier: Apache-2.0
#include "../token/golden.h"

#include "base/mem.h"
#include "text/clean.h"
#include "vocab/vocab.h"

static json_t *load(const char *path)
{
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    return root;
}

static struct slice string_of(const json_t *value)
{
    return (struct slice){json_string_value(value), json_string_length(value)};
}

/* Counts every token of every text, as fastai's set-up does. */
static void count_texts(struct vocab_counter *counter, const json_t *texts)
{
    struct error err;
    for (size_t t = 0; t < json_array_size(texts); t++) {
        const json_t *tokens = json_array_get(texts, t);
        for (size_t i = 0; i < json_array_size(tokens); i++)
            assert_fine(vocab_count(counter, string_of(json_array_get(tokens, i)), 1, NULL, &err),
                        &err);
    }
}

static void check_case(const struct vocab_counter *counter, const json_t *texts, const json_t *row)
{
    struct error err;
    struct vocab_options options = {
        .min_freq = (uint64_t)json_integer_value(json_object_get(row, "min_freq")),
        .words_max = (size_t)json_integer_value(json_object_get(row, "max_vocab")),
    };
    struct slice *words;
    size_t count, size;
    char *image;
    struct vocab vocab;
    assert_fine(vocab_make(&words, &count, counter, &options, &err), &err);
    const json_t *wanted = json_object_get(row, "vocab"), *ids = json_object_get(row, "ids");
    assert_int_equal(count, json_array_size(wanted));
    for (size_t i = 0; i < count; i++)
        assert_true(slice_equal(words[i], string_of(json_array_get(wanted, i))));
    assert_fine(vocab_lay(&image, &size, words, count,
                          (struct vocab_layout){.filler = VOCAB_FILLER_UNKNOWN}, &err),
                &err);
    assert_fine(vocab_open(&vocab, (struct slice){image, size}, &err), &err);
    assert_int_equal(vocab.count, count);
    for (size_t t = 0; t < json_array_size(texts); t++) {
        const json_t *tokens = json_array_get(texts, t), *want = json_array_get(ids, t);
        assert_int_equal(json_array_size(tokens), json_array_size(want));
        for (size_t i = 0; i < json_array_size(tokens); i++)
            assert_int_equal(vocab_id(&vocab, string_of(json_array_get(tokens, i))),
                             json_integer_value(json_array_get(want, i)));
    }
    mem_free(image);
    mem_free(words);
}

static void vocabularies_are_fastais(void **state)
{
    (void)state;
    json_t *root = load("tests/golden/vocab/numericalize.json");
    const json_t *texts = json_object_get(root, "tokens"), *cases = json_object_get(root, "cases");
    struct vocab_counter counter = {0};
    count_texts(&counter, texts);
    const json_t *order = json_object_get(root, "counter_in_insertion_order");
    assert_int_equal(counter.count, json_array_size(order));
    for (size_t i = 0; i < counter.count; i++) {
        const json_t *pair = json_array_get(order, i);
        struct slice word = {counter.bytes + counter.entries[i].at, counter.entries[i].size};
        assert_true(slice_equal(word, string_of(json_array_get(pair, 0))));
        assert_int_equal(counter.entries[i].count, json_integer_value(json_array_get(pair, 1)));
    }
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(&counter, texts, json_array_get(cases, i));
    vocab_counter_close(&counter);
    json_decref(root);
}

/* From text to tokens to ids, over the tokenizer itself. */
static void texts_become_ids(void **state)
{
    (void)state;
    json_t *root = load("tests/golden/vocab/numericalize.json");
    struct arena arena;
    struct token_scratch scratch;
    golden_scratch(&scratch, &arena, 4096);
    const json_t *texts = json_object_get(root, "texts"), *tokens = json_object_get(root, "tokens");
    struct token_way way = token_way_of(SLICE("en"), TOKEN_SPACY3);
    struct error err;
    struct vocab_counter counter = {0};
    for (size_t t = 0; t < json_array_size(texts); t++) {
        struct token_list list;
        token_one(&way, string_of(json_array_get(texts, t)), &scratch, &list);
        assert_int_equal(golden_differs(&list, json_array_get(tokens, t), "tokens"), 0);
        for (size_t i = 0; i < list.count; i++)
            assert_fine(vocab_count(&counter, token_slice(&list, i), 1, NULL, &err), &err);
    }
    struct slice *words;
    size_t count, size;
    char *image;
    struct vocab vocab;
    struct token_list list;
    uint32_t ids[4];
    bool cut;
    assert_fine(vocab_make(&words, &count, &counter, &(struct vocab_options){1, 60000}, &err),
                &err);
    assert_fine(vocab_lay(&image, &size, words, count,
                          (struct vocab_layout){.filler = VOCAB_FILLER_LAST}, &err),
                &err);
    assert_fine(vocab_open(&vocab, (struct slice){image, size}, &err), &err);
    token_one(&way, SLICE("xxpad qqqqzz xxfake"), &scratch, &list);
    assert_int_equal(vocab_ids(&vocab, &list, ids, 4, &cut), 4);
    assert_int_equal(cut, list.count > 4);
    assert_int_equal(ids[0], SPECIAL_BEGIN);
    assert_int_equal(ids[1], SPECIAL_PAD);
    assert_int_equal(vocab_ids(&vocab, &list, ids, 2, &cut), 2); /* the caller's bound */
    assert_true(cut);
    struct slice filler = SLICE("xxfake");
    assert_int_equal(vocab_id(&vocab, filler), count - 1);
    assert_int_equal(vocab_id(&vocab, SLICE("")), SPECIAL_UNKNOWN);
    mem_free(image);
    mem_free(words);
    vocab_counter_close(&counter);
    arena_close(&arena);
    json_decref(root);
}

static void fields_are_joined_as_columns(void **state)
{
    (void)state;
    json_t *root = load("tests/golden/vocab/mark_fields.json");
    struct arena arena;
    struct token_scratch scratch;
    golden_scratch(&scratch, &arena, 4096);
    struct token_way way = token_way_of(SLICE("en"), TOKEN_SPACY3);
    const json_t *rows = json_object_get(root, "rows"), *tokens = json_object_get(root, "tokens");
    for (size_t r = 0; r < json_array_size(rows); r++) {
        struct slice fields[3];
        for (size_t i = 0; i < 3; i++)
            fields[i] = string_of(json_array_get(json_array_get(rows, r), i));
        char text[512];
        struct writer out = writer_of(text, sizeof text);
        clean_join(&out, fields, 3);
        struct token_list list;
        token_one(&way, writer_slice(&out), &scratch, &list);
        assert_int_equal(golden_differs(&list, json_array_get(tokens, r), "marked"), 0);
    }
    char text[16];
    struct writer one = writer_of(text, sizeof text);
    clean_join(&one, &SLICE("alone"), 1);
    assert_true(slice_equal(writer_slice(&one), SLICE("alone")));
    arena_close(&arena);
    json_decref(root);
}

/* Whatever word of the image is changed, opening refuses or look-ups stay inside. */
static void damaged_images_are_refused(void **state)
{
    (void)state;
    struct error err;
    struct slice words[] = {SLICE("xxunk"), SLICE("xxpad"), SLICE("a"), SLICE("bc"), SLICE("")};
    char *image;
    size_t size;
    assert_fine(vocab_lay(&image, &size, words, 5,
                          (struct vocab_layout){.filler = VOCAB_FILLER_LAST}, &err),
                &err);
    struct vocab vocab;
    assert_fine(vocab_open(&vocab, (struct slice){image, size}, &err), &err);
    assert_int_equal(vocab_id(&vocab, SLICE("bc")), 3);
    assert_int_equal(vocab_id(&vocab, SLICE("")), 4);
    size_t refused = 0;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        for (uint32_t value = 0; value < 3; value++) {
            uint32_t kept, other = value == 0 ? 0 : value == 1 ? 0xFFFFFFFF : 6;
            memcpy(&kept, image + i, 4);
            memcpy(image + i, &other, 4);
            if (vocab_open(&vocab, (struct slice){image, size}, &err) != ERR_NONE) {
                refused++;
            } else {
                vocab_id(&vocab, SLICE("bc"));
                vocab_id(&vocab, SLICE("zz"));
            }
            memcpy(image + i, &kept, 4);
        }
    }
    assert_true(refused > 20);
    for (size_t shorter = 0; shorter < size; shorter++)
        assert_fails(vocab_open(&vocab, (struct slice){image, shorter}, &err), ERR_MODEL, "damaged",
                     &err);
    uint32_t version = 3;
    memcpy(image + 4, &version, 4);
    assert_fails(vocab_open(&vocab, (struct slice){image, size}, &err), ERR_MODEL_NEWER,
                 "version 3", &err);
    mem_free(image);
    assert_fails(vocab_lay(&image, &size, words, 0,
                           (struct vocab_layout){.filler = VOCAB_FILLER_LAST}, &err),
                 ERR_DATA, "0 words", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vocabularies_are_fastais),
        cmocka_unit_test(texts_become_ids),
        cmocka_unit_test(fields_are_joined_as_columns),
        cmocka_unit_test(damaged_images_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
