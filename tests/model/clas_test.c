/* clas_test.c - a classifier's losses, logits and gradients are fastai's. */
// SPDX-License-Identifier: Apache-2.0
#include "model/clas.h"

#include "golden.h"

static const double TOLERANCE = 1e-5;

/* The arithmetics of f32, with one thread and with two, for a test to be run with. */
typedef void with_engine(enum gemm_arithmetic arithmetic, unsigned threads);

static void with_engines(with_engine *test)
{
    for (int a = GEMM_PLAIN; a <= GEMM_TILED; a++)
        for (unsigned threads = 1; threads <= 2; threads++) test((enum gemm_arithmetic)a, threads);
}

static void learn(struct golden *golden, json_t *root, size_t number, float *logits,
                  struct net_loss *out_loss)
{
    struct error err = {0};
    static struct golden_clas batch;
    golden_clas_take(&batch, root, number);
    assert_fine(clas_learn(&golden->net, &batch.batch, logits, out_loss, &err), &err);
}

/* Of batch A. */
static void assert_logits(json_t *root, const char *run, const char *name, const float *logits,
                          double bound)
{
    json_t *rows = json_object_get(json_object_get(root, run), name);
    for (size_t r = 0; r < json_array_size(rows); r++)
        for (size_t c = 0; c < GOLDEN_CLASSES; c++) {
            double wanted = json_number_value(json_array_get(json_array_get(rows, r), c));
            double off = fabs((double)logits[r * GOLDEN_CLASSES + c] - wanted);
            if (off > bound) fail_msg("%s: row %zu is off by %g", run, r, off);
        }
}

static void first_step(enum gemm_arithmetic arithmetic, unsigned threads)
{
    static struct golden golden;
    float logits[GOLDEN_ROWS * GOLDEN_CLASSES];
    struct net_loss loss;
    struct net_options options = golden_options(&FILL_TINY_SHAPE);
    json_t *root = golden_json(GOLDEN_TRAIN "classifier.json");
    for (int regularised = 0; regularised < 2; regularised++) {
        const char *run = regularised ? "reg" : "noreg";
        options.alpha = regularised ? 2 : 0;
        options.beta = regularised ? 1 : 0;
        golden_open(&golden, &options, arithmetic, threads);
        learn(&golden, root, 0, logits, &loss);
        assert_true(fabs(loss.entropy - golden_of(root, run, "loss_step1_f64", 0)) < 5e-6);
        assert_logits(root, run, "train_logits_step1_f64", logits, 2e-5);
        if (regularised) {
            double total = golden_of(root, run, "loss_with_reg_step1_f64", 0);
            assert_true(fabs(loss.total - total) < 5e-6);
            golden_within(&golden, golden.net.gradients,
                          GOLDEN_TRAIN "clas_reg_grads_step1_f64.safetensors", true, TOLERANCE);
        } else {
            assert_true(loss.total == loss.entropy);
            golden_within(&golden, golden.net.gradients,
                          GOLDEN_TRAIN "clas_noreg_grads_step1.safetensors", false, TOLERANCE);
        }
        golden_close(&golden);
    }
    json_decref(root);
}

static void test_gradients(void **state)
{
    (void)state;
    with_engines(first_step);
}

/* The second batch is longer than max_len; it came after a step of the optimiser. */
static void second_step(enum gemm_arithmetic arithmetic, unsigned threads)
{
    static struct golden golden;
    struct net_loss loss;
    const struct net_options options = golden_options(&FILL_TINY_SHAPE);
    json_t *root = golden_json(GOLDEN_TRAIN "classifier.json");
    golden_open(&golden, &options, arithmetic, threads);
    golden_load(&golden, GOLDEN_TRAIN "clas_reg_state_after1.safetensors");
    learn(&golden, root, 1, NULL, &loss);
    assert_true(fabs(loss.entropy - golden_of(root, "reg", "loss", 1)) < TOLERANCE);
    assert_true(fabs(loss.total - golden_of(root, "reg", "loss_with_reg", 1)) < TOLERANCE);
    golden_within(&golden, golden.net.gradients, GOLDEN_TRAIN "clas_reg_grads_step2.safetensors",
                  false, TOLERANCE);
    golden_close(&golden);
    json_decref(root);
}

