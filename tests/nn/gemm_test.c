/* gemm_test.c - gemm_plain.c against sums in double, gemm_tiled.c with numbers and with bf16
 * against those and against it: the three products, odd shapes, any threads. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/gemm.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"

struct engine {
    enum gemm_arithmetic arithmetic;
    double tolerance; /* of a sum of products of numbers below 1, a product's share of it */
    float away;       /* of a sum of 805 of them */
};

static const struct engine ENGINES[] = {
    {GEMM_PLAIN, 1e-6, 1e-3f}, {GEMM_TILED, 1e-6, 1e-3f}, {GEMM_BF16, 0x1p-8, 0.2f}};

enum { ENGINE_COUNT = sizeof ENGINES / sizeof *ENGINES };

static float *numbers(struct rng *rng, size_t count)
{
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) values[i] = (float)(rng_next(rng) >> 40) * 0x1p-23f - 1;
    return values;
}

/* result[i] is base[i] (with add) + the sum over k of a[i0 + k as] b[i1 + k bs]. */
static void assert_product(const float *result, double base, const float *a, size_t a_step,
                           const float *b, size_t b_step, size_t count, double tolerance)
{
    double sum = 0, reach = 1;
    for (size_t k = 0; k < count; k++) {
        double product = (double)a[k * a_step] * b[k * b_step];
        sum += product;
        reach += fabs(product);
    }
    if (fabs(*result - (base + sum)) > tolerance * reach)
        fail_msg("%g is not %g + %g", (double)*result, base, sum);
}

static void check_products(struct gemm *gemm, struct rng *rng, size_t rows, size_t outs, size_t ins,
                           bool add, double tolerance)
{
    struct error err;
    float *x = numbers(rng, rows * ins), *w = numbers(rng, outs * ins);
    float *dout = numbers(rng, rows * outs);
    float *out = numbers(rng, rows * outs), *dx = numbers(rng, rows * ins);
    float *dw = numbers(rng, outs * ins);
    float *old_out = malloc(rows * outs * sizeof *out), *old_dx = malloc(rows * ins * sizeof *dx);
    float *old_dw = malloc(outs * ins * sizeof *dw);
    assert_true(old_out != NULL && old_dx != NULL && old_dw != NULL);
    memcpy(old_out, out, rows * outs * sizeof *out);
    memcpy(old_dx, dx, rows * ins * sizeof *dx);
    memcpy(old_dw, dw, outs * ins * sizeof *dw);

    struct gemm_matrix matrix;
    const struct gemm_room room = {rows, outs, ins};
    struct arena arena = arena_measure();
    gemm_lay(gemm, &room, &arena);
    gemm_matrix_lay(gemm, &matrix, NULL, outs, ins, &arena);
    assert_fine(arena_open(&arena, arena.used, &err), &err);
    gemm_lay(gemm, &room, &arena);
    gemm_matrix_lay(gemm, &matrix, w, outs, ins, &arena);
    arena_seal(&arena);

    gemm_renew(gemm, &matrix);
    gemm_forward(gemm, &matrix, rows, x, add, out);
    gemm_input(gemm, &matrix, rows, dout, add, dx);
    gemm_weight(gemm, rows, dout, outs, x, ins, add, dw);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < outs; o++)
            assert_product(&out[r * outs + o], add ? old_out[r * outs + o] : 0, x + r * ins, 1,
                           w + o * ins, 1, ins, tolerance);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < ins; i++)
            assert_product(&dx[r * ins + i], add ? old_dx[r * ins + i] : 0, dout + r * outs, 1,
                           w + i, ins, outs, tolerance);
    for (size_t o = 0; o < outs; o++)
        for (size_t i = 0; i < ins; i++)
            assert_product(&dw[o * ins + i], add ? old_dw[o * ins + i] : 0, dout + o, outs, x + i,
                           ins, rows, tolerance);
    arena_close(&arena);
    free(x), free(w), free(dout), free(out), free(dx), free(dw);
    free(old_out), free(old_dx), free(old_dw);
}

