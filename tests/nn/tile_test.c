/* tile_test.c - every kernel this processor can run against sums in double, and against each other.
 */
// SPDX-License-Identifier: Apache-2.0
#include "nn/tile.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"

enum { DEPTH = 37, PADDING = 3 };

struct operands {
    float a[TILE_ROWS_MAX * DEPTH], panel[DEPTH * TILE_COLUMNS_MAX];
    float c[TILE_ROWS_MAX * (TILE_COLUMNS_MAX + PADDING)];
};

static void fill(struct rng *rng, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) values[i] = (float)(rng_next(rng) >> 40) * 0x1p-23f - 1;
}

/* What a cell of each operand adds to a sum: one product, or two of a pair's halves. */
static double product(enum panel_cells cells, const float *a, const float *b)
{
    if (cells == PANEL_F32) return (double)*a * *b;
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    const uint32_t halves[] = {x << 16, y << 16, x & 0xffff0000, y & 0xffff0000};
    float numbers[4];
    memcpy(numbers, halves, sizeof numbers);
    return (double)numbers[0] * numbers[1] + (double)numbers[2] * numbers[3];
}

/* Pairs of the numbers there and others. */
static void make_pairs(struct rng *rng, float *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t high, low;
        float other;
        fill(rng, &other, 1);
        memcpy(&high, &cells[i], sizeof high);
        memcpy(&low, &other, sizeof low);
        high = (high & 0xffff0000) | low >> 16;
        memcpy(&cells[i], &high, sizeof high);
    }
}

/* One call; what lies beside the tile must stay. */
static void check_tile(const struct tile *tile, struct rng *rng, size_t rows, bool packed, bool add)
{
    static struct operands o, old;
    size_t row = packed ? 1 : DEPTH, step = packed ? tile->rows : 1;
    size_t stride = tile->columns + PADDING;
    fill(rng, o.a, sizeof o.a / sizeof *o.a);
    fill(rng, o.panel, sizeof o.panel / sizeof *o.panel);
    fill(rng, o.c, sizeof o.c / sizeof *o.c);
    if (tile->cells == PANEL_BF16) {
        make_pairs(rng, o.a, sizeof o.a / sizeof *o.a);
        make_pairs(rng, o.panel, sizeof o.panel / sizeof *o.panel);
    }
    old = o;
    tile->multiply(&(struct tile_work){.rows = rows,
                                       .depth = DEPTH,
                                       .a = o.a,
                                       .row = row,
                                       .packed = packed,
                                       .panel = o.panel,
                                       .next = o.panel,
                                       .c = o.c,
                                       .stride = stride,
                                       .add = add});
    for (size_t i = 0; i < sizeof o.c / sizeof *o.c; i++) {
        size_t r = i / stride, column = i % stride;
        if (r >= rows || column >= tile->columns) {
            assert_float_equal(o.c[i], old.c[i], 0);
            continue;
        }
        double sum = add ? old.c[i] : 0;
        for (size_t k = 0; k < DEPTH; k++)
            sum += product(tile->cells, &o.a[r * row + k * step],
                           &o.panel[k * tile->columns + column]);
        assert_float_equal(o.c[i], (float)sum, 1e-5f);
    }
}

static void kernels_are_right(void **state)
{
    (void)state;
    struct rng rng = rng_seed(3);
    for (size_t i = 0; tile_at(i) != NULL; i++) {
        const struct tile *tile = tile_at(i);
        assert_true(tile->rows <= TILE_ROWS_MAX && tile->columns <= TILE_COLUMNS_MAX);
        if (!tile->here()) {
            print_message("%s: skipped, not of this processor\n", tile->name);
            continue;
        }
        for (size_t rows = 1; rows <= tile->rows; rows++)
            for (int form = 0; form < 4; form++)
                if (tile->packs || form % 2 == 0)
                    check_tile(tile, &rng, rows, form % 2 == 1, form / 2 == 1);
    }
}

static void the_best_is_the_first_here(void **state)
{
    (void)state;
    for (int cells = PANEL_F32; cells <= PANEL_BF16; cells++) {
        const struct tile *best = tile_best((enum panel_cells)cells);
        assert_true(best->here() && (int)best->cells == cells);
        for (size_t i = 0; tile_at(i) != best; i++)
            assert_true((int)tile_at(i)->cells != cells || !tile_at(i)->here());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_right),
        cmocka_unit_test(the_best_is_the_first_here),
    };
    return cmocka_run_group_tests_name("tile", tests, NULL, NULL);
}
