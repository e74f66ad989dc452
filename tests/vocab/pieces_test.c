/* pieces_test.c - unknown words read as the known ones they are made of. */
// SPDX-License-Identifier: Apache-2.0
#include "vocab/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "../help.h"
#include "base/mem.h"
#include "base/rng.h"
#include "text/clean.h"
#include "vocab/vocab.h"

enum { WORDS_MAX = SPECIAL_COUNT + 32 };

static struct vocab vocab;
static char *image;

/* The markers, then these. */
static void open_words(const char *const *words, bool pieces)
{
    struct slice all[WORDS_MAX];
    size_t count = 0, size;
    struct error err;
    for (enum special_id id = 0; id < SPECIAL_COUNT; id++) all[count++] = clean_special(id);
    for (; *words != NULL; words++) all[count++] = slice_of(*words);
    struct vocab_layout layout = {VOCAB_FILLER_UNKNOWN, pieces};
    assert_fine(vocab_lay(&image, &size, all, count, layout, &err), &err);
    assert_fine(vocab_open(&vocab, (struct slice){image, size}, &err), &err);
    assert_int_equal(vocab.pieces, pieces);
}

static const char *const WORDS[] = {"nova",    "libvirt", "migration", "live", "flag",    "net",
                                    "network", "drucker", "throw",     "cat",  "catalog", "177",
                                    "v2",      "größe",   "--",        NULL};

static int set_up(void **state)
{
    (void)state;
    open_words(WORDS, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mem_free(image);
    return 0;
}

/* The words that `word` is read as, with a blank between them. */
static const char *read_as(const char *word)
{
    static char text[1024];
    uint32_t ids[PIECES_MAX];
    size_t count = vocab_read(&vocab, slice_of(word), ids), size = 0;
    assert_in_range(count, 1, PIECES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct slice one = vocab_word(&vocab, ids[i]);
        if (i > 0) text[size++] = ' ';
        memcpy(text + size, one.data, one.size);
        size += one.size;
    }
    text[size] = '\0';
    return text;
}

static void test_readings(void **state)
{
    static const struct {
        const char *word, *as;
    } rows[] = {
        {"nova", "nova"}, /* a known word is itself */
        {"nova_libvirt_live_migration_flag", "nova libvirt live migration flag"},
        {"novalibvirtflag", "nova libvirt flag"},
        {"networkdrucker", "network drucker"}, /* the longest first: not "net" */
        {"throwing", "throw"},
        {"catalogue", "catalog"},
        {"schriftgröße", "größe"}, /* half of it, in bytes */
        {"schriftengröße", "xxunk"},
        {"xgröße", "größe"},
        {"größenflag", "größe flag"},
        {"1778006", "xxunk"},    /* a number is not cut */
        {"nova177", "nova 177"}, /* but told from letters */
        {"nova1778", "nova"},
        {"177nova", "177 nova"},
        {"novav2", "nova"}, /* two characters are no piece */
        {"nova--flag", "nova flag"},
        {"----", "xxunk"}, /* signs are none */
        {"unheard", "xxunk"},
        {"flagunheardof", "xxunk"},
        {"", "xxunk"},
        {"xxbosxxbos", "xxunk"}, /* markers are none */
        {"ße", "xxunk"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(read_as(rows[i].word), rows[i].as);
}

static void test_bounds(void **state)
{
    char word[PIECES_WORD_BYTES + 2] = "";
    uint32_t ids[PIECES_MAX];
    (void)state;
    while (strlen(word) + 3 <= PIECES_WORD_BYTES) strcat(word, "cat");
    assert_int_equal(vocab_read(&vocab, slice_of(word), ids), PIECES_MAX);
    for (size_t i = 0; i < PIECES_MAX; i++)
        assert_int_equal(ids[i], vocab_id(&vocab, SLICE("cat")));
    strcat(word, "xx"); /* one byte too many */
    assert_int_equal(strlen(word), PIECES_WORD_BYTES + 1);
    assert_int_equal(vocab_read(&vocab, slice_of(word), ids), 1);
    assert_int_equal(ids[0], SPECIAL_UNKNOWN);
}

/* Any bytes of any length give ids that are there, and no more than there is room for. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "catnov_-9\xc3\xb6\xff\0x";
    struct rng rng = rng_seed(1);
    for (int round = 0; round < 20000; round++) {
        uint32_t ids[PIECES_MAX];
        size_t size = rng_below(&rng, PIECES_WORD_BYTES + 4);
        char *word = malloc(size > 0 ? size : 1); /* so that a sanitizer sees its end */
        assert_non_null(word);
        for (size_t i = 0; i < size; i++) word[i] = alphabet[rng_below(&rng, sizeof alphabet)];
        size_t count = vocab_read(&vocab, (struct slice){word, size}, ids);
        assert_in_range(count, 1, PIECES_MAX);
        for (size_t i = 0; i < count; i++) assert_true(ids[i] < vocab.count);
        free(word);
    }
}

/* As many ids as there is room for, and told where that was not enough. */
static void test_cut(void **state)
{
    static const char text[] = "novaflag live";
    const struct token tokens[] = {{.at = 0, .size = 8}, {.at = 9, .size = 4}};
    const struct token_list list = {.text = text, .tokens = tokens, .count = 2};
    uint32_t ids[3];
    bool cut;
    (void)state;
    assert_int_equal(vocab_ids(&vocab, &list, ids, 3, &cut), 3);
    assert_false(cut);
    assert_int_equal(ids[2], vocab_id(&vocab, SLICE("live")));
    assert_int_equal(vocab_ids(&vocab, &list, ids, 2, &cut), 2);
    assert_true(cut);
    assert_int_equal(vocab_ids(&vocab, &list, ids, 1, &cut), 1);
    assert_true(cut);
    assert_int_equal(ids[0], vocab_id(&vocab, SLICE("nova")));
}

/* As fastai reads, and every imported model. */
static void test_whole_words(void **state)
{
    (void)state;
    mem_free(image);
    open_words(WORDS, false);
    assert_string_equal(read_as("novalibvirtflag"), "xxunk");
    assert_string_equal(read_as("nova"), "nova");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings),    cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_any_bytes),   cmocka_unit_test(test_cut),
        cmocka_unit_test(test_whole_words),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
