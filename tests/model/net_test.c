/* net_test.c - steps are replayed bit by bit, frozen groups are left alone, all is laid out. */
// SPDX-License-Identifier: Apache-2.0
#include "model/net.h"

#include "base/rng.h"
#include "golden.h"
#include "nn/slope.h"

enum { ROWS = 5, LENGTH = 61, DRAW = 3 };

/* Random texts, the longest first; the last one begins its second block with xxpad. */
struct texts {
    uint32_t ids[ROWS][LENGTH], labels[ROWS];
    struct clas_text texts[ROWS];
    struct clas_batch batch;
};

static void texts_make(struct texts *texts)
{
    const size_t lengths[ROWS] = {LENGTH, 40, 31, 16, 13};
    struct rng rng = rng_seed(10);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < lengths[r]; i++)
            texts->ids[r][i] = 9 + (uint32_t)rng_below(&rng, 191);
        texts->texts[r] = (struct clas_text){texts->ids[r], lengths[r]};
        texts->labels[r] = (uint32_t)r % GOLDEN_CLASSES;
    }
    texts->ids[ROWS - 1][8] = WEIGHTS_PAD;
    texts->batch = (struct clas_batch){
        .rows = ROWS, .texts = texts->texts, .labels = texts->labels, .draw = DRAW};
}

static struct net_options clas_options(void)
{
    struct net_options options = golden_options(&FILL_TINY_SHAPE);
    options.length = LENGTH;
    options.drops = net_drops(&options.shape, 0.5f);
    options.drop_head = 0.1f;
    return options;
}

static struct net_options lm_options(void)
{
    struct net_options options = golden_options(&GOLDEN_LM_SHAPE);
    options.drops = net_drops(&options.shape, 1);
    return options;
}

static void learn_clas(struct golden *golden, uint64_t draw, struct net_loss *out_loss)
{
    struct error err = {0};
    static struct texts texts;
    texts_make(&texts);
    texts.batch.draw = draw;
    assert_fine(clas_learn(&golden->net, &texts.batch, NULL, out_loss, &err), &err);
}

static void learn_lm(struct golden *golden, uint64_t draw, struct net_loss *out_loss)
{
    static struct golden_lm batch;
    json_t *root = golden_json(GOLDEN_TRAIN "language.json");
    golden_lm_take(&batch, root, draw % 3);
    batch.batch.draw = draw;
    lm_learn(&golden->net, &batch.batch, out_loss);
    json_decref(root);
}

typedef void one_step(struct golden *golden, uint64_t draw, struct net_loss *out_loss);

struct kind {
    struct net_options options;
    one_step *learn;
};

enum { KINDS = 2 };

static struct kind kind_of(int number)
{
    return number == 0 ? (struct kind){clas_options(), learn_clas}
                       : (struct kind){lm_options(), learn_lm};
}

static void assert_alike(const struct golden *a, const struct golden *b)
{
    assert_memory_equal(a->net.gradients, b->net.gradients, a->net.count * sizeof(float));
}

/* Several steps of one net, and of another one; more threads differ by little only. */
static void test_steps_are_replayed(void **state)
{
    (void)state;
    for (int number = 0; number < KINDS; number++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct kind kind = kind_of(number);
            static struct golden one, same, other;
            struct net_loss a, b, c;
            golden_open(&one, &kind.options, GEMM_TILED, threads);
            golden_open(&same, &kind.options, GEMM_TILED, threads);
            golden_open(&other, &kind.options, GEMM_TILED, 1);
            for (uint64_t draw = 0; draw < 3; draw++) {
                kind.learn(&one, draw, &a);
                kind.learn(&same, draw, &b);
                kind.learn(&other, draw, &c);
                assert_true(a.entropy == b.entropy && a.total == b.total);
                assert_alike(&one, &same);
                assert_true(fabs(a.entropy - c.entropy) < 1e-6);
                for (size_t i = 0; i < one.net.count; i++)
                    assert_float_equal(one.net.gradients[i], other.net.gradients[i], 1e-5f);
            }
            golden_close(&one), golden_close(&same), golden_close(&other);
        }
}

/* Another seed or another draw gives other masks, and none gives none. */
static void test_masks_have_a_key(void **state)
{
    (void)state;
    for (int number = 0; number < KINDS; number++) {
        struct kind kind = kind_of(number);
        static struct golden golden;
        struct net_loss losses[3];
        golden_open(&golden, &kind.options, GEMM_TILED, 1);
        kind.learn(&golden, 0, &losses[0]);
        lm_reset(&golden.net);
        golden.net.encoder.seed++;
        kind.learn(&golden, 0, &losses[1]);
        lm_reset(&golden.net);
        kind.learn(&golden, 3, &losses[2]);
        for (int i = 0; i < 3; i++) assert_true(losses[i].entropy != losses[(i + 1) % 3].entropy);
        golden_close(&golden);
    }
}

