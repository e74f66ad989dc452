/* loss_test.c - against sums in double, portion sizes and threads, finite differences; wide.h. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/loss.c"

#include "base/rng.h"
#include "help.h"

enum { ROWS = 37, CLASSES = 45, INS = 13 };

struct problem {
    float w[CLASSES * INS], bias[CLASSES], x[ROWS * INS];
    uint32_t targets[ROWS];
};

struct gradients {
    float dx[ROWS * INS], dw[CLASSES * INS], dbias[CLASSES];
};

static void fill(struct rng *rng, float *values, size_t count, float reach)
{
    for (size_t i = 0; i < count; i++)
        values[i] = reach * ((float)(rng_next(rng) >> 40) * 0x1p-23f - 1);
}

static void problem_make(struct problem *problem)
{
    struct rng rng = rng_seed(3);
    fill(&rng, problem->w, CLASSES * INS, 1);
    fill(&rng, problem->bias, CLASSES, 1);
    fill(&rng, problem->x, ROWS * INS, 1);
    for (size_t r = 0; r < ROWS; r++) problem->targets[r] = (uint32_t)rng_below(&rng, CLASSES);
}

/* The mean loss in double. */
static double expected_loss(const struct problem *p)
{
    double sum = 0;
    for (size_t r = 0; r < ROWS; r++) {
        double logits[CLASSES], total = 0;
        for (size_t c = 0; c < CLASSES; c++) {
            logits[c] = p->bias[c];
            for (size_t i = 0; i < INS; i++)
                logits[c] += (double)p->x[r * INS + i] * p->w[c * INS + i];
            total += exp(logits[c]);
        }
        sum += log(total) - logits[p->targets[r]];
    }
    return sum / ROWS;
}

/* Gradients, added to zeros, with logits of so many bytes. */
static double train(const struct problem *p, unsigned threads, size_t bytes, struct gradients *out)
{
    struct error err;
    struct gemm *gemm = NULL;
    struct loss loss;
    struct gemm_matrix w;
    const struct gemm_room room = {ROWS, CLASSES, INS};
    assert_fine(gemm_open(&gemm, GEMM_PLAIN, threads, &err), &err);
    struct arena arena = arena_measure();
    for (int twice = 0; twice < 2; twice++) {
        gemm_lay(gemm, &room, &arena);
        gemm_matrix_lay(gemm, &w, p->w, CLASSES, INS, &arena);
        loss_lay(&loss, gemm, CLASSES, ROWS, bytes, &arena);
        if (twice == 0) assert_fine(arena_open(&arena, arena.used, &err), &err);
    }
    gemm_renew(gemm, &w);
    memset(out, 0, sizeof *out);
    double mean =
        loss_train(&loss, gemm, &w, p->bias, ROWS, p->x, p->targets, out->dx, out->dw, out->dbias);
    /* Often, for members who take each other's logits do so once in a while. */
    for (int again = 0; again < 50; again++)
        assert_true(loss_forward(&loss, gemm, &w, p->bias, ROWS, p->x, p->targets) == mean);
    arena_close(&arena);
    gemm_close(gemm);
    return mean;
}

static void assert_near(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fabsf(a[i] - b[i]) > 1e-6f) fail_msg("%g is not %g", (double)a[i], (double)b[i]);
}

static void portions_and_threads_agree(void **state)
{
    (void)state;
    static struct problem problem;
    static struct gradients whole, parts;
    problem_make(&problem);
    double mean = train(&problem, 1, 1 << 20, &whole);
    assert_true(fabs(mean - expected_loss(&problem)) < 1e-6);
    for (unsigned threads = 1; threads <= 3; threads++)
        for (size_t bytes = 1; bytes <= 1 << 12; bytes *= 16) {
            assert_true(train(&problem, threads, bytes, &parts) == mean);
            assert_near(parts.dx, whole.dx, ROWS * INS);
            assert_near(parts.dw, whole.dw, CLASSES * INS);
            assert_near(parts.dbias, whole.dbias, CLASSES);
        }
}

/* How the loss in double changes with values[i]. */
static double slope(struct problem *problem, float *value)
{
    const float step = 0x1p-8f;
    float old = *value;
    *value = old + step;
    double above = expected_loss(problem);
    *value = old - step;
    double below = expected_loss(problem);
    *value = old;
    return (above - below) / (2 * (double)step);
}

static void gradients_are_slopes(void **state)
{
    (void)state;
    static struct problem problem;
    static struct gradients found;
    problem_make(&problem);
    train(&problem, 2, 4000, &found);
    for (size_t i = 0; i < ROWS * INS; i += 7)
        assert_true(fabs(found.dx[i] - slope(&problem, &problem.x[i])) < 1e-5);
    for (size_t i = 0; i < CLASSES * INS; i += 7)
        assert_true(fabs(found.dw[i] - slope(&problem, &problem.w[i])) < 1e-5);
    for (size_t i = 0; i < CLASSES; i++)
        assert_true(fabs(found.dbias[i] - slope(&problem, &problem.bias[i])) < 1e-5);
}

/* Far apart logits neither overflow nor lose the loss. */
static void softmax_is_stable(void **state)
{
    (void)state;
    float logits[] = {1000, 0, -1000, 88, 88, 88};
    const uint32_t targets[] = {1, 2};
    double sum = loss_softmax(logits, 2, 3, targets, 0.5f);
    assert_true(fabs(sum - (1000 + log(3))) < 1e-3);
    assert_true(logits[0] == 0.5f && logits[1] == -0.5f);
    assert_true(fabsf(logits[5] + 1.0f / 3) < 1e-6f && fabsf(logits[3] - 1.0f / 6) < 1e-6f);
}

WIDE_INLINE void functions(const float *x, float *e, float *s, float *t)
{
    wide v;
    wide_load(&v, x), wide_exp(&v), wide_store(e, &v);
    wide_load(&v, x), wide_sigmoid(&v), wide_store(s, &v);
    wide_load(&v, x), wide_tanh(&v), wide_store(t, &v);
}
WIDE_VERSIONS(functions, (const float *x, float *e, float *s, float *t), (x, e, s, t))

static void wide_functions_are_exact_and_alike(void **state)
{
    (void)state;
    for (float first = -100; first < 100; first += 0.37f) {
        float x[WIDE], e[WIDE], s[WIDE], t[WIDE], same[3][WIDE];
        for (int lane = 0; lane < WIDE; lane++) x[lane] = first + 0.011f * (float)lane;
        functions_wide(x, e, s, t);
        functions(x, same[0], same[1], same[2]);
        assert_memory_equal(e, same[0], sizeof e);
        assert_memory_equal(s, same[1], sizeof s);
        assert_memory_equal(t, same[2], sizeof t);
        for (int lane = 0; lane < WIDE; lane++) {
            double value = (double)x[lane], within = fmax(-87, fmin(87, value));
            assert_true(fabs(e[lane] / exp(within) - 1) < 2.4e-7);
            assert_true(fabs(s[lane] - 1 / (1 + exp(-value))) < 2e-7);
            assert_true(fabs(t[lane] - tanh(value)) < 2e-7);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portions_and_threads_agree),
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(softmax_is_stable),
        cmocka_unit_test(wide_functions_are_exact_and_alike),
    };
    return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
