/* dense_test.c - the layers of nn/ against sums in double; wide variants bit by bit. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/dense.c"

#include <math.h>

#include "nn/embed.h"
#include "nn/lstm.h"
#include "nn/norm.h"
#include "nn/pool.h"
#include "slope.h"

static float *uniform_values(struct rng *rng, size_t count)
{
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    slope_fill(rng, values, count);
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

enum { ROWS = 6, INS = 9, OUTS = 5, STEPS = 4 };

struct layer {
    float x[ROWS * INS], w[OUTS * INS], gain[INS], bias[INS], out[ROWS * INS];
    float running[2][INS];
    double mean[INS], scale[INS];
    uint32_t peaks[INS];
    float dout[ROWS * INS], dx[ROWS * INS], dw[OUTS * INS], dgain[INS], dbias[INS];
};

static void layer_make(struct layer *layer)
{
    struct rng rng = rng_seed(8);
    memset(layer, 0, sizeof *layer);
    slope_fill(&rng, layer->x, (size_t)ROWS * INS);
    slope_fill(&rng, layer->w, (size_t)OUTS * INS);
    slope_fill(&rng, layer->gain, INS);
    slope_fill(&rng, layer->bias, INS);
    slope_gradients(layer->dout, (size_t)ROWS * INS);
}

/* A linear layer and its ReLU. */
static double dense_loss(void *context)
{
    struct layer *layer = context;
    dense_forward(layer->x, ROWS, INS, layer->w, NULL, OUTS, layer->out);
    dense_relu(layer->out, (size_t)ROWS * OUTS);
    return slope_sum(layer->out, (size_t)ROWS * OUTS);
}

static void dense_gradients_are_slopes(void **state)
{
    (void)state;
    static struct layer layer;
    layer_make(&layer);
    dense_loss(&layer);
    dense_relu_backward(layer.out, (size_t)ROWS * OUTS, layer.dout);
    dense_input(layer.dout, ROWS, OUTS, layer.w, INS, layer.dx);
    dense_weight(layer.dout, ROWS, OUTS, layer.x, INS, layer.dw);
    /* A kink within the step would show. */
    slope_check(dense_loss, &layer, layer.x, layer.dx, (size_t)ROWS * INS, 1, 2e-2);
    slope_check(dense_loss, &layer, layer.w, layer.dw, (size_t)OUTS * INS, 1, 2e-2);
}

static double norm_loss(void *context)
{
    struct layer *layer = context;
    const struct norm_weights weights = {INS, layer->gain, layer->bias, layer->running[0],
                                         layer->running[1]};
    const struct norm_trace trace = {layer->mean, layer->scale};
    norm_learn(&weights, layer->x, ROWS, layer->running[0], layer->running[1], &trace, layer->out);
    return slope_sum(layer->out, (size_t)ROWS * INS);
}

static void norm_gradients_are_slopes(void **state)
{
    (void)state;
    static struct layer layer;
    layer_make(&layer);
    const struct norm_weights weights = {INS, layer.gain, layer.bias, NULL, NULL};
    const struct norm_trace trace = {layer.mean, layer.scale};
    norm_loss(&layer);
    norm_backward(&weights, &trace, layer.x, ROWS, layer.dout, layer.dgain, layer.dbias, layer.dx);
    slope_check(norm_loss, &layer, layer.x, layer.dx, (size_t)ROWS * INS, 1, 5e-3);
    slope_check(norm_loss, &layer, layer.gain, layer.dgain, INS, 1, 1e-3);
    slope_check(norm_loss, &layer, layer.bias, layer.dbias, INS, 1, 1e-3);
}

/* A tenth of the way towards mean and unbiased variance. */
static void norm_keeps_running_statistics(void **state)
{
    (void)state;
    const float one[] = {1}, zero[] = {0}, x[] = {1, 2, 6};
    const struct norm_weights weights = {1, one, zero, NULL, NULL};
    float mean[] = {10}, variance[] = {1}, out[3];
    double trace_mean, trace_scale;
    const struct norm_trace trace = {&trace_mean, &trace_scale};
    norm_learn(&weights, x, 3, mean, variance, &trace, out);
    assert_float_equal(mean[0], 0.9f * 10 + 0.1f * 3, 1e-6f);
    assert_float_equal(variance[0], 0.9f * 1 + 0.1f * 7, 1e-6f);
    assert_float_equal(out[2], 3 / sqrtf(14.0f / 3), 1e-5f);
}

/* Of ROWS steps the second and the last are masked; the third counts as the last one. */
static double pool_loss(void *context)
{
    struct layer *layer = context;
    float pooled[3 * INS];
    pool_begin(pooled, INS, 0, INS);
    for (uint32_t t = 0; t < ROWS; t++) {
        if (t == 1 || t == ROWS - 1) continue;
        pool_note(pooled, layer->peaks, INS, t, layer->x + t * INS);
        if (t == 2) pool_last(pooled, 0, INS, layer->x + t * INS);
    }
    pool_end(pooled, INS, ROWS - 2);
    return slope_sum(pooled, (size_t)3 * INS);
}

static void pool_gradients_are_slopes(void **state)
{
    (void)state;
    static struct layer layer;
    layer_make(&layer);
    pool_loss(&layer);
    for (uint32_t t = 0; t < ROWS; t++) {
        if (t == 1 || t == ROWS - 1) continue;
        pool_backward(layer.dout, layer.peaks, INS, t, ROWS - 2, layer.dx + t * INS);
        if (t == 2) pool_last_backward(layer.dout, INS, layer.dx + t * INS);
    }
    slope_check(pool_loss, &layer, layer.x, layer.dx, (size_t)ROWS * INS, 1, 1e-3);
}

/* Of equals the first is the highest, as torch has it. */
static void pool_notes_the_first_of_equals(void **state)
{
    (void)state;
    const float steps[] = {1, 3, 3};
    float pooled[3];
    uint32_t peak;
    pool_begin(pooled, 1, 0, 1);
    for (uint32_t t = 0; t < 3; t++) pool_note(pooled, &peak, 1, t, &steps[t]);
    assert_int_equal(peak, 1);
}

static void embedding_adds_up_what_words_get(void **state)
{
    (void)state;
    const uint32_t ids[] = {2, 1, 2, 0};
    const float dout[] = {1, 2, 10, 20, 3, 5, 7, 8}, factors[] = {0, 4, 2};
    const float plain[] = {7, 8, 0, 0, 4, 7}, scaled[] = {0, 0, 0, 0, 8, 14};
    float dtable[6] = {0};
    embed_backward(&(struct embed_part){2, 0, 1}, dout, ids, STEPS, NULL, 1, dtable);
    embed_backward(&(struct embed_part){2, 1, 2}, dout, ids, STEPS, NULL, 1, dtable);
    assert_memory_equal(dtable, plain, sizeof dtable);
    memset(dtable, 0, sizeof dtable);
    embed_backward(&(struct embed_part){2, 0, 2}, dout, ids, STEPS, factors, 1, dtable);
    assert_memory_equal(dtable, scaled, sizeof dtable);
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
        cmocka_unit_test(dense_gradients_are_slopes),
        cmocka_unit_test(norm_gradients_are_slopes),
        cmocka_unit_test(norm_keeps_running_statistics),
        cmocka_unit_test(pool_gradients_are_slopes),
        cmocka_unit_test(pool_notes_the_first_of_equals),
        cmocka_unit_test(embedding_adds_up_what_words_get),
    };
    return cmocka_run_group_tests_name("nn", tests, NULL, NULL);
}
