/* tile_amx_test.c - depths that sixteen divides and those it does not, against sums in double.
 * Rows, forms and what lies beside are tile_test.c's. Skipped where there is no AMX. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/tile_amx.h"

#include "base/rng.h"
#include "help.h"

enum { DEPTH_MAX = 50, ROWS = TILE_ROWS_MAX, COLUMNS = TILE_COLUMNS_MAX };

static float a[ROWS * DEPTH_MAX], panel[DEPTH_MAX * COLUMNS], c[ROWS * COLUMNS],
    old[ROWS * COLUMNS];

/* A pair of small whole numbers, whose products' sums are exact. */
static float pair(struct rng *rng)
{
    uint32_t bits = 0;
    for (int half = 0; half < 2; half++) {
        float number = (float)rng_below(rng, 9) - 4;
        uint32_t upper;
        memcpy(&upper, &number, sizeof upper);
        bits = bits >> 16 | (upper & 0xffff0000);
    }
    float cell;
    memcpy(&cell, &bits, sizeof cell);
    return cell;
}

static float half(float cell, bool high)
{
    uint32_t bits;
    memcpy(&bits, &cell, sizeof bits);
    bits = high ? bits & 0xffff0000 : bits << 16;
    memcpy(&cell, &bits, sizeof cell);
    return cell;
}

static void check_depth(struct rng *rng, size_t rows, size_t depth, bool add)
{
    for (size_t i = 0; i < rows * depth; i++) a[i] = pair(rng);
    for (size_t i = 0; i < depth * COLUMNS; i++) panel[i] = pair(rng);
    for (size_t i = 0; i < rows * COLUMNS; i++) old[i] = c[i] = (float)rng_below(rng, 100);
    tile_amx(&(struct tile_work){.rows = rows,
                                 .depth = depth,
                                 .a = a,
                                 .row = depth,
                                 .panel = panel,
                                 .next = panel,
                                 .c = c,
                                 .stride = COLUMNS,
                                 .add = add});
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < COLUMNS; j++) {
            float sum = add ? old[r * COLUMNS + j] : 0;
            for (size_t k = 0; k < depth; k++)
                for (int high = 0; high < 2; high++)
                    sum += half(a[r * depth + k], high) * half(panel[k * COLUMNS + j], high);
            assert_float_equal(c[r * COLUMNS + j], sum, 0);
        }
}

static void all_depths_are_exact(void **state)
{
    (void)state;
    if (!tile_amx_here()) skip();
    struct rng rng = rng_seed(5);
    static const size_t rows[] = {1, 15, 16, 17, 32};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t depth = 1; depth <= DEPTH_MAX; depth++)
            for (int add = 0; add < 2; add++) check_depth(&rng, rows[i], depth, add == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_depths_are_exact),
    };
    return cmocka_run_group_tests_name("tile_amx", tests, NULL, NULL);
}
