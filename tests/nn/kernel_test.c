/* kernel_test.c - every kernel this processor runs (src/nn/kernel_avx2.c, src/nn/kernel_avx512.c,
 * src/nn/kernel_neon.c, src/nn/kernel_dot.c) gives the bits of the plain one, at random
 * sizes, for any rows at once and any share of blocks; the plain one is right. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/kernel.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"
#include "nn/lstm.h"
#include "nn/pack.h"

enum { ROWS = 14 };

static float uniform(struct rng *rng) { return (float)(rng_next(rng) >> 40) * 0x1p-23f - 1; }

static void *zeros(size_t count, size_t size)
{
    size_t bytes = (count * size + 63) / 64 * 64;
    void *data = aligned_alloc(64, bytes);
    assert_non_null(data);
    memset(data, 0, bytes);
    return data;
}

/* A layer of random weights, small, and rows of activations. */
struct layer {
    size_t units, columns, blocks, lanes, rows;
    float *weight, *bias_a, *bias_b, *x;
    int8_t *packed;
    float *scales, *bias;
    int32_t *sums;
    bool fours;
    struct kernel_matrix matrix;
};

static void layer_pack(struct layer *layer)
{
    pack_matrix(layer->weight, layer->units, layer->columns, layer->fours, layer->packed,
                layer->scales, layer->sums);
    pack_bias(layer->bias_a, layer->bias_b, layer->units, layer->bias);
}

static void layer_make(struct layer *layer, size_t units, size_t columns, size_t rows,
                       struct rng *rng)
{
    layer->units = units;
    layer->columns = columns;
    layer->rows = rows;
    layer->fours = rng_below(rng, 2) == 1;
    layer->blocks = kernel_blocks(layer->units);
    layer->lanes = layer->blocks * KERNEL_LANES;
    layer->weight = zeros(4 * layer->units * layer->columns, sizeof(float));
    layer->bias_a = zeros(4 * layer->units, sizeof(float));
    layer->bias_b = zeros(4 * layer->units, sizeof(float));
    layer->x = zeros(ROWS * layer->columns, sizeof(float));
    for (size_t i = 0; i < 4 * layer->units * layer->columns; i++)
        layer->weight[i] = uniform(rng) * 0.3f;
    for (size_t i = 0; i < 4 * layer->units; i++)
        layer->bias_a[i] = uniform(rng), layer->bias_b[i] = uniform(rng);
    for (size_t i = 0; i < ROWS * layer->columns; i++) layer->x[i] = uniform(rng);
    layer->packed = zeros(kernel_matrix_bytes(layer->units, layer->columns), 1);
    layer->scales = zeros(layer->lanes, sizeof(float));
    layer->bias = zeros(layer->lanes, sizeof(float));
    layer->sums = zeros(layer->lanes, sizeof(int32_t));
    layer_pack(layer);
    layer->matrix = (struct kernel_matrix){layer->blocks, kernel_quads(layer->columns),
                                           layer->packed, layer->sums,
                                           layer->scales, layer->fours};
}

static void layer_open(struct layer *layer, struct rng *rng)
{
    size_t units = 1 + rng_below(rng, 70);
    size_t columns = 1 + rng_below(rng, rng_below(rng, 4) == 0 ? 500 : 90);
    layer_make(layer, units, columns, 1 + rng_below(rng, ROWS), rng);
}

static void layer_close(struct layer *layer)
{
    free(layer->weight), free(layer->bias_a), free(layer->bias_b), free(layer->x);
    free(layer->packed), free(layer->scales), free(layer->bias), free(layer->sums);
}

/* What a kernel makes of a layer: z after input, then c and h after a step with the same q. */
struct outcome {
    float *z, *c, *h;
    float highest[ROWS];
    uint8_t *q;
    struct kernel_row rows[ROWS];
};

static void outcome_open(struct outcome *out, const struct layer *layer,
                         const struct kernel *kernel)
{
    size_t stride = kernel_stride(layer->columns), units = layer->blocks * KERNEL_UNITS;
    out->z = zeros(ROWS * layer->lanes, sizeof(float));
    out->c = zeros(ROWS * units, sizeof(float));
    out->h = zeros(ROWS * units, sizeof(float));
    out->q = zeros(ROWS * stride, 1);
    for (size_t r = 0; r < layer->rows; r++) {
        const float *x = layer->x + r * layer->columns;
        float highest = 0;
        for (size_t k = 0; k < layer->columns; k++) highest = fmaxf(highest, fabsf(x[k]));
        for (size_t u = 0; u < layer->units; u++) out->c[r * units + u] = x[u % layer->columns];
        out->rows[r] = (struct kernel_row){.q = out->q + r * stride,
                                           .z = out->z + r * layer->lanes,
                                           .c = out->c + r * units,
                                           .h = out->h + r * units};
        out->rows[r].scale = kernel->quantise(x, layer->columns, highest, out->q + r * stride);
    }
}