static void test_a_window(void **state)
{
    (void)state;
    with_engines(second_step);
}

static void with_masks(enum gemm_arithmetic arithmetic, unsigned threads)
{
    static struct golden golden;
    struct golden_masks masks;
    struct net_loss loss;
    float logits[GOLDEN_ROWS * GOLDEN_CLASSES];
    const struct net_options options = golden_options(&FILL_TINY_SHAPE);
    json_t *root = golden_json(GOLDEN_TRAIN "classifier.json");
    golden_open(&golden, &options, arithmetic, threads);
    golden_masks_open(&masks, &golden);
    learn(&golden, root, 0, logits, &loss);
    assert_true(fabs(loss.entropy - golden_of(root, "dropout", "loss", 0)) < TOLERANCE);
    assert_true(fabs(loss.total - golden_of(root, "dropout", "loss_with_reg", 0)) < TOLERANCE);
    assert_logits(root, "dropout", "logits", logits, 4e-5);
    golden_within(&golden, golden.net.gradients, GOLDEN_TRAIN "dropout_clas_grads.safetensors",
                  false, 4e-5);
    safetensors_close(&masks.file);
    golden_close(&golden);
    json_decref(root);
}

static void test_dropout(void **state)
{
    (void)state;
    with_engines(with_masks);
}

enum { LINES = 64, LENGTH_MAX = 128 };

/* All golden texts, the longest first. */
struct lines {
    struct line {
        uint32_t ids[LENGTH_MAX];
        size_t count;
        double logits[GOLDEN_CLASSES];
    } lines[LINES];
    size_t count;
};

static int longer_first(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return (x->count < y->count) - (x->count > y->count);
}

static void lines_read(struct lines *lines)
{
    static struct fill_golden golden;
    FILE *file = fopen("tests/golden/ulmfit/tiny.jsonl", "r");
    assert_non_null(file);
    for (lines->count = 0; fill_golden_next(file, 200, &golden); lines->count++) {
        assert_true(lines->count < LINES && golden.count <= LENGTH_MAX);
        struct line *line = &lines->lines[lines->count];
        line->count = golden.count;
        memcpy(line->ids, golden.ids, golden.count * sizeof *golden.ids);
        memcpy(line->logits, golden.logits, sizeof line->logits);
    }
    fclose(file);
    qsort(lines->lines, lines->count, sizeof *lines->lines, longer_first);
    assert_true(lines->count >= 20);
}

/* Judged beside others, a text gets the logits that fastai gave it alone. */
static void test_judging(void **state)
{
    (void)state;
    static struct lines lines;
    static struct golden golden;
    struct net_options options = golden_options(&FILL_TINY_SHAPE);
    lines_read(&lines);
    options.rows = 16;
    options.length = LENGTH_MAX;
    golden_open(&golden, &options, GEMM_TILED, 2);
    double worst = 0, sum = 0;
    for (size_t first = 0, rows; first < lines.count; first += rows) {
        struct error err = {0};
        struct clas_text texts[16];
        uint32_t labels[16];
        float logits[16 * GOLDEN_CLASSES];
        double entropy;
        rows = lines.count - first < 16 ? lines.count - first : 16;
        for (size_t r = 0; r < rows; r++) {
            texts[r] = (struct clas_text){lines.lines[first + r].ids, lines.lines[first + r].count};
            labels[r] = (uint32_t)r % GOLDEN_CLASSES;
        }
        const struct clas_batch batch = {.rows = rows, .texts = texts, .labels = labels};
        assert_fine(clas_judge(&golden.net, &batch, logits, &entropy, &err), &err);
        for (size_t r = 0; r < rows; r++) {
            double total = 0;
            for (size_t c = 0; c < GOLDEN_CLASSES; c++) {
                double wanted = lines.lines[first + r].logits[c];
                worst = fmax(worst, fabs((double)logits[r * GOLDEN_CLASSES + c] - wanted));
                total += exp(wanted);
            }
            sum += log(total) - lines.lines[first + r].logits[labels[r]];
        }
        sum -= entropy * (double)rows;
    }
    print_message("judged: worst difference of a logit %.2g\n", worst);
    assert_true(worst < 1e-5 && fabs(sum) < 1e-4);
    golden_close(&golden);
}

