/* ulmfit_test.c - the small integers answer as f32 does, and the same bits in any company. */
// SPDX-License-Identifier: Apache-2.0
#include "model/ulmfit.h"

#include <math.h>
#include <unistd.h>

#include "base/rng.h"
#include "fill.h"

struct net {
    struct fill_model model;
    struct shrink shrink;
    struct ulmfit ulmfit;
    struct ulmfit_pass pass;
    struct arena arena;
};

static void net_open(struct net *net, const struct weights_shape *shape,
                     const struct fill_scales *scales)
{
    struct error err = {0};
    *net = (struct net){0};
    fill_open(&net->model, shape, scales);
    assert_fine(shrink_open(&net->shrink, &net->model.weights, true, &err), &err);
}

static void net_close(struct net *net)
{
    shrink_close(&net->shrink);
    fill_close(&net->model);
}

/* Lays out for this kernel, so many slots and threads. */
static void net_start(struct net *net, const char *kernel, unsigned slots, unsigned threads)
{
    struct error err = {0};
    assert_fine(ulmfit_over(&net->ulmfit, &net->shrink, kernel, &err), &err);
    struct arena measure = arena_measure();
    ulmfit_lay(&net->pass, &net->ulmfit, slots, threads, &measure);
    assert_fine(arena_open(&net->arena, measure.used, &err), &err);
    ulmfit_lay(&net->pass, &net->ulmfit, slots, threads, &net->arena);
    assert_int_equal(net->arena.used, measure.used);
    arena_seal(&net->arena);
    assert_fine(team_open(&net->pass.team, threads, &err), &err);
}

static void net_stop(struct net *net)
{
    team_close(net->pass.team);
    arena_close(&net->arena);
}

enum { CASES = 70, LENGTH_MAX = 60, CLASSES_MAX = 16 };

struct texts {
    uint32_t ids[CASES][LENGTH_MAX];
    struct ulmfit_case cases[CASES];
    float logits[CASES][CLASSES_MAX];
    size_t count;
};

/* Texts of all lengths, some of which hold xxpad where a block starts. */
static void texts_make(struct texts *texts, size_t count, uint32_t vocab, size_t bptt)
{
    struct rng rng = rng_seed(count);
    texts->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t length = 1 + rng_below(&rng, LENGTH_MAX);
        for (size_t t = 0; t < length; t++) {
            texts->ids[i][t] = 2 + (uint32_t)rng_below(&rng, vocab - 2);
            if (i % 3 == 0 && t > 0 && t % bptt == 0 && rng_below(&rng, 3) == 0)
                texts->ids[i][t] = WEIGHTS_PAD;
        }
        texts->cases[i] = (struct ulmfit_case){texts->ids[i], length, texts->logits[i]};
    }
}

static void same_bits_in_any_company(void **state)
{
    (void)state;
    static struct texts alone, together;
    struct error err = {0};
    struct net net;
    net_open(&net, &FILL_TINY_SHAPE, &FILL_TINY);
    texts_make(&alone, CASES, 200, 8);
    net_start(&net, "plain", 1, 1);
    for (size_t i = 0; i < CASES; i++)
        assert_fine(ulmfit_forward(&net.ulmfit, &net.pass, &alone.cases[i], 1, &err), &err);
    net_stop(&net);
    static const unsigned SLOTS[] = {1, 2, 3, 8, 33, 64};
    for (size_t k = 0; kernel_at(k) != NULL; k++)
        for (size_t s = 0; s < 6 && kernel_at(k)->here(); s++)
            for (unsigned threads = 1; threads <= (s == 3 ? 3 : 2); threads++) {
                texts_make(&together, CASES, 200, 8);
                net_start(&net, kernel_at(k)->name, SLOTS[s], threads);
                for (int again = 0; again < 2; again++) {
                    memset(together.logits, 0xee, sizeof together.logits);
                    assert_fine(ulmfit_forward(&net.ulmfit, &net.pass, together.cases, CASES, &err),
                                &err);
                    for (size_t i = 0; i < CASES; i++)
                        if (memcmp(alone.logits[i], together.logits[i], 5 * sizeof(float)) != 0)
                            fail_msg("text %zu of %zu tokens: %s, %u slots, %u threads", i,
                                     alone.cases[i].count, kernel_at(k)->name, SLOTS[s], threads);
                }
                net_stop(&net);
            }
    net_close(&net);
}

