/* linear_test.c - weights and scores agree, two labels are one problem, threads change nothing. */
// SPDX-License-Identifier: Apache-2.0
#include "train/linear.h"

#include <math.h>

#include "train/tiny.h"
#include "vocab/ngram.h"

enum { CASES = 60 };

static struct corpus corpus;
static struct bag bag;
static uint32_t all[CASES];

static int make(void **state)
{
    (void)state;
    struct error err;
    struct crew *crew = tiny_crew(1);
    tiny_corpus(&corpus, NULL);
    assert_int_equal(corpus.count, CASES);
    assert_fine(bag_open(&bag, &corpus, crew, NULL, &err), &err);
    crew_close(crew);
    for (uint32_t i = 0; i < CASES; i++) all[i] = i;
    return 0;
}

static int give(void **state)
{
    (void)state;
    bag_close(&bag);
    corpus_close(&corpus);
    return 0;
}

static void learn(struct linear_task *task, unsigned threads)
{
    struct error err;
    struct crew *crew = tiny_crew(threads);
    assert_fine(linear_learn(task, crew, NULL, &err), &err);
    crew_close(crew);
}

struct learnt {
    float scores[CASES * 6], known[CASES], bias[6];
    float *weight;
};

static struct linear_task task_of(struct learnt *learnt, size_t learns)
{
    learnt->weight = calloc((size_t)bag.bow.features * 6, sizeof *learnt->weight);
    return (struct linear_task){.bag = &bag,
                                .corpus = &corpus,
                                .learn = all,
                                .learn_count = learns,
                                .score = all,
                                .score_count = CASES,
                                .cost = 1,
                                .seed = 7,
                                .scores = learnt->scores,
                                .known = learnt->known,
                                .weight = learnt->weight,
                                .bias = learnt->bias};
}

/* Of cases learnt from nothing is unknown, so a score is the plain product of weights and x. */
static void scores_are_weights_times_x(void **state)
{
    (void)state;
    struct learnt learnt;
    struct linear_task task = task_of(&learnt, CASES);
    learn(&task, 2);
    for (size_t i = 0; i < CASES; i++) {
        uint32_t best = 0;
        for (uint32_t c = 0; c < 6; c++) {
            double sum = (double)learnt.bias[c];
            for (uint32_t n = 0; n < bag.cases[i].nodes; n++) {
                size_t f = bag.feature[bag.cases[i].x[n].index];
                sum += (double)learnt.weight[c * bag.bow.features + f] * bag.cases[i].x[n].value;
            }
            assert_true(fabs(sum - (double)learnt.scores[i * 6 + c]) < 1e-4);
            if (learnt.scores[i * 6 + c] > learnt.scores[i * 6 + best]) best = c;
        }
        assert_int_equal(best, corpus.cases[i].label); /* sixty cases are learnt by heart */
        assert_true(learnt.known[i] > 0.1f && learnt.known[i] <= 1);
    }
    free(learnt.weight);
}

/* How much of a case is known to who learnt from the first `learns`, counted anew. */
static float known_by_count(size_t i, size_t learns)
{
    bool *met = calloc(bag.bow.features, sizeof *met);
    for (size_t l = 0; l < learns; l++)
        for (uint32_t n = 0; n < bag.cases[l].nodes; n++)
            met[bag.feature[bag.cases[l].x[n].index]] = true;
    struct error err;
    struct bow_scratch scratch;
    struct arena arena = arena_measure();
    bow_lay(&scratch, &bag.bow, &arena);
    assert_fine(arena_open(&arena, arena.used, &err), &err);
    bow_lay(&scratch, &bag.bow, &arena);
    struct bow_counts counts = bow_count(&bag.bow, &scratch, &corpus.cases[i].text);
    float squares[NGRAM_KINDS] = {0};
    for (uint32_t s = 0; s < counts.seen; s++) {
        uint32_t f = scratch.seen[s], kind = bag.tag[f] & 3;
        float x = bow_weigh(&bag.bow, &scratch, f);
        if (met[f])
            squares[kind] += x * x;
        else
            counts.unknown[kind] += scratch.count[f];
    }
    arena_close(&arena);
    free(met);
    return bow_known(squares, counts.unknown, bag.bow.idf_unknown);
}