static void outcome_close(struct outcome *out)
{
    free(out->z), free(out->c), free(out->h), free(out->q);
}

/* Rows are run in portions of at most `most`, blocks in two shares. */
static void run(const struct kernel *kernel, const struct layer *layer, size_t most, size_t split,
                struct outcome *out)
{
    struct kernel_share shares[2] = {{0, split, false}, {split, layer->blocks, true}};
    outcome_open(out, layer, kernel);
    for (size_t r = 0; r < layer->rows; r++) out->highest[r] = 0;
    for (int s = 0; s < 2; s++)
        for (size_t first = 0; first < layer->rows; first += most) {
            size_t taken = layer->rows - first < most ? layer->rows - first : most;
            kernel->input(&layer->matrix, layer->bias, &shares[s], out->rows + first, taken);
            kernel->step(&layer->matrix, &shares[s], out->rows + first, taken);
            for (size_t r = first; r < first + taken; r++)
                out->highest[r] = fmaxf(out->highest[r], out->rows[r].highest);
        }
}

static void kernels_agree_bit_for_bit(void **state)
{
    (void)state;
    struct rng rng = rng_seed(5);
    for (int round = 0; round < 150; round++) {
        struct layer layer;
        struct outcome plain, other;
        layer_open(&layer, &rng);
        size_t units = layer.blocks * KERNEL_UNITS;
        run(&kernel_plain, &layer, ROWS, layer.blocks, &plain);
        for (size_t i = 0; kernel_at(i) != NULL; i++) {
            if (!kernel_at(i)->here()) continue;
            run(kernel_at(i), &layer, 1 + rng_below(&rng, ROWS), rng_below(&rng, layer.blocks + 1),
                &other);
            assert_memory_equal(plain.z, other.z, layer.rows * layer.lanes * sizeof(float));
            assert_memory_equal(plain.c, other.c, layer.rows * units * sizeof(float));
            assert_memory_equal(plain.h, other.h, layer.rows * units * sizeof(float));
            assert_memory_equal(plain.highest, other.highest, layer.rows * sizeof(float));
            outcome_close(&other);
        }
        outcome_close(&plain);
        layer_close(&layer);
    }
}

/* Weights and activations as large as they can be, of either sign: what is added in 16 bits
 * must fit. Quads are odd and even. */
static void the_largest_products_fit(void **state)
{
    (void)state;
    for (size_t columns = 1; columns <= 24; columns++)
        for (int signs = 0; signs < 32; signs++) {
            struct rng rng = rng_seed(columns);
            struct layer layer;
            struct outcome plain, other;
            layer_make(&layer, 3, columns, 5, &rng);
            for (size_t i = 0; i < 12 * columns; i++)
                layer.weight[i] = (signs >> (i % columns % 4) & 1) == 0 ? 1 : -1;
            for (size_t i = 0; i < ROWS * columns; i++) layer.x[i] = i / columns % 2 == 0 ? 1 : -1;
            layer.matrix.fours = layer.fours = signs >= 16;
            layer_pack(&layer);
            run(&kernel_plain, &layer, ROWS, layer.blocks, &plain);
            for (size_t i = 0; kernel_at(i) != NULL; i++) {
                if (!kernel_at(i)->here()) continue;
                run(kernel_at(i), &layer, ROWS, layer.blocks, &other);
                assert_memory_equal(plain.z, other.z, layer.rows * layer.lanes * sizeof(float));
                outcome_close(&other);
            }
            outcome_close(&plain);
            layer_close(&layer);
        }
}

/* The weight that was packed, of a row in torch's order. */
static double unpacked(const struct layer *layer, size_t row, size_t column)
{
    size_t gate = row / layer->units, unit = row % layer->units;
    size_t block = unit / KERNEL_UNITS, lane = gate * KERNEL_UNITS + unit % KERNEL_UNITS;
    size_t quad = block * layer->matrix.quads + column / KERNEL_QUAD;
    return (double)
               layer->packed[(quad * KERNEL_LANES + lane) * KERNEL_QUAD + column % KERNEL_QUAD] *
           layer->scales[block * KERNEL_LANES + lane];
}

