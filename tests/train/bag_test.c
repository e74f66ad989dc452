/* bag_test.c - features and vectors against a slow count, the same for any number of threads. */
// SPDX-License-Identifier: Apache-2.0
#include "train/bag.h"

#include <math.h>

#include "train/tiny.h"
#include "vocab/ngram.h"

static struct bag bag_of(const struct corpus *corpus, unsigned threads)
{
    struct error err;
    struct bag bag;
    struct crew *crew = tiny_crew(threads);
    assert_fine(bag_open(&bag, corpus, crew, NULL, &err), &err);
    crew_close(crew);
    return bag;
}

static size_t buckets(const struct bag *bag) { return (size_t)1 << (64 - bag->bow.shift); }

static void threads_do_not_change_it(void **state)
{
    (void)state;
    struct corpus corpus;
    tiny_corpus(&corpus, NULL);
    /* More than one share of 64 cases, so that several threads have work. */
    struct corpus_case *many = calloc(5 * corpus.count, sizeof *many);
    for (size_t i = 0; i < 5 * corpus.count; i++) many[i] = corpus.cases[i % corpus.count];
    static struct corpus five;
    five = corpus;
    five.cases = many;
    five.count = 5 * corpus.count;
    struct bag one = bag_of(&five, 1);
    for (unsigned threads = 2; threads <= 4; threads++) {
        struct bag other = bag_of(&five, threads);
        assert_int_equal(other.bow.features, one.bow.features);
        assert_int_equal(other.bow.shift, one.bow.shift);
        assert_memory_equal(other.bucket, one.bucket, (buckets(&one) + 1) * sizeof *one.bucket);
        assert_memory_equal(other.tag, one.tag, one.bow.features * sizeof *one.tag);
        assert_memory_equal(other.idf, one.idf, one.bow.features);
        for (size_t i = 0; i < one.count; i++) {
            assert_int_equal(other.cases[i].nodes, one.cases[i].nodes);
            for (uint32_t n = 0; n < one.cases[i].nodes + 2; n++) {
                assert_int_equal(other.cases[i].x[n].index, one.cases[i].x[n].index);
                assert_true(other.cases[i].x[n].value == one.cases[i].x[n].value);
            }
            assert_memory_equal(other.cases[i].squares, one.cases[i].squares,
                                sizeof one.cases[i].squares);
        }
        bag_close(&other);
    }
    bag_close(&one);
    free(many);
    corpus_close(&corpus);
}

static void vectors_are_what_liblinear_wants(void **state)
{
    (void)state;
    struct corpus corpus;
    tiny_corpus(&corpus, NULL);
    struct bag bag = bag_of(&corpus, 2);
    int features = (int)bag.bow.features;
    assert_true(features > 1000);
    assert_int_equal(bag.bucket[0], 0);
    assert_int_equal(bag.bucket[buckets(&bag)], features);
    for (size_t b = 0; b < buckets(&bag); b++) assert_true(bag.bucket[b] <= bag.bucket[b + 1]);
    for (size_t i = 0; i < bag.count; i++) {
        const struct bag_case *item = &bag.cases[i];
        double squares[NGRAM_KINDS] = {0};
        int last = 0;
        for (uint32_t n = 0; n < item->nodes; n++) {
            assert_true(item->x[n].index > last && item->x[n].index <= features);
            last = item->x[n].index;
            assert_int_equal(bag.rank[bag.feature[last]], last);
            squares[bag_kind(&bag, last)] += item->x[n].value * item->x[n].value;
        }
        for (int k = 0; k < NGRAM_VALUE; k++) assert_true(fabs(squares[k] - 1) < 1e-5);
        assert_int_equal(item->x[item->nodes].index, features + 1);
        assert_true(item->x[item->nodes].value == 1.0);
        assert_int_equal(item->x[item->nodes + 1].index, -1);
    }
    bag_close(&bag);
    corpus_close(&corpus);
}

/* By hand: "ab cd" and "ab ef", one product in all cases, one version in one of three. */
static void features_are_those_that_tell(void **state)
{
    (void)state;
    struct corpus corpus;
    tiny_corpus(&corpus, "subject,product,version,sbr\n"
                         "ab cd,P,1,X\n"
                         "ab ef,P,,Y\n"
                         "gh,P,,Y\n");
    struct bag bag = bag_of(&corpus, 1);
    uint32_t kinds[4] = {0};
    for (uint32_t f = 0; f < bag.bow.features; f++) kinds[bag.tag[f] & 3]++;
    /* words: ab cd ef gh, "ab cd" "ab ef"; chars of two cases: " ab" "ab " " ab "; values: 1 */
    assert_int_equal(kinds[NGRAM_WORDS], 6);
    assert_int_equal(kinds[NGRAM_CHARS], 3);
    assert_int_equal(kinds[NGRAM_VALUE], 1);
    for (uint32_t f = 0; f < bag.bow.features; f++) {
        double once = log(4.0 / 2) + 1, twice = log(4.0 / 3) + 1, got = bow_idf_of(&bag.bow, f);
        assert_true(fabs(got - once) < 0.003 || fabs(got - twice) < 0.003);
    }
    /* the first case: ab, cd, "ab cd"; " ab" "ab " " ab "; version 1. Unknown: " cd" "cd " " cd "
     */
    assert_int_equal(bag.cases[0].nodes, 7);
    assert_int_equal(bag.cases[0].unknown[NGRAM_CHARS], 3);
    assert_int_equal(bag.cases[0].unknown[NGRAM_WORDS], 0);
    assert_int_equal(bag.cases[2].nodes, 1);
    bag_close(&bag);
    corpus_close(&corpus);
}

static void cases_without_words_are_refused(void **state)
{
    (void)state;
    struct corpus corpus;
    tiny_corpus(&corpus, "subject,sbr\n\" \",X\n\"\t\",Y\n");
    struct crew *crew = tiny_crew(2);
    struct bag bag;
    struct error err;
    assert_fails(bag_open(&bag, &corpus, crew, NULL, &err), ERR_DATA, "no words", &err);
    crew_close(crew);
    corpus_close(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_it),
        cmocka_unit_test(vectors_are_what_liblinear_wants),
        cmocka_unit_test(features_are_those_that_tell),
        cmocka_unit_test(cases_without_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
