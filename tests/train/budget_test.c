/* budget_test.c - what would fit, fits, and one more would not. */
// SPDX-License-Identifier: Apache-2.0
#include "train/budget.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/mem.h"
#include "help.h"
#include "vocab/vocab.h"

static uint64_t bytes(void *context, size_t rows, size_t words)
{
    (void)context;
    return 1000000 + 5000 * rows + 300 * words;
}

static struct budget budget = {
    .what = "the language model", .rows = 64, .words = 60000, .bytes = bytes};

/* What --memory would leave. */
static struct headroom room(uint64_t bytes_)
{
    return (struct headroom){.bytes = (int64_t)bytes_, .who = "--memory"};
}

static enum error_code require(const struct budget *of, uint64_t bytes_, struct error *err)
{
    struct headroom headroom = room(bytes_);
    return budget_require(of, &headroom, err);
}

static char told[512];
static void tell(const char *sentence) { snprintf(told, sizeof told, "%s", sentence); }

static void test_told_beforehand(void **state)
{
    (void)state;
    struct error err;
    struct budget small = {.what = "the classifier", .rows = 8, .words = 100, .bytes = bytes};
    small.tell = tell;
    struct headroom headroom;
    assert_fine(budget_look(0, &headroom, &err), &err);
    assert_fine(budget_require(&small, &headroom, &err), &err);
    assert_non_null(strstr(told, "memory: the classifier takes 1.02 MiB, "));
    assert_non_null(strstr(told, " leaves "));
}

static void test_told_what_fits(void **state)
{
    (void)state;
    struct error err;
    uint64_t need = bytes(NULL, 64, 60000);
    assert_fine(require(&budget, need, &err), &err);
    assert_fails(require(&budget, need - 1, &err), ERR_MEMORY, "--batch 63 would fit", &err);
    assert_fails(require(&budget, bytes(NULL, 17, 60000) + 4999, &err), ERR_MEMORY,
                 "--batch 17 would fit", &err);
    assert_fails(require(&budget, bytes(NULL, 64, 20008), &err), ERR_MEMORY,
                 "--words 20000 would fit", &err);
    assert_fails(require(&budget, 1000000, &err), ERR_MEMORY, "smaller --size", &err);
    assert_fails(require(&budget, 1000000, &err), ERR_MEMORY, "--memory leaves 977 KiB", &err);
    struct budget least = budget;
    least.smallest = true;
    assert_fails(require(&least, 1000000, &err), ERR_MEMORY, "no fewer words would fit", &err);
    assert_fails(require(&budget, bytes(NULL, 2, 2008), &err), ERR_MEMORY,
                 "leaves 1.54 MiB; --words 960 would fit", &err);
    /* Neither alone is enough, both are. */
    assert_fails(require(&budget, bytes(NULL, 2, 808), &err), ERR_MEMORY,
                 "--batch 2 --words 800 would fit", &err);
}

/* How many words a vocabulary of `most` has where the texts have more. */
static size_t made(const struct vocab_counter *counter, size_t most)
{
    struct error err;
    struct slice *words;
    size_t count;
    assert_fine(vocab_make(&words, &count, counter,
                           &(struct vocab_options){.min_freq = 1, .words_max = most}, &err),
                &err);
    mem_free(words);
    return count;
}

/* Taken, the advice is enough, filler and all; down to the fewest words that may be asked for. */
static void test_advice_is_enough(void **state)
{
    (void)state;
    struct error err;
    struct vocab_counter counter = {0};
    for (int i = 0; i < 1500; i++) {
        char word[16];
        snprintf(word, sizeof word, "word%d", i);
        assert_fine(vocab_count(&counter, slice_of(word), 1, NULL, &err), &err);
    }
    struct budget of = {.what = "it", .rows = 2, .words = 1504, .bytes = bytes, .smallest = true};
    size_t advised = 0;
    for (size_t fits = WORDS_LEAST; fits < of.words; fits++) {
        assert_int_equal(require(&of, bytes(NULL, 2, fits), &err), ERR_MEMORY);
        const char *words = strstr(err.detail, "--words ");
        bool any = made(&counter, WORDS_LEAST) <= fits;
        assert_int_equal(words != NULL, any);
        if (!any) continue;
        size_t most = (size_t)strtoumax(words + strlen("--words "), NULL, 10);
        assert_in_range(most, WORDS_LEAST, fits);
        assert_true(made(&counter, most) <= fits);
        assert_true(made(&counter, most + 8) > fits); /* nor is it less than need be */
        advised++;
    }
    assert_true(advised > 1000);
    vocab_counter_close(&counter);
}

/* --memory is for all that the process takes. */
static void test_of_the_whole_process(void **state)
{
    (void)state;
    struct error err;
    struct headroom headroom;
    assert_fine(budget_look(1 << 30, &headroom, &err), &err);
    assert_true(headroom.resident > 0);
    assert_true(headroom.bytes == (1 << 30) - headroom.resident);
    assert_string_equal(headroom.who, "--memory");
    assert_fine(budget_look(1000, &headroom, &err), &err);
    assert_true(headroom.bytes == 0);
}

static uint64_t everything(void *context, size_t rows, size_t words)
{
    (void)context, (void)rows, (void)words;
    return UINT64_C(1) << 60;
}

static void test_no_machine_has_that(void **state)
{
    (void)state;
    struct error err;
    struct budget all = budget;
    all.bytes = everything;
    struct headroom headroom;
    assert_fine(budget_look(0, &headroom, &err), &err);
    assert_fails(budget_require(&all, &headroom, &err), ERR_MEMORY, "the language model needs",
                 &err);
}

static void test_sizes(void **state)
{
    (void)state;
    char text[BUDGET_SIZE_MAX];
    assert_string_equal(budget_size(text, 999), "999 bytes");
    assert_string_equal(budget_size(text, 1280), "1.25 KiB");
    assert_string_equal(budget_size(text, UINT64_C(3) << 30), "3.00 GiB");
    assert_string_equal(budget_size(text, UINT64_C(40) << 20), "40.0 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_beforehand),     cmocka_unit_test(test_told_what_fits),
        cmocka_unit_test(test_advice_is_enough),    cmocka_unit_test(test_of_the_whole_process),
        cmocka_unit_test(test_no_machine_has_that), cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