/* Against the reference in f64 with activations as they were before rounding; what became of
 * the weights, pack_test.c tells. */
static void plain_is_near_the_reference(void **state)
{
    (void)state;
    struct rng rng = rng_seed(6);
    double worst = 0;
    for (int round = 0; round < 60; round++) {
        struct layer layer;
        struct outcome out;
        layer_open(&layer, &rng);
        run(&kernel_plain, &layer, ROWS, layer.blocks, &out);
        for (size_t u = 0; u < layer.units; u++) {
            double z[4];
            for (size_t g = 0; g < 4; g++) {
                size_t row = g * layer.units + u;
                /* input and step both multiply by the same matrix */
                z[g] = (double)layer.bias_a[row] + layer.bias_b[row];
                for (size_t k = 0; k < layer.columns; k++)
                    z[g] += 2 * unpacked(&layer, row, k) * layer.x[k];
            }
            double c =
                layer.x[u % layer.columns] / (1 + exp(-z[1])) + tanh(z[2]) / (1 + exp(-z[0]));
            worst = fmax(worst, fabs(tanh(c) / (1 + exp(-z[3])) - out.h[u]));
        }
        outcome_close(&out);
        layer_close(&layer);
    }
    print_message("worst difference of h %.2g\n", worst);
    assert_true(worst < 0.02);
}

/* With inputs that int8 holds exactly, nothing is lost but the last bits of f32. */
static void exact_inputs_give_exact_gates(void **state)
{
    (void)state;
    float weight[4] = {127, -127, 64, 1}, bias[4] = {0, 0.5f, -3, 80}, none[4] = {0};
    _Alignas(64) int8_t packed[256];
    _Alignas(64) float scales[64], biases[64], z[64], c[16] = {0.25f}, h[16];
    _Alignas(64) int32_t sums[64];
    _Alignas(64) uint8_t q[64];
    float x = -1;
    pack_matrix(weight, 1, 1, true, packed, scales, sums);
    pack_bias(bias, none, 1, biases);
    struct kernel_matrix matrix = {1, 1, packed, sums, scales, true};
    struct kernel_share share = {0, 1, false};
    for (size_t i = 0; kernel_at(i) != NULL; i++) {
        const struct kernel *kernel = kernel_at(i);
        if (!kernel->here()) continue;
        struct kernel_row row = {.q = q, .z = z, .c = c, .h = h};
        row.scale = kernel->quantise(&x, 1, 1, q);
        c[0] = 0.25f;
        kernel->input(&matrix, biases, &share, &row, 1);
        assert_float_equal(z[0], -127, 1e-4f);
        assert_float_equal(z[16], 127.5f, 1e-4f);
        assert_float_equal(z[32], -67, 1e-4f);
        assert_float_equal(z[48], 79, 1e-4f);
        row.scale = 0;
        kernel->step(&matrix, &share, &row, 1);
        assert_float_equal(c[0], 0.25f, 1e-6f);
        assert_float_equal(h[0], tanhf(0.25f), 1e-6f);
        assert_true(row.highest == h[0]);
    }
}

static void adopting_equals_quantising(void **state)
{
    (void)state;
    int8_t small[70];
    float same[70];
    uint8_t a[128], b[128];
    for (int i = 0; i < 70; i++) same[i] = small[i] = (int8_t)(i * 3 - 100);
    small[0] = -127, same[0] = -127;
    for (size_t i = 0; kernel_at(i) != NULL; i++) {
        if (!kernel_at(i)->here()) continue;
        assert_true(kernel_at(i)->quantise(same, 70, 127, a) == 1);
        kernel_at(i)->adopt(small, 70, b);
        assert_memory_equal(a, b, 128);
    }
}

static void names_pick(void **state)
{
    (void)state;
    const struct kernel *kernel = NULL;
    struct error err = {0};
    assert_fine(kernel_pick(NULL, &kernel, &err), &err);
    print_message("picked %s\n", kernel->name);
    assert_fine(kernel_pick("plain", &kernel, &err), &err);
    assert_string_equal(kernel->name, "plain");
    assert_fails(kernel_pick("abacus", &kernel, &err), ERR_USAGE, "abacus", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_bit_for_bit),
        cmocka_unit_test(the_largest_products_fit),
        cmocka_unit_test(plain_is_near_the_reference),
        cmocka_unit_test(exact_inputs_give_exact_gates),
        cmocka_unit_test(adopting_equals_quantising),
        cmocka_unit_test(names_pick),
    };
    return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