/* Padded to whole blocks, learning reads texts as judging does, the word xxpad at the start of
 * a block included, by which a text alone loses what came before. */
static void test_clean_batches_are_read_alike(void **state)
{
    (void)state;
    enum { POOLED = 3 * 16 };
    static struct golden golden;
    static struct lines lines;
    struct clas_text texts[GOLDEN_ROWS];
    uint32_t labels[GOLDEN_ROWS] = {0};
    float learnt[GOLDEN_ROWS * POOLED];
    struct net_loss loss;
    struct error err = {0};
    struct net_options options = golden_options(&FILL_TINY_SHAPE);
    lines_read(&lines);
    for (size_t r = 0; r < GOLDEN_ROWS; r++)
        texts[r] = (struct clas_text){lines.lines[5 * r].ids, lines.lines[5 * r].count};
    lines.lines[5].ids[texts[1].count / 8 * 8 - 8] = WEIGHTS_PAD;
    const struct clas_batch batch = {.rows = GOLDEN_ROWS, .texts = texts, .labels = labels};
    options.clean = true;
    options.length = LENGTH_MAX;
    golden_open(&golden, &options, GEMM_TILED, 2);
    assert_fine(clas_learn(&golden.net, &batch, NULL, &loss, &err), &err);
    memcpy(learnt, golden.net.clas.pooled, sizeof learnt);
    assert_fine(clas_judge(&golden.net, &batch, NULL, NULL, &err), &err);
    assert_memory_equal(learnt, golden.net.clas.pooled, sizeof learnt);
    golden_close(&golden);
}

static void test_nothing_to_pool_is_refused(void **state)
{
    (void)state;
    static struct golden golden;
    struct net_loss loss = {.entropy = -1};
    struct error err = {0};
    const struct net_options options = golden_options(&FILL_TINY_SHAPE);
    const uint32_t ids[] = {2, 20, 21}, pads[] = {WEIGHTS_PAD, WEIGHTS_PAD}, labels[] = {0, 1};
    const struct clas_text texts[] = {{ids, 3}, {pads, 2}};
    const struct clas_batch batch = {.rows = 2, .texts = texts, .labels = labels};
    golden_open(&golden, &options, GEMM_TILED, 1);
    float *before = malloc(golden.net.count * sizeof *before);
    assert_non_null(before);
    memcpy(before, golden.net.parameters, golden.net.count * sizeof *before);
    assert_fails(clas_learn(&golden.net, &batch, NULL, &loss, &err), ERR_EMPTY_CASE, "padding",
                 &err);
    assert_int_equal(err.line, 2);
    assert_fails(clas_judge(&golden.net, &batch, NULL, NULL, &err), ERR_EMPTY_CASE, "padding",
                 &err);
    assert_true(loss.entropy == -1);
    assert_memory_equal(before, golden.net.parameters, golden.net.count * sizeof *before);
    free(before);
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_a_window),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_judging),
        cmocka_unit_test(test_clean_batches_are_read_alike),
        cmocka_unit_test(test_nothing_to_pool_is_refused),
    };
    return cmocka_run_group_tests_name("clas", tests, NULL, NULL);
}