/* A held-out text loses the n-grams no learnt case has: it is known less, and lighter by them. */
static void held_out_cases_are_known_less(void **state)
{
    (void)state;
    struct learnt learnt, whole;
    struct linear_task task = task_of(&learnt, 30), of_all = task_of(&whole, CASES);
    learn(&task, 1);
    learn(&of_all, 1);
    size_t right = 0;
    for (size_t i = 0; i < 30; i++)
        assert_true(fabsf(learnt.known[i] - whole.known[i]) < 1e-6f); /* learnt: nothing changes */
    for (size_t i = 30; i < CASES; i++) {
        uint32_t best = 0;
        assert_true(learnt.known[i] < whole.known[i]);
        assert_true(fabsf(learnt.known[i] - known_by_count(i, 30)) < 1e-5f);
        for (uint32_t c = 1; c < 6; c++)
            if (learnt.scores[i * 6 + c] > learnt.scores[i * 6 + best]) best = c;
        right += best == corpus.cases[i].label;
    }
    assert_true(right >= 12); /* a guess gives 5 of 30 */
    free(learnt.weight);
    free(whole.weight);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    struct learnt one;
    struct linear_task task = task_of(&one, 40);
    learn(&task, 1);
    for (unsigned threads = 2; threads <= 3; threads++) {
        struct learnt other;
        struct linear_task again = task_of(&other, 40);
        learn(&again, threads);
        assert_memory_equal(other.weight, one.weight,
                            (size_t)bag.bow.features * 6 * sizeof *one.weight);
        assert_memory_equal(other.bias, one.bias, sizeof one.bias);
        assert_memory_equal(other.scores, one.scores, sizeof one.scores);
        assert_memory_equal(other.known, one.known, sizeof one.known);
        free(other.weight);
    }
    free(one.weight);
}

/* No case of a label among those learnt from: no weight, and never the best. */
static void a_label_not_among_the_learnt_is_never_best(void **state)
{
    (void)state;
    struct learnt learnt;
    struct linear_task task = task_of(&learnt, 5); /* of five labels; the sixth row is the sixth */
    uint32_t missing = corpus.cases[5].label;
    learn(&task, 1);
    assert_true(learnt.bias[missing] == -1.0f);
    for (size_t f = 0; f < bag.bow.features; f++)
        assert_true(learnt.weight[missing * bag.bow.features + f] == 0.0f);
    for (size_t i = 0; i < CASES; i++) assert_true(learnt.scores[i * 6 + missing] == -1.0f);
    free(learnt.weight);
}

static void two_labels_are_one_problem(void **state)
{
    (void)state;
    struct corpus two;
    tiny_corpus(&two, "subject,sbr\n"
                      "disk is full,A\nfull disk again,A\ndisk disk,A\n"
                      "login fails,B\nno login,B\nlogin login,B\n");
    struct error err;
    struct crew *crew = tiny_crew(1);
    struct bag of_two;
    assert_fine(bag_open(&of_two, &two, crew, NULL, &err), &err);
    size_t features = of_two.bow.features;
    float scores[12], known[6], bias[2];
    float *weight = calloc(2 * features, sizeof *weight);
    struct linear_task task = {.bag = &of_two,
                               .corpus = &two,
                               .learn = all,
                               .learn_count = 6,
                               .score = all,
                               .score_count = 6,
                               .cost = 1,
                               .scores = scores,
                               .known = known,
                               .weight = weight,
                               .bias = bias};
    assert_fine(linear_learn(&task, crew, NULL, &err), &err);
    for (size_t i = 0; i < 6; i++) {
        assert_true(scores[2 * i] == -scores[2 * i + 1]);
        assert_true((scores[2 * i] > 0) == (i < 3));
    }
    assert_true(bias[0] == -bias[1]);
    for (size_t f = 0; f < features; f++) assert_true(weight[f] == -weight[features + f]);
    crew_close(crew);
    free(weight);
    bag_close(&of_two);
    corpus_close(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_weights_times_x),
        cmocka_unit_test(held_out_cases_are_known_less),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_label_not_among_the_learnt_is_never_best),
        cmocka_unit_test(two_labels_are_one_problem),
    };
    return cmocka_run_group_tests(tests, make, give);
}
