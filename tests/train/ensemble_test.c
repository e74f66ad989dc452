/* ensemble_test.c - what is told of held-out cases is what cases nobody has seen will show. */
// SPDX-License-Identifier: Apache-2.0
#include "train/ensemble.h"

#include <math.h>

#include "base/rng.h"
#include "fail.h"

enum { LABELS = 12, CASES = 240, ROUNDS = 50 };

static struct corpus corpus;
static struct corpus_case items[CASES];
static uint32_t chosen[CASES];
static const bool both[ANSWER_MEMBERS] = {true, true};
static const bool linear_alone[ANSWER_MEMBERS] = {[ANSWER_LINEAR] = true};
static const struct ensemble_options options = {.target_precision = 0.9f};

static double unit(struct rng *rng) { return (double)(rng_next(rng) >> 11) * 0x1p-53; }

/* Scores that find the label often enough for some answers, and no more. */
static void draw_row(struct rng *rng, uint32_t truth, float *scores)
{
    for (uint32_t c = 0; c < LABELS; c++)
        scores[c] = (float)(unit(rng) + unit(rng) + unit(rng) + (c == truth ? 1.1 : 0));
}

static void draw(struct ensemble *out, const bool has[ANSWER_MEMBERS], uint64_t seed)
{
    struct error err;
    struct rng rng = rng_seed(seed);
    corpus = (struct corpus){.cases = items, .count = CASES, .label_count = LABELS};
    for (uint32_t i = 0; i < CASES; i++) {
        items[i] = (struct corpus_case){.label = i % LABELS, .hash = rng_next(&rng)};
        chosen[i] = i;
    }
    assert_fine(ensemble_open(out, &corpus, chosen, CASES, has, &err), &err);
    for (uint32_t i = 0; i < CASES; i++)
        for (int m = 0; m < ANSWER_MEMBERS; m++)
            if (has[m]) draw_row(&rng, out->truth[i], out->scores[m] + (size_t)i * LABELS);
}

struct told {
    struct answer_model model;
    struct score whole, member[ANSWER_MEMBERS];
    float threshold[LABELS];
};

static void open_scores(struct told *told)
{
    struct error err;
    assert_fine(score_open(&told->whole, LABELS, &err), &err);
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        assert_fine(score_open(&told->member[m], LABELS, &err), &err);
}

static void close_scores(struct told *told)
{
    score_close(&told->whole);
    for (int m = 0; m < ANSWER_MEMBERS; m++) score_close(&told->member[m]);
}

static void fit(struct ensemble *ensemble, struct told *out)
{
    struct error err;
    *out = (struct told){0};
    for (int m = 0; m < ANSWER_MEMBERS; m++) out->model.has[m] = ensemble->scores[m] != NULL;
    out->model.threshold = out->threshold;
    open_scores(out);
    assert_fine(ensemble_fit(ensemble, &options, &out->model, out->threshold, &err), &err);
    assert_fine(ensemble_score(ensemble, &options, &out->model, &out->whole, out->member, &err),
                &err);
}

/* What the model answers to cases of the same kind, which taught it nothing. */
static void answer_others(const struct answer_model *model, uint64_t seed, struct score *out)
{
    struct rng rng = rng_seed(seed);
    for (uint32_t i = 0; i < 20 * CASES; i++) {
        float scores[LABELS], probability[LABELS];
        draw_row(&rng, i % LABELS, scores);
        uint32_t best =
            calibrate_apply(&model->calibrate[ANSWER_LINEAR], scores, LABELS, 1, probability);
        score_add(out, i % LABELS, best, probability[best],
                  probability[best] < model->threshold[best]);
    }
}

static void the_precision_told_is_that_of_other_cases(void **state)
{
    (void)state;
    struct error err;
    struct score held_out, others;
    assert_fine(score_open(&held_out, LABELS, &err), &err);
    assert_fine(score_open(&others, LABELS, &err), &err);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        static struct told told;
        struct ensemble ensemble;
        draw(&ensemble, linear_alone, round);
        fit(&ensemble, &told);
        assert_int_equal(score_sum(&told.whole).cases, CASES);
        score_merge(&held_out, &told.whole);
        answer_others(&told.model, 1000 + round, &others);
        close_scores(&told);
        ensemble_close(&ensemble);
    }
    struct score_sum told = score_sum(&held_out), found = score_sum(&others);
    assert_true(told.answered > 2000 && found.answered > 40000);
    assert_true(fabs(told.precision - found.precision) < 0.02);
    assert_true(fabs(told.coverage - found.coverage) < 0.03);
    score_close(&held_out);
    score_close(&others);
}

/* Every row is answered once, whatever part it is of; the members are those of the rows. */
static void every_case_is_told_once(void **state)
{
    (void)state;
    static struct told told;
    struct ensemble ensemble;
    draw(&ensemble, both, 7);
    size_t right[ANSWER_MEMBERS] = {0};
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        for (size_t i = 0; i < CASES; i++) {
            const float *scores = ensemble.scores[m] + i * LABELS;
            uint32_t best = 0;
            for (uint32_t c = 1; c < LABELS; c++)
                if (scores[c] > scores[best]) best = c;
            right[m] += best == ensemble.truth[i];
        }
    fit(&ensemble, &told);
    for (uint32_t c = 0; c < LABELS; c++)
        assert_int_equal(told.whole.label[c].cases, CASES / LABELS);
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        assert_int_equal(score_sum(&told.member[m]).right, right[m]);
    assert_true(score_sum(&told.whole).right > right[0] && score_sum(&told.whole).right > right[1]);
    close_scores(&told);
    ensemble_close(&ensemble);
}

/* Of few cases, of one text alone, there is something told as well. */
static void few_cases_are_told_of(void **state)
{
    (void)state;
    for (uint32_t count = 2; count < 8; count++)
        for (int same = 0; same < 2; same++) {
            static struct told told;
            struct ensemble ensemble;
            struct error err;
            draw(&ensemble, both, count);
            ensemble_close(&ensemble);
            for (uint32_t i = 0; i < count && same == 1; i++) items[i].hash = 1;
            assert_fine(ensemble_open(&ensemble, &corpus, chosen, count, both, &err), &err);
            fit(&ensemble, &told);
            struct score_sum sum = score_sum(&told.whole);
            assert_int_equal(sum.cases, count);
            assert_true(sum.calibration_error >= 0 && sum.calibration_error <= 1);
            close_scores(&told);
            ensemble_close(&ensemble);
        }
}

static enum error_code walk(void *context, struct error *err)
{
    struct ensemble ensemble;
    struct told *told = context;
    TRY(ensemble_open(&ensemble, &corpus, chosen, CASES, both, err));
    enum error_code code = ensemble_fit(&ensemble, &options, &told->model, told->threshold, err);
    if (code == ERR_NONE)
        code = ensemble_score(&ensemble, &options, &told->model, &told->whole, told->member, err);
    ensemble_close(&ensemble);
    return code;
}

static void every_failure_is_told(void **state)
{
    (void)state;
    static struct told told = {.model = {.has = {true, true}}};
    struct ensemble ensemble;
    draw(&ensemble, both, 1); /* the corpus */
    ensemble_close(&ensemble);
    told.model.threshold = told.threshold;
    open_scores(&told);
    assert_true(fail_walk(walk, &told) > 15);
    close_scores(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_precision_told_is_that_of_other_cases),
        cmocka_unit_test(every_case_is_told_once),
        cmocka_unit_test(few_cases_are_told_of),
        cmocka_unit_test(every_failure_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