/* Blocks that are run a second time give the bits of those that were kept. */
static void test_traces_save_time_only(void **state)
{
    (void)state;
    for (int clean = 0; clean < 2; clean++) {
        static struct golden one, all;
        struct net_loss a, b;
        struct net_options options = clas_options();
        options.clean = clean;
        options.traces = 1;
        golden_open(&one, &options, GEMM_TILED, 2);
        options.traces = 8;
        golden_open(&all, &options, GEMM_TILED, 2);
        assert_true(one.arena.used < all.arena.used);
        learn_clas(&one, DRAW, &a);
        learn_clas(&all, DRAW, &b);
        assert_true(a.total == b.total);
        assert_alike(&one, &all);
        golden_close(&one), golden_close(&all);
    }
}

/* Gradients from the first group on are what they are without frost; the others are not even
 * set to zero. */
static void test_frozen_groups_are_left_alone(void **state)
{
    (void)state;
    for (int number = 0; number < KINDS; number++) {
        struct kind kind = kind_of(number);
        static struct golden warm, cold;
        struct net_loss a, b;
        golden_open(&warm, &kind.options, GEMM_TILED, 2);
        kind.learn(&warm, DRAW, &a);
        for (unsigned first = 0; first < warm.net.groups; first++) {
            golden_open(&cold, &kind.options, GEMM_TILED, 2);
            for (size_t i = 0; i < cold.net.count; i++) cold.net.gradients[i] = -7;
            cold.net.first = first;
            kind.learn(&cold, DRAW, &b);
            assert_true(a.total == b.total);
            for (size_t r = 0; r < cold.net.row_count; r++) {
                const struct net_row *row = &cold.net.rows[r];
                bool learnt = row->group >= (int)first;
                for (size_t i = row->offset; i < row->offset + row->count; i++)
                    assert_true(cold.net.gradients[i] == (learnt ? warm.net.gradients[i] : -7));
            }
            golden_close(&cold);
        }
        golden_close(&warm);
    }
}

/* The cross entropy with what the labels are then: seven tenths, and three that all share. What is
 * reported stays what it is. */
static void test_smoothing(void **state)
{
    (void)state;
    static struct golden sharp, smooth;
    static struct texts texts;
    struct error err;
    struct net_loss a, b;
    float logits[ROWS * GOLDEN_CLASSES];
    struct net_options options = clas_options();
    texts_make(&texts);
    golden_open(&sharp, &options, GEMM_TILED, 1);
    options.smoothing = 0.3f;
    golden_open(&smooth, &options, GEMM_TILED, 1);
    assert_fine(clas_learn(&sharp.net, &texts.batch, logits, &a, &err), &err);
    assert_fine(clas_learn(&smooth.net, &texts.batch, NULL, &b, &err), &err);
    assert_true(a.entropy == b.entropy);
    double wanted = 0;
    for (size_t r = 0; r < ROWS; r++) {
        const float *row = logits + r * GOLDEN_CLASSES;
        double sum = 0;
        for (size_t c = 0; c < GOLDEN_CLASSES; c++) sum += exp((double)row[c]);
        for (size_t c = 0; c < GOLDEN_CLASSES; c++) {
            double share = 0.3 / GOLDEN_CLASSES + (c == texts.labels[r] ? 0.7 : 0);
            wanted += share * (log(sum) - (double)row[c]) / ROWS;
        }
    }
    assert_true(fabs(b.total - (a.total - a.entropy) - wanted) < 1e-6);
    golden_close(&sharp), golden_close(&smooth);
}

static double total_of(void *context)
{
    struct golden *golden = context;
    struct net_loss loss;
    one_step *learn = weights_headless(&golden->net.options.shape) ? learn_lm : learn_clas;
    lm_reset(&golden->net);
    learn(golden, DRAW, &loss);
    return loss.total;
}

/* The whole net with all its dropouts: a few numbers of each row. In one block, for from block to
 * block there are no gradients; clean, for golden steps have fastai's padding. */
