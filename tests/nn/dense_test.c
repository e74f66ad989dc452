/* dense_test.c - the layers of nn/ against sums in double; wide variants bit by bit. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/dense.c"

#include <math.h>

#include "base/rng.h"
#include "help.h"
#include "nn/embed.h"
#include "nn/lstm.h"
#include "nn/norm.h"
#include "nn/pool.h"

static float uniform(struct rng *rng) { return (float)(rng_next(rng) >> 40) * 0x1p-23f - 1; }

static float *uniform_values(struct rng *rng, size_t count)
{
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) values[i] = uniform(rng);
    return values;
}

static void product_is_right_and_alike_everywhere(void **state)
{
    (void)state;
    struct rng rng = rng_seed(1);
    for (int round = 0; round < 60; round++) {
        size_t rows = 1 + rng_below(&rng, 5), ins = 1 + rng_below(&rng, 90);
        size_t outs = 1 + rng_below(&rng, 20);
        float *x = uniform_values(&rng, rows * ins), *w = uniform_values(&rng, outs * ins);
        float *bias = uniform_values(&rng, outs), *y = uniform_values(&rng, rows * outs);
        float *plain = calloc(rows * outs, sizeof *plain);
        assert_non_null(plain);
        dense_forward(x, rows, ins, w, bias, outs, y);
        for (size_t r = 0; r < rows; r++) memcpy(plain + r * outs, bias, outs * sizeof *bias);
        product(x, rows, ins, w, outs, plain);
        assert_memory_equal(y, plain, rows * outs * sizeof *y);
        for (size_t r = 0; r < rows; r++)
            for (size_t o = 0; o < outs; o++) {
                double sum = bias[o];
                for (size_t i = 0; i < ins; i++) sum += (double)x[r * ins + i] * w[o * ins + i];
                assert_true(fabs(sum - y[r * outs + o]) < 1e-5);
            }
        free(x), free(w), free(bias), free(y), free(plain);
    }
}

static void relu_keeps_the_positive(void **state)
{
    (void)state;
    float x[] = {-1, 0, 2};
    dense_relu(x, 3);
    assert_true(x[0] == 0 && x[1] == 0 && x[2] == 2);
}

static void embedding_copies_rows(void **state)
{
    (void)state;
    const float table[] = {1, 2, 3, 4, 5, 6};
    const uint32_t ids[] = {2, 0, 2};
    const float expected[] = {5, 6, 1, 2, 5, 6};
    float out[6];
    embed_forward(table, 2, ids, 3, out);
    assert_memory_equal(out, expected, sizeof out);
}

/* One unit, one input, two steps, worked out by hand in double. */
static void lstm_follows_the_paper(void **state)
{
    (void)state;
    const float input[] = {0.5f, -0.25f, 1, 0.75f}, recurrent[] = {1, 0.5f, -1, 0.25f};
    const float bias_a[] = {0.1f, 0.2f, 0.3f, 0.4f}, bias_b[] = {0, 1, 0, -1};
    const struct lstm_weights weights = {1, 1, input, recurrent, bias_a, bias_b};
    const float x[] = {1, -2};
    float h = 0.5f, c = -0.25f, gates[8], cells[2], out[2];
    double hd = 0.5, cd = -0.25;
    struct lstm_trace trace = {gates, cells};
    lstm_forward(&weights, 2, x, &h, &c, &trace, out);
    for (int t = 0; t < 2; t++) {
        double z[4];
        for (int g = 0; g < 4; g++)
            z[g] = (double)input[g] * x[t] + recurrent[g] * hd + bias_a[g] + bias_b[g];
        cd = cd / (1 + exp(-z[1])) + tanh(z[2]) / (1 + exp(-z[0]));
        hd = tanh(cd) / (1 + exp(-z[3]));
        assert_true(fabs(out[t] - hd) < 1e-6 && fabs(cells[t] - cd) < 1e-6);
    }
    assert_true(h == out[1] && c == cells[1]);
}

static void norm_uses_running_statistics(void **state)
{
    (void)state;
    const float gain[] = {2, 1}, bias[] = {1, 0}, mean[] = {3, 0}, variance[] = {4, 1};
    const struct norm_weights weights = {2, gain, bias, mean, variance};
    float x[] = {5, 1, 3, 0};
    norm_forward(&weights, x, 2, x);
    assert_float_equal(x[0], 3, 1e-5f);
    assert_float_equal(x[1], 1, 1e-5f);
    assert_float_equal(x[2], 1, 1e-5f);
    assert_true(x[3] == 0);
}

static void pooling_is_last_maximum_mean(void **state)
{
    (void)state;
    const float steps[3][2] = {{1, -5}, {3, -1}, {2, -3}};
    const float expected[] = {3, -1, 3, -1, 2, -3};
    float pooled[6];
    pool_begin(pooled, 2, 0, 1);
    pool_begin(pooled, 2, 1, 2);
    for (int t = 0; t < 3; t++) {
        pool_add(pooled, 2, 0, 1, steps[t]);
        pool_add(pooled, 2, 1, 2, steps[t]);
    }
    pool_last(pooled, 0, 2, steps[1]);
    pool_end(pooled, 2, 3);
    assert_memory_equal(pooled, expected, sizeof pooled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_is_right_and_alike_everywhere),
        cmocka_unit_test(relu_keeps_the_positive),
        cmocka_unit_test(embedding_copies_rows),
        cmocka_unit_test(lstm_follows_the_paper),
        cmocka_unit_test(norm_uses_running_statistics),
        cmocka_unit_test(pooling_is_last_maximum_mean),
    };
    return cmocka_run_group_tests_name("nn", tests, NULL, NULL);
}