/* Everything that an engine makes of these operands: three products and a sum. */
static void make_all(struct gemm *gemm, size_t rows, size_t outs, size_t ins, const float *x,
                     const float *w, const float *dout, float *results)
{
    struct error err;
    struct gemm_matrix matrix;
    const struct gemm_room room = {rows, outs, ins};
    struct arena arena = arena_measure();
    gemm_lay(gemm, &room, &arena);
    gemm_matrix_lay(gemm, &matrix, NULL, outs, ins, &arena);
    assert_fine(arena_open(&arena, arena.used, &err), &err);
    gemm_lay(gemm, &room, &arena);
    gemm_matrix_lay(gemm, &matrix, w, outs, ins, &arena);
    gemm_renew(gemm, &matrix);
    float *dx = results + rows * outs, *dw = dx + rows * ins;
    gemm_forward(gemm, &matrix, rows, x, false, results);
    gemm_input(gemm, &matrix, rows, dout, false, dx);
    gemm_weight(gemm, rows, dout, outs, x, ins, false, dw);
    gemm_weight(gemm, rows / 2, dout, outs, x, ins, true, dw);
    arena_close(&arena);
}

/* Shapes beyond the blocks of every arithmetic: the same bits each time; those of tiles for
 * any number of threads, too, and close to the definition. */
static void bits_are_the_same_again(void **state)
{
    (void)state;
    enum { ROWS = 413, OUTS = 77, INS = 805, ALL = ROWS * OUTS + ROWS * INS + OUTS * INS };
    struct error err;
    struct rng rng = rng_seed(7);
    float *x = numbers(&rng, ROWS * INS), *w = numbers(&rng, OUTS * INS);
    float *dout = numbers(&rng, ROWS * OUTS);
    float *plain = numbers(&rng, ALL), *first = numbers(&rng, ALL), *again = numbers(&rng, ALL);
    for (size_t e = 0; e < ENGINE_COUNT; e++)
        for (unsigned threads = 1; threads <= 4; threads++) {
            struct gemm *gemm = NULL;
            assert_fine(gemm_open(&gemm, ENGINES[e].arithmetic, threads, &err), &err);
            bool anew = ENGINES[e].arithmetic == GEMM_PLAIN || threads == 1;
            if (anew) make_all(gemm, ROWS, OUTS, INS, x, w, dout, first);
            make_all(gemm, ROWS, OUTS, INS, x, w, dout, again);
            assert_memory_equal(first, again, ALL * sizeof *first);
            if (ENGINES[e].arithmetic == GEMM_PLAIN) memcpy(plain, first, ALL * sizeof *first);
            for (size_t i = 0; i < ALL; i++)
                assert_float_equal(again[i], plain[i], ENGINES[e].away);
            gemm_close(gemm);
        }
    free(x), free(w), free(dout), free(plain), free(first), free(again);
}

static void products_are_right(void **state)
{
    (void)state;
    struct error err;
    struct rng rng = rng_seed(6);
    for (size_t e = 0; e < ENGINE_COUNT; e++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct gemm *gemm = NULL;
            assert_fine(gemm_open(&gemm, ENGINES[e].arithmetic, threads, &err), &err);
            for (int round = 0; round < 20; round++)
                check_products(gemm, &rng, 1 + rng_below(&rng, 40), 1 + rng_below(&rng, 100),
                               1 + rng_below(&rng, 100), round % 2 == 1, ENGINES[e].tolerance);
            gemm_close(gemm);
        }
}

static void all_have_names(void **state)
{
    (void)state;
    enum gemm_arithmetic best = gemm_best();
    assert_true(best == GEMM_TILED || best == GEMM_BF16);
    assert_string_equal(gemm_name(best), best == GEMM_BF16 ? "bf16" : "f32");
    for (int a = 0; a < GEMM_ARITHMETICS; a++) {
        enum gemm_arithmetic found;
        assert_true(gemm_named(gemm_name((enum gemm_arithmetic)a), &found) && (int)found == a);
        assert_false(gemm_named("f33", &found));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right),
        cmocka_unit_test(bits_are_the_same_again),
        cmocka_unit_test(all_have_names),
    };
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