/* How the answers of a path differ from the golden ones of a file. */
static void compare(struct net *net, const char *path, size_t count_max, double *out_worst,
                    size_t *out_lines, size_t *out_same)
{
    static struct fill_golden golden;
    size_t classes = weights_classes(&net->model.weights.shape);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    *out_worst = 0, *out_lines = *out_same = 0;
    while (fill_golden_next(file, net->model.weights.shape.vocab, &golden)) {
        float logits[CLASSES_MAX];
        struct error err = {0};
        struct ulmfit_case text = {golden.ids, golden.count, logits};
        if (golden.count > count_max) continue;
        assert_fine(ulmfit_forward(&net->ulmfit, &net->pass, &text, 1, &err), &err);
        size_t best = 0, golden_best = 0;
        for (size_t c = 0; c < classes; c++) {
            *out_worst = fmax(*out_worst, fabs(logits[c] - golden.logits[c]));
            if (logits[c] > logits[best]) best = c;
            if (golden.logits[c] > golden.logits[golden_best]) golden_best = c;
        }
        ++*out_lines;
        *out_same += best == golden_best;
    }
    fclose(file);
}

static void compare_model(const struct weights_shape *shape, const struct fill_scales *scales,
                          const char *path, size_t count_max, double exact_bound, double bound)
{
    struct net net;
    double worst;
    size_t lines, same;
    net_open(&net, shape, scales);
    net_start(&net, "exact", 1, 1);
    compare(&net, path, count_max, &worst, &lines, &same);
    print_message("exact: %.2g, top answer %zu of %zu\n", worst, same, lines);
    assert_true(worst < exact_bound && same == lines);
    net_stop(&net);
    net_start(&net, NULL, 4, 2);
    compare(&net, path, count_max, &worst, &lines, &same);
    print_message("%s: %.2g, top answer %zu of %zu\n", ulmfit_kernel(&net.ulmfit), worst, same,
                  lines);
    assert_true(worst < bound && same == lines);
    net_stop(&net);
    net_close(&net);
}

static void tiny_model_near_golden(void **state)
{
    (void)state;
    compare_model(&FILL_TINY_SHAPE, &FILL_TINY, "tests/golden/ulmfit/tiny.jsonl", 2048, 1e-5, 0.05);
}

static void full_size_near_golden(void **state)
{
    (void)state;
    compare_model(&FILL_FULL_SHAPE, &FILL_FULL, "tests/golden/ulmfit/full.jsonl", 200, 1e-4, 0.05);
}

static void empty_cases_are_refused(void **state)
{
    (void)state;
    static struct net net;
    struct error err = {0};
    const uint32_t ids[] = {2, 9, 1};
    float logits[2][5] = {{7}, {7}};
    struct ulmfit_case cases[] = {{ids, 2, logits[0]}, {ids + 2, 1, logits[1]}};
    net_open(&net, &FILL_TINY_SHAPE, &FILL_TINY);
    net_start(&net, NULL, 2, 1);
    assert_fails(ulmfit_forward(&net.ulmfit, &net.pass, cases, 2, &err), ERR_EMPTY_CASE, "padding",
                 &err);
    assert_int_equal(err.line, 2);
    assert_true(logits[0][0] == 7);
    net_stop(&net);
    net_close(&net);
}

/* Written to a file and opened again it answers the same; without the exact weights the
 * exact path is refused. */
static void file_round_trip(void **state)
{
    (void)state;
    static struct texts memory, mapped;
    struct error err = {0};
    struct net net;
    static struct shrink_names names;
    char path[512];
    snprintf(path, sizeof path, "%s/ulmfit_test.%d.air", test_folder(), (int)getpid());
    net_open(&net, &FILL_TINY_SHAPE, &FILL_TINY);
    texts_make(&memory, 10, 200, 8);
    texts_make(&mapped, 10, 200, 8);
    net_start(&net, NULL, 4, 1);
    assert_fine(ulmfit_forward(&net.ulmfit, &net.pass, memory.cases, 10, &err), &err);
    for (int exact = 0; exact < 2; exact++) {
        static struct bundle_draft draft;
        struct bundle bundle;
        assert_fine(bundle_draft_open(&draft, &err), &err);
        net.shrink.exact = exact;
        shrink_draft(&net.shrink, &names, &draft);
        assert_fine(bundle_draft_write(&draft, path, &err), &err);
        bundle_draft_close(&draft);
        assert_fine(bundle_open(&bundle, path, &err), &err);
        assert_true(shrink_is(&bundle));
        struct ulmfit opened;
        assert_fine(ulmfit_open(&opened, &bundle, NULL, &err), &err);
        assert_fine(ulmfit_forward(&opened, &net.pass, mapped.cases, 10, &err), &err);
        assert_memory_equal(memory.logits, mapped.logits, 10 * sizeof memory.logits[0]);
        if (exact)
            assert_fine(ulmfit_open(&opened, &bundle, "exact", &err), &err);
        else
            assert_fails(ulmfit_open(&opened, &bundle, "exact", &err), ERR_UNAVAILABLE, "exact",
                         &err);
        bundle_close(&bundle);
    }
    remove(path);
    net_stop(&net);
    net_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_in_any_company), cmocka_unit_test(tiny_model_near_golden),
        cmocka_unit_test(full_size_near_golden),    cmocka_unit_test(empty_cases_are_refused),
        cmocka_unit_test(file_round_trip),
    };
    return cmocka_run_group_tests_name("ulmfit", tests, NULL, NULL);
}
