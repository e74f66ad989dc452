/* lm_test.c - a language model's losses and gradients are fastai's. */
// SPDX-License-Identifier: Apache-2.0
#include "model/lm.h"

#include "base/rng.h"
#include "golden.h"

static const double TOLERANCE = 1e-5;

/* The arithmetics of f32, with one thread and with two, for a test to be run with. */
typedef void with_engine(enum gemm_arithmetic arithmetic, unsigned threads);

static void with_engines(with_engine *test)
{
    for (int a = GEMM_PLAIN; a <= GEMM_TILED; a++)
        for (unsigned threads = 1; threads <= 2; threads++) test((enum gemm_arithmetic)a, threads);
}

static void learn(struct golden *golden, json_t *root, size_t number, struct net_loss *out_loss)
{
    static struct golden_lm batch;
    golden_lm_take(&batch, root, number);
    lm_learn(&golden->net, &batch.batch, out_loss);
}

/* Two batches one after the other, the state carried, the parameters as they were. */
static void two_batches(enum gemm_arithmetic arithmetic, unsigned threads)
{
    static struct golden golden;
    const struct net_options options = golden_options(&GOLDEN_LM_SHAPE);
    json_t *root = golden_json(GOLDEN_TRAIN "language.json");
    golden_open(&golden, &options, arithmetic, threads);
    const char *paths[] = {GOLDEN_TRAIN "lm_grads_batch1_noupdate_f64.safetensors",
                           GOLDEN_TRAIN "lm_grads_batch2_noupdate_f64.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        struct net_loss loss;
        json_t *wanted = json_array_get(json_object_get(root, "f64"), i);
        learn(&golden, root, i, &loss);
        assert_true(fabs(loss.entropy - json_number_value(json_object_get(wanted, "ce"))) < 2e-6);
        assert_true(fabs(loss.total - json_number_value(json_object_get(wanted, "total"))) < 2e-6);
        golden_within(&golden, golden.net.gradients, paths[i], true, TOLERANCE);
    }
    golden_close(&golden);
    json_decref(root);
}

static void test_gradients(void **state)
{
    (void)state;
    with_engines(two_batches);
}

static void with_masks(enum gemm_arithmetic arithmetic, unsigned threads)
{
    static struct golden golden;
    struct golden_masks masks;
    struct net_loss loss;
    const struct net_options options = golden_options(&GOLDEN_LM_SHAPE);
    json_t *root = golden_json(GOLDEN_TRAIN "language.json");
    golden_open(&golden, &options, arithmetic, threads);
    golden_masks_open(&masks, &golden);
    learn(&golden, root, 0, &loss);
    assert_true(fabs(loss.entropy - golden_of(root, "dropout", "loss", 0)) < TOLERANCE);
    assert_true(fabs(loss.total - golden_of(root, "dropout", "loss_with_reg", 0)) < TOLERANCE);
    golden_within(&golden, golden.net.gradients, GOLDEN_TRAIN "dropout_lm_grads.safetensors", false,
                  4e-5);
    safetensors_close(&masks.file);
    golden_close(&golden);
    json_decref(root);
}

static void test_dropout(void **state)
{
    (void)state;
    with_engines(with_masks);
}

/* Operands have eight bits there: losses and gradients differ by so much. */
static void test_bf16_is_near(void **state)
{
    (void)state;
    static struct golden golden;
    struct net_loss loss;
    const struct net_options options = golden_options(&GOLDEN_LM_SHAPE);
    json_t *root = golden_json(GOLDEN_TRAIN "language.json");
    json_t *wanted = json_array_get(json_object_get(root, "f64"), 0);
    golden_open(&golden, &options, GEMM_BF16, 2);
    learn(&golden, root, 0, &loss);
    assert_true(fabs(loss.entropy - json_number_value(json_object_get(wanted, "ce"))) < 5e-3);
    golden_within(&golden, golden.net.gradients,
                  GOLDEN_TRAIN "lm_grads_batch1_noupdate_f64.safetensors", true, 3e-2);
    golden_close(&golden);
    json_decref(root);
}

/* The loss alone is the same, and the state goes on; after a reset it begins anew. */
static void test_judging(void **state)
{
    (void)state;
    static struct golden golden;
    static struct golden_lm batch;
    const struct net_options options = golden_options(&GOLDEN_LM_SHAPE);
    json_t *root = golden_json(GOLDEN_TRAIN "language.json");
    golden_open(&golden, &options, GEMM_TILED, 2);
    for (size_t i = 0; i < 4; i++) {
        json_t *wanted = json_array_get(json_object_get(root, "f64"), i % 2);
        if (i == 2) lm_reset(&golden.net);
        golden_lm_take(&batch, root, i % 2);
        double loss = lm_judge(&golden.net, &batch.batch);
        assert_true(fabs(loss - json_number_value(json_object_get(wanted, "ce"))) < 2e-6);
    }
    golden_close(&golden);
    json_decref(root);
}

/* A text of several rows' length, of which each step takes a column. */
static void fill_stream(uint32_t *stream, size_t count)
{
    struct rng rng = rng_seed(12);
    for (size_t i = 0; i < count; i++) stream[i] = (uint32_t)rng_below(&rng, 200);
}

/* A shorter step and fewer rows than there is room for, rows next to each other in one stream. */
static void test_ragged_batches(void **state)
{
    (void)state;
    enum { BATCH_ROWS = 3, STRIDE = 11 };
    static struct golden golden, whole;
    struct net_options options = golden_options(&GOLDEN_LM_SHAPE);
    uint32_t stream[BATCH_ROWS * STRIDE + 1];
    fill_stream(stream, BATCH_ROWS * STRIDE + 1);
    struct lm_batch batch = {
        .rows = BATCH_ROWS, .steps = 8, .stride = STRIDE, .x = stream, .y = stream + 1};
    golden_open(&golden, &options, GEMM_TILED, 2);
    double first = lm_judge(&golden.net, &batch);
    batch.steps = 3;
    batch.x += 8;
    batch.y += 8;
    double second = lm_judge(&golden.net, &batch);
    /* The same in one go, by a net with longer blocks. */
    options.shape.bptt = STRIDE;
    options.rows = BATCH_ROWS;
    golden_open(&whole, &options, GEMM_TILED, 1);
    batch = (struct lm_batch){
        .rows = BATCH_ROWS, .steps = STRIDE, .stride = STRIDE, .x = stream, .y = stream + 1};
    double both = lm_judge(&whole.net, &batch);
    assert_true(fabs((8 * first + 3 * second) / STRIDE - both) < 1e-6);
    golden_close(&golden);
    golden_close(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),      cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_bf16_is_near),   cmocka_unit_test(test_judging),
        cmocka_unit_test(test_ragged_batches),
    };
    return cmocka_run_group_tests_name("lm", tests, NULL, NULL);
}
