/* texts_test.c - tokens, vocabulary and ids as fastai makes them, for any number of threads. */
// SPDX-License-Identifier: Apache-2.0
#include "train/texts.h"

#include <jansson.h>

#include "../help.h"
#include "base/crew.h"
#include "fail.h"
#include "train/tiny.h"

struct list {
    const json_t *texts;
    size_t next;
};

static enum error_code next_of_list(void *context, struct slice *out_text, bool *out_end,
                                    struct error *err)
{
    struct list *list = context;
    const json_t *text = json_array_get(list->texts, list->next++);
    (void)err;
    *out_end = text == NULL;
    if (text != NULL) *out_text = (struct slice){json_string_value(text), json_string_length(text)};
    return ERR_NONE;
}

static enum error_code open_list(struct texts *out_texts, const json_t *list,
                                 struct vocab_options vocab, bool pieces, unsigned threads,
                                 struct error *err)
{
    struct list source_list = {.texts = list};
    struct texts_source source = {&source_list, next_of_list};
    struct texts_options options = {.beside = tiny_path("model"),
                                    .way = token_way_of(SLICE("en"), TOKEN_SPACY3),
                                    .vocab = vocab,
                                    .pieces = pieces};
    struct crew *crew;
    TRY(crew_open(&crew, threads, err));
    enum error_code code = texts_open(out_texts, &options, &source, crew, NULL, err);
    crew_close(crew);
    return code;
}

static void test_numbers_as_fastai(void **state)
{
    (void)state;
    struct error err;
    json_t *root = json_load_file("tests/golden/vocab/numericalize.json", 0, NULL);
    assert_non_null(root);
    const json_t *list = json_object_get(root, "texts"), *cases = json_object_get(root, "cases");
    for (size_t c = 0; c < json_array_size(cases); c++) {
        const json_t *row = json_array_get(cases, c), *ids = json_object_get(row, "ids");
        struct texts texts;
        struct vocab_options vocab = {
            .min_freq = (uint64_t)json_integer_value(json_object_get(row, "min_freq")),
            .words_max = (size_t)json_integer_value(json_object_get(row, "max_vocab"))};
        assert_fine(open_list(&texts, list, vocab, false, 1 + (unsigned)c % 3, &err), &err);
        assert_int_equal(texts.vocab.count, json_array_size(json_object_get(row, "vocab")));
        assert_int_equal(texts.count, json_array_size(ids));
        for (size_t t = 0; t < texts.count; t++) {
            const json_t *want = json_array_get(ids, t);
            assert_int_equal(texts_size(&texts, t), json_array_size(want));
            for (size_t i = 0; i < json_array_size(want); i++)
                assert_int_equal(texts.ids[texts.start[t] + i],
                                 json_integer_value(json_array_get(want, i)));
        }
        texts_close(&texts);
    }
    json_decref(root);
}

/* A word seen once, of words seen often; without pieces it is unknown. */
static void test_pieces(void **state)
{
    (void)state;
    static const char *const as[2][6] = {
        {"xxbos", "a", "net", "driver", NULL},
        {"xxbos", "a", "xxunk", NULL},
    };
    struct error err;
    json_t *list = json_pack("[s, s, s]", "a net driver", "a net driver", "a net_driver");
    for (int whole = 0; whole < 2; whole++) {
        struct texts texts;
        struct vocab_options vocab = {2, 100};
        assert_fine(open_list(&texts, list, vocab, whole == 0, 2, &err), &err);
        assert_int_equal(texts.vocab.pieces, whole == 0);
        assert_int_equal(texts.count, 3);
        assert_int_equal(texts_size(&texts, 0), 4);
        size_t count = 0;
        while (as[whole][count] != NULL) count++;
        assert_int_equal(texts_size(&texts, 2), count);
        for (size_t i = 0; i < count; i++)
            assert_true(slice_equal(vocab_word(&texts.vocab, texts.ids[texts.start[2] + i]),
                                    slice_of(as[whole][i])));
        texts_close(&texts);
    }
    json_decref(list);
}

static void test_no_texts(void **state)
{
    (void)state;
    struct error err;
    struct texts texts;
    json_t *none = json_array();
    assert_fails(open_list(&texts, none, (struct vocab_options){3, 60000}, false, 2, &err),
                 ERR_DATA, "no text", &err);
    json_decref(none);
}

static enum error_code open_and_close(void *context, struct error *err)
{
    struct texts texts;
    TRY(open_list(&texts, context, (struct vocab_options){1, 100}, true, 1, err));
    texts_close(&texts);
    return ERR_NONE;
}

static void test_every_failure(void **state)
{
    (void)state;
    json_t *list = json_pack("[s, s]", "The printer does not print.", "Nor does the other one.");
    fail_walk(open_and_close, list);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_as_fastai),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_no_texts),
        cmocka_unit_test(test_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
