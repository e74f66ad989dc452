/* tile_test.c - every kernel this processor can run against sums in double, and against each other.
 */
// SPDX-License-Identifier: Apache-2.0
#include "nn/tile.h"

#include <math.h>

#include "base/rng.h"
#include "help.h"
#include "nn/tile_amx.h"

enum { DEPTH = 37, DEPTH_MAX = 50, PADDING = 3 };

struct operands {
    float a[TILE_ROWS_MAX * DEPTH_MAX], panel[DEPTH_MAX * TILE_COLUMNS_MAX];
    float c[TILE_ROWS_MAX * (TILE_COLUMNS_MAX + PADDING)];
};

/* What a kernel is asked for. Sums of whole numbers are exact, in halves as well. */
struct form {
    size_t rows, depth;
    bool packed, add, whole;
};

static void fill(struct rng *rng, bool whole, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] =
            whole ? (float)rng_below(rng, 9) - 4 : (float)(rng_next(rng) >> 40) * 0x1p-23f - 1;
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
static void make_pairs(struct rng *rng, bool whole, float *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t high, low;
        float other;
        fill(rng, whole, &other, 1);
        memcpy(&high, &cells[i], sizeof high);
        memcpy(&low, &other, sizeof low);
        high = (high & 0xffff0000) | low >> 16;
        memcpy(&cells[i], &high, sizeof high);
    }
}

/* One call; what lies beside the tile must stay. */
static void check_tile(const struct tile *tile, struct rng *rng, const struct form *form)
{
    static struct operands o, old;
    size_t row = form->packed ? 1 : form->depth, step = form->packed ? tile->rows : 1;
    size_t stride = tile->columns + PADDING;
    fill(rng, form->whole, o.a, sizeof o.a / sizeof *o.a);
    fill(rng, form->whole, o.panel, sizeof o.panel / sizeof *o.panel);
    fill(rng, form->whole, o.c, sizeof o.c / sizeof *o.c);
    if (tile->cells == PANEL_BF16) {
        make_pairs(rng, form->whole, o.a, sizeof o.a / sizeof *o.a);
        make_pairs(rng, form->whole, o.panel, sizeof o.panel / sizeof *o.panel);
    }
    old = o;
    tile->multiply(&(struct tile_work){.rows = form->rows,
                                       .depth = form->depth,
                                       .a = o.a,
                                       .row = row,
                                       .packed = form->packed,
                                       .panel = o.panel,
                                       .next = o.panel,
                                       .c = o.c,
                                       .stride = stride,
                                       .add = form->add});
    for (size_t i = 0; i < sizeof o.c / sizeof *o.c; i++) {
        size_t r = i / stride, column = i % stride;
        if (r >= form->rows || column >= tile->columns) {
            assert_float_equal(o.c[i], old.c[i], 0);
            continue;
        }
        double sum = form->add ? old.c[i] : 0;
        for (size_t k = 0; k < form->depth; k++)
            sum += product(tile->cells, &o.a[r * row + k * step],
                           &o.panel[k * tile->columns + column]);
        assert_float_equal(o.c[i], (float)sum, form->whole ? 0 : 1e-5f);
    }
}

/* All numbers of rows at one depth, then all depths, that sixteen divides and others. */
static void check_kernel(const struct tile *tile, struct rng *rng)
{
    static const size_t rows[] = {1, 15, 16, 17, TILE_ROWS_MAX};
    for (int way = 0; way < 4; way++) {
        struct form form = {.depth = DEPTH, .packed = way % 2 == 1, .add = way / 2 == 1};
        if (form.packed && !tile->packs) continue;
        for (form.rows = 1; form.rows <= tile->rows; form.rows++) check_tile(tile, rng, &form);
        form.whole = true;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            form.rows = rows[i];
            for (form.depth = 1; form.depth <= DEPTH_MAX && form.rows <= tile->rows; form.depth++)
                check_tile(tile, rng, &form);
        }
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
        check_kernel(tile, &rng);
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
#if defined __x86_64__
    if (tile_amx_here()) assert_true(tile_best(PANEL_BF16)->multiply == tile_amx);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_right),
        cmocka_unit_test(the_best_is_the_first_here),
    };
    return cmocka_run_group_tests_name("tile", tests, NULL, NULL);
}
