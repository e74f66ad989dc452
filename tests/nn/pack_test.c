/* pack_test.c - packed weights are near what they were, and keep what nn/kernel.h promises. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/pack.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"

enum { UNITS = 5, COLUMNS_MAX = 60, PACKED_MAX = 64 * 60 };

static float uniform(struct rng *rng) { return (float)(rng_next(rng) >> 40) * 0x1p-23f - 1; }

struct packed {
    _Alignas(64) int8_t weights[PACKED_MAX];
    float scales[KERNEL_LANES];
    int32_t sums[KERNEL_LANES];
};

static size_t lane_of(size_t row) { return row / UNITS * KERNEL_UNITS + row % UNITS; }

static int weight_of(const struct packed *packed, size_t row, size_t column)
{
    return packed->weights[column / 4 * KERNEL_LANES * 4 + lane_of(row) * 4 + column % 4];
}

/* The largest sum of one sign among the columns whose products share 16 bits. */
static int largest_shared(const struct packed *packed, size_t row, size_t columns, bool fours)
{
    int most = 0;
    for (size_t half = 0; half < (columns + 7) / 8 * 2; half++) {
        int above = 0, below = 0;
        for (size_t i = 0; i < 4; i++) {
            size_t column = half / 2 * 8 + half % 2 * 2 + i / 2 * 4 + i % 2;
            if (i == 2 && !fours) above = below = 0;
            int w = column < columns ? weight_of(packed, row, column) : 0;
            *(w > 0 ? &above : &below) += abs(w);
            most = above > most ? above : most;
            most = below > most ? below : most;
        }
    }
    return most;
}

static void neighbours_share_16_bits(void **state)
{
    (void)state;
    struct rng rng = rng_seed(7);
    for (size_t round = 0; round < 400; round++) {
        static float weight[4 * UNITS * COLUMNS_MAX];
        struct packed packed;
        size_t columns = 1 + round % COLUMNS_MAX, full = 0;
        bool fours = round / 7 % 2 == 1;
        int power = (int)(round % 7); /* from all alike in size to a few that stand out */
        for (size_t i = 0; i < 4 * UNITS * columns; i++)
            weight[i] = powf(uniform(&rng), (float)power) * (round % 2 == 0 ? 1e-3f : 1);
        pack_matrix(weight, UNITS, columns, fours, packed.weights, packed.scales, packed.sums);
        for (size_t row = 0; row < 4 * UNITS; row++) {
            int sum = 0, most = largest_shared(&packed, row, columns, fours);
            for (size_t k = 0; k < columns; k++) {
                float scale = packed.scales[lane_of(row)], x = weight[row * columns + k];
                int w = weight_of(&packed, row, k);
                sum += w;
                assert_true(fabsf((float)w * scale - x) <= scale * 0.5001f);
            }
            assert_int_equal(packed.sums[lane_of(row)], sum);
            assert_in_range(most, 120, KERNEL_SHARED_MAX);
            full += most == KERNEL_SHARED_MAX;
        }
        if (power == 0 && columns >= 6) assert_int_equal(full, 4 * UNITS);
    }
}

static void rows_without_weights_are_zeros(void **state)
{
    (void)state;
    const float weight[4] = {0, 1e-44f, -1e-44f, 3};
    struct packed packed;
    int8_t row[2];
    pack_matrix(weight, 1, 1, true, packed.weights, packed.scales, packed.sums);
    for (size_t gate = 0; gate < 3; gate++) {
        assert_int_equal(packed.weights[gate * KERNEL_UNITS * 4], 0);
        assert_true(packed.scales[gate * KERNEL_UNITS] == 0);
    }
    assert_int_equal(packed.weights[3 * KERNEL_UNITS * 4], KERNEL_SHARED_MAX - 2);
    assert_true(pack_row(weight, 2, row) == 0);
    assert_true(row[0] == 0 && row[1] == 0);
}

static void a_row_fills_int8(void **state)
{
    (void)state;
    const float x[3] = {-2, 1, 0.5f};
    int8_t row[3];
    assert_float_equal(pack_row(x, 3, row), 2.0f / 127, 1e-9f);
    assert_true(row[0] == -127 && row[1] == 64 && row[2] == 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_share_16_bits),
        cmocka_unit_test(rows_without_weights_are_zeros),
        cmocka_unit_test(a_row_fills_int8),
    };
    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