static void test_gradients_are_slopes(void **state)
{
    (void)state;
    for (int number = 0; number <= KINDS; number++) { /* the last: of labels that are smoothed */
        struct kind kind = kind_of(number % KINDS);
        static struct golden golden;
        kind.options.clean = true;
        if (number == KINDS) kind.options.smoothing = 0.3f;
        if (kind.learn == learn_clas)
            kind.options.shape.bptt = kind.options.shape.max_len = LENGTH + 3;
        golden_open(&golden, &kind.options, GEMM_TILED, 1);
        total_of(&golden);
        float *found = malloc(golden.net.count * sizeof *found);
        assert_non_null(found);
        memcpy(found, golden.net.gradients, golden.net.count * sizeof *found);
        for (size_t r = 0; r < golden.net.row_count; r++) {
            const struct net_row *row = &golden.net.rows[r];
            if (row->group == NET_FIXED || row->row.id == WEIGHTS_EMBEDDING) continue;
            size_t stride = row->count / 6 + 1;
            slope_check(total_of, &golden, golden.net.parameters + row->offset, found + row->offset,
                        row->count, stride, kind.learn == learn_clas ? 6e-3 : 1e-4);
        }
        free(found);
        golden_close(&golden);
    }
}

static void test_initial_values(void **state)
{
    (void)state;
    static struct golden golden, again;
    const struct net_options options = clas_options();
    golden_lay(&golden, &options, GEMM_TILED, 1);
    golden_lay(&again, &options, GEMM_TILED, 1);
    net_start(&golden.net, 1);
    net_start(&again.net, 1);
    assert_memory_equal(golden.net.parameters, again.net.parameters,
                        golden.net.count * sizeof(float));
    net_start(&again.net, 2);
    assert_true(golden.net.parameters[0] != again.net.parameters[0]);
    const float *embedding = net_parameters(&golden.net, WEIGHTS_EMBEDDING, 0);
    const float *recurrent = net_parameters(&golden.net, WEIGHTS_RECURRENT, 1);
    float low = 1, high = -1;
    for (size_t i = 0; i < (size_t)200 * 16; i++) {
        low = fminf(low, embedding[i]);
        high = fmaxf(high, embedding[i]);
    }
    assert_true(low >= -0.1f && low < -0.099f && high < 0.1f && high > 0.099f);
    for (size_t i = 0; i < (size_t)96 * 24; i++)
        assert_true(fabsf(recurrent[i]) <= sqrtf(1.0f / 24));
    assert_true(net_parameters(&golden.net, WEIGHTS_NORM_GAIN, 1)[49] == 1);
    assert_true(net_parameters(&golden.net, WEIGHTS_NORM_BIAS, 0)[0] == 0.001f);
    assert_null(net_parameters(&golden.net, WEIGHTS_DECODER_BIAS, 0));
    golden_close(&golden), golden_close(&again);
}

/* fastai's: the embedding is learnt first by a classifier, last by a language model. */
static void test_groups(void **state)
{
    (void)state;
    static struct golden clas, lm;
    const struct net_options options = clas_options(), other = lm_options();
    golden_lay(&clas, &options, GEMM_TILED, 1);
    golden_lay(&lm, &other, GEMM_TILED, 1);
    assert_int_equal(clas.net.groups, 5);
    assert_int_equal(lm.net.groups, 4);
    for (size_t r = 0; r < clas.net.row_count; r++) {
        const struct net_row *row = &clas.net.rows[r];
        bool fixed = row->row.id == WEIGHTS_NORM_MEAN || row->row.id == WEIGHTS_NORM_VARIANCE;
        int layer = row->row.group == WEIGHTS_GROUP_LAYER ? (int)row->row.index + 1 : 4;
        assert_int_equal(row->group, fixed                              ? NET_FIXED
                                     : row->row.id == WEIGHTS_EMBEDDING ? 0
                                                                        : layer);
        assert_int_equal(row->offset * sizeof(float) % ARENA_ALIGN, 0);
    }
    for (size_t r = 0; r < lm.net.row_count; r++) {
        const struct net_row *row = &lm.net.rows[r];
        bool layer = row->row.group == WEIGHTS_GROUP_LAYER;
        assert_int_equal(row->group, layer ? (int)row->row.index : 3);
        assert_true(row->decays == (row->row.id != WEIGHTS_DECODER_BIAS));
    }
    golden_close(&clas), golden_close(&lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_are_replayed),
        cmocka_unit_test(test_masks_have_a_key),
        cmocka_unit_test(test_traces_save_time_only),
        cmocka_unit_test(test_frozen_groups_are_left_alone),
        cmocka_unit_test(test_smoothing),
        cmocka_unit_test(test_gradients_are_slopes),
        cmocka_unit_test(test_initial_values),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
