/* fold_test.c - equal texts stay together, labels are spread, order does not matter. */
// SPDX-License-Identifier: Apache-2.0
#include "train/fold.h"

#include "base/fault.h"
#include "base/rng.h"
#include "help.h"

enum { CASES = 1000, LABELS = 8, FOLDS = 5 };

static struct corpus_case cases[CASES];
static uint32_t chosen[CASES], fold[CASES];

/* Label c has about twice the cases of label c + 1; some texts come several times. */
static void corpus_of(struct corpus *out)
{
    struct rng rng = rng_seed(3);
    for (uint32_t i = 0; i < CASES; i++) {
        uint32_t label = 0;
        while (label + 1 < LABELS && rng_next(&rng) % 2 == 0) label++;
        uint64_t hash = i % 10 == 9 ? cases[i - 1 - rng_below(&rng, 9)].hash : rng_next(&rng);
        cases[i] = (struct corpus_case){.label = label, .hash = hash};
        chosen[i] = i;
    }
    *out = (struct corpus){.cases = cases, .count = CASES, .label_count = LABELS};
}

static void deal(const struct corpus *corpus, uint64_t seed)
{
    struct error err;
    memset(fold, 0xFF, sizeof fold);
    assert_fine(fold_deal(corpus, chosen, CASES, FOLDS, seed, fold, &err), &err);
}

/* Also where the same text has two labels: a part must not be judged by texts it has seen. */
static void equal_texts_share_a_part(void **state)
{
    (void)state;
    struct corpus corpus;
    corpus_of(&corpus);
    size_t pairs = 0, of_two_labels = 0;
    deal(&corpus, 1);
    for (size_t i = 0; i < CASES; i++)
        for (size_t j = 0; j < i; j++) {
            if (cases[i].hash != cases[j].hash) continue;
            assert_int_equal(fold[i], fold[j]);
            pairs++;
            of_two_labels += cases[i].label != cases[j].label;
        }
    assert_true(pairs >= 100 && of_two_labels >= 20);
}

static void labels_and_parts_are_even(void **state)
{
    (void)state;
    struct corpus corpus;
    corpus_of(&corpus);
    for (size_t i = 0; i < CASES; i++) cases[i].hash = rng_mix(i + 1);
    size_t of_label[LABELS][FOLDS] = {{0}}, of_fold[FOLDS] = {0};
    deal(&corpus, 7);
    for (size_t i = 0; i < CASES; i++) {
        assert_true(fold[i] < FOLDS);
        of_label[cases[i].label][fold[i]]++;
        of_fold[fold[i]]++;
    }
    for (int f = 0; f < FOLDS; f++) assert_int_equal(of_fold[f], CASES / FOLDS);
    for (int c = 0; c < LABELS; c++)
        for (int f = 1; f < FOLDS; f++) assert_in_range(of_label[c][f] + 1 - of_label[c][0], 0, 2);
}

static void order_does_not_matter_but_the_seed_does(void **state)
{
    (void)state;
    struct corpus corpus;
    corpus_of(&corpus);
    static uint32_t before[CASES], seeded[CASES];
    deal(&corpus, 1);
    memcpy(before, fold, sizeof before);
    struct rng rng = rng_seed(4);
    rng_shuffle(&rng, chosen, CASES);
    deal(&corpus, 1);
    for (size_t i = 0; i < CASES; i++) assert_int_equal(fold[i], before[chosen[i]]);
    deal(&corpus, 2);
    for (size_t i = 0; i < CASES; i++) seeded[chosen[i]] = fold[i];
    assert_memory_not_equal(seeded, before, sizeof before);
}

static void few_cases_make_five_parts_many_three(void **state)
{
    (void)state;
    assert_int_equal(fold_count(2), 5);
    assert_int_equal(fold_count(5000), 5);
    assert_int_equal(fold_count(5001), 3);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    struct corpus corpus;
    corpus_of(&corpus);
    struct error err;
    fault_arm(1);
    assert_int_equal(fold_deal(&corpus, chosen, CASES, FOLDS, 1, fold, &err), ERR_MEMORY);
    fault_arm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_share_a_part),
        cmocka_unit_test(labels_and_parts_are_even),
        cmocka_unit_test(order_does_not_matter_but_the_seed_does),
        cmocka_unit_test(few_cases_make_five_parts_many_three),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
