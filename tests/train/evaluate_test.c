/* evaluate_test.c - counts are those of answering one case after the other. */
// SPDX-License-Identifier: Apache-2.0
#include "train/evaluate.h"

#include <math.h>

#include "base/fault.h"
#include "train/tiny.h"

static struct corpus corpus;
static struct fit fit;

static int make(void **state)
{
    (void)state;
    tiny_corpus(&corpus, NULL);
    tiny_fit(&fit, &corpus, 2);
    return 0;
}

static int give(void **state)
{
    (void)state;
    fit_close(&fit);
    corpus_close(&corpus);
    return 0;
}

static void evaluate(struct evaluate *out, const struct corpus *cases, unsigned threads)
{
    struct error err;
    struct crew *crew = tiny_crew(threads);
    assert_fine(evaluate_open(out, &fit.model, cases, crew, NULL, &err), &err);
    crew_close(crew);
}

static void counts_are_those_of_single_answers(void **state)
{
    (void)state;
    struct evaluate evaluated;
    struct error err;
    struct answer_context context;
    struct arena arena = arena_measure();
    evaluate(&evaluated, &corpus, 2);
    answer_lay(&context, &fit.model, &arena);
    assert_fine(arena_open(&arena, arena.used, &err), &err);
    answer_lay(&context, &fit.model, &arena);
    struct score expected;
    assert_fine(score_open(&expected, 6, &err), &err);
    for (size_t i = 0; i < corpus.count; i++) {
        struct answer answer;
        answer_case(&context, &corpus.cases[i].text, &answer);
        score_add(&expected, corpus.cases[i].label, answer.best, answer.confidence,
                  answer.abstained);
    }
    assert_memory_equal(evaluated.blend.label, expected.label, 7 * sizeof *expected.label);
    assert_memory_equal(evaluated.blend.bin, expected.bin, sizeof expected.bin);
    assert_int_equal(score_sum(&evaluated.blend).cases, 60);
    assert_int_equal(score_sum(&evaluated.blend).right, 60); /* seen in training */
    assert_int_equal(score_sum(&evaluated.member[ANSWER_LINEAR]).right, 60);
    assert_int_equal(score_sum(&evaluated.member[ANSWER_LINEAR]).answered, 60);
    score_close(&expected);
    evaluate_close(&evaluated);
    arena_close(&arena);
}

static void threads_do_not_change_it(void **state)
{
    (void)state;
    static struct corpus many;
    many = corpus;
    many.count = 7 * corpus.count;
    many.cases = calloc(many.count, sizeof *many.cases);
    for (size_t i = 0; i < many.count; i++) many.cases[i] = corpus.cases[i % corpus.count];
    struct evaluate one;
    evaluate(&one, &many, 1);
    for (unsigned threads = 2; threads <= 3; threads++) {
        struct evaluate other;
        evaluate(&other, &many, threads);
        assert_memory_equal(other.blend.label, one.blend.label, 7 * sizeof *one.blend.label);
        assert_memory_equal(other.blend.bin, one.blend.bin, sizeof one.blend.bin);
        evaluate_close(&other);
    }
    evaluate_close(&one);
    free(many.cases);
}

static void an_unknown_label_counts_as_wrong(void **state)
{
    (void)state;
    struct corpus foreign;
    tiny_corpus(&foreign, "subject,sbr\nkernel panic,Kernel\ndisk full,Aliens\ndisk full,Zebra\n");
    struct evaluate evaluated;
    evaluate(&evaluated, &foreign, 1);
    struct score_sum sum = score_sum(&evaluated.blend);
    assert_int_equal(sum.cases, 3);
    assert_int_equal(sum.unknown, 2);
    assert_true(sum.right <= 1);
    assert_int_equal(evaluated.blend.label[6].cases, 2);
    evaluate_close(&evaluated);
    corpus_close(&foreign);
}

static void every_fault_is_a_clean_error(void **state)
{
    (void)state;
    struct crew *crew = tiny_crew(2);
    long nth = 1;
    for (;; nth++) {
        struct evaluate evaluated;
        struct error err;
        fault_arm(nth);
        enum error_code code = evaluate_open(&evaluated, &fit.model, &corpus, crew, NULL, &err);
        bool struck = fault_struck();
        fault_arm(0);
        assert_int_equal(code, struck ? ERR_MEMORY : ERR_NONE);
        if (code != ERR_NONE) continue;
        evaluate_close(&evaluated);
        break;
    }
    assert_true(nth > 4);
    crew_close(crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_single_answers),
        cmocka_unit_test(threads_do_not_change_it),
        cmocka_unit_test(an_unknown_label_counts_as_wrong),
        cmocka_unit_test(every_fault_is_a_clean_error),
    };
    return cmocka_run_group_tests(tests, make, give);
}
