/* panel_test.c - panel.c number by number: each layout against its definition, and how bf16 is
 * rounded. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/panel.h"

#include <math.h>
#include <stdbool.h>

#include "base/rng.h"
#include "help.h"

enum { SIDE = 61, ROOM = 4 * SIDE * SIDE };

static float values[SIDE * SIDE], out[ROOM];

/* To nearest, ties to even, by what lies beside: slower than panel.c, and another way. */
static uint32_t half_of(float number)
{
    uint32_t bits, below, above;
    float low, high;
    memcpy(&bits, &number, sizeof bits);
    below = bits & 0xffff0000;
    above = below + 0x10000; /* away from zero */
    memcpy(&low, &below, sizeof low);
    memcpy(&high, &above, sizeof high);
    double down = fabs((double)number - low), up = fabs((double)high - number);
    bool even = (below >> 16) % 2 == 0;
    return (down < up || (down == up && even) ? below : above) >> 16;
}

static void fill(struct rng *rng)
{
    for (size_t i = 0; i < SIDE * SIDE; i++)
        values[i] = (float)(rng_next(rng) >> 40) * 0x1p-23f - 1;
    for (size_t i = 0; i < ROOM; i++) out[i] = NAN;
}

/* The number at this depth of a row or column; zero beyond both. */
struct place {
    size_t line, lines, depth, depths;
    bool sideways; /* values [line, depth]; else [depth, line] */
};

static float number_at(const struct place *p, size_t depth)
{
    if (p->line >= p->lines || depth >= p->depths) return 0;
    return p->sideways ? values[p->line * p->depths + depth] : values[depth * p->lines + p->line];
}

static void assert_cell(const float *cell, enum panel_cells cells, const struct place *p)
{
    uint32_t bits, wanted;
    memcpy(&bits, cell, sizeof bits);
    float number = number_at(p, p->depth);
    memcpy(&wanted, &number, sizeof wanted);
    if (cells == PANEL_BF16)
        wanted = half_of(number_at(p, 2 * p->depth)) | half_of(number_at(p, 2 * p->depth + 1))
                                                           << 16;
    assert_int_equal(bits, wanted);
}

/* A left operand: some rows, over some of the depth, as rows and as tiles. */
static void check_left(struct rng *rng, enum panel_cells cells)
{
    size_t lines = 1 + rng_below(rng, SIDE - 1), depths = 1 + rng_below(rng, SIDE - 1);
    size_t first = rng_below(rng, lines), count = lines - first, tile = 1 + rng_below(rng, 13);
    size_t all = panel_depth(cells, depths);
    struct panel_span depth = {.from = rng_below(rng, all)};
    depth.to = depth.from + 1 + rng_below(rng, all - depth.from);
    size_t span = depth.to - depth.from;
    struct panel_matrix upright = {cells, values, depths, depths};
    fill(rng);
    panel_rows(&upright, first, count, depth, out);
    for (size_t r = 0; r < count; r++)
        for (size_t k = 0; k < span; k++)
            assert_cell(&out[r * span + k], cells,
                        &(struct place){first + r, lines, depth.from + k, depths, true});
    struct panel_matrix sideways = {cells, values, depths, lines};
    fill(rng);
    panel_tiles(&sideways, first, count, depth, tile, out);
    for (size_t r = 0; r < count; r++)
        for (size_t k = 0; k < span; k++)
            assert_cell(&out[r / tile * tile * span + k * tile + r % tile], cells,
                        &(struct place){first + r, lines, depth.from + k, depths, false});
}

/* A right operand: a member's columns as panels, both ways. */
static void check_right(struct rng *rng, enum panel_cells cells)
{
    size_t lines = 1 + rng_below(rng, SIDE - 1), depths = 1 + rng_below(rng, SIDE - 1);
    size_t width = (size_t)8 << rng_below(rng, 3), span = panel_depth(cells, depths);
    struct panel_span columns = {rng_below(rng, lines) / width * width, lines};
    for (int sideways = 0; sideways < 2; sideways++) {
        struct panel_matrix m = {cells, values, depths, sideways ? depths : lines};
        fill(rng);
        if (sideways)
            panel_sideways(&m, columns, width, out);
        else
            panel_columns(&m, columns, width, out);
        for (size_t c = columns.from; c < (lines + width - 1) / width * width; c++)
            for (size_t k = 0; k < span; k++)
                assert_cell(&out[c / width * width * span + k * width + c % width], cells,
                            &(struct place){c, lines, k, depths, sideways == 1});
    }
}

static void layouts_are_as_defined(void **state)
{
    (void)state;
    struct rng rng = rng_seed(9);
    for (int round = 0; round < 100; round++)
        for (int cells = PANEL_F32; cells <= PANEL_BF16; cells++) {
            check_left(&rng, (enum panel_cells)cells);
            check_right(&rng, (enum panel_cells)cells);
        }
}

static void halves_are_rounded(void **state)
{
    (void)state;
    static const struct {
        float number;
        uint32_t half;
    } rows[] = {
        {0, 0},
        {-0.0f, 0x8000},
        {1, 0x3f80},
        {0x1.01p0f, 0x3f80},     /* a tie, the lower is even */
        {0x1.03p0f, 0x3f82},     /* a tie, the upper is even */
        {0x1.010002p0f, 0x3f81}, /* just above a tie */
        {0x1.fffffep0f, 0x4000}, /* up to the next power of two */
        {-0x1.fffffep0f, 0xc000},
        {0x1.fffffep127f, 0x7f80}, /* the largest float: infinite */
        {INFINITY, 0x7f80},
        {-INFINITY, 0xff80},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct panel_matrix m = {PANEL_BF16, &rows[i].number, 1, 1};
        uint32_t bits;
        panel_rows(&m, 0, 1, (struct panel_span){0, 1}, out);
        memcpy(&bits, out, sizeof bits);
        assert_int_equal(bits, rows[i].half);
    }
    float none = NAN;
    uint32_t bits;
    panel_rows(&(struct panel_matrix){PANEL_BF16, &none, 1, 1}, 0, 1, (struct panel_span){0, 1},
               out);
    memcpy(&bits, out, sizeof bits);
    assert_true((bits & 0x7f80) == 0x7f80 && (bits & 0x7f) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_as_defined),
        cmocka_unit_test(halves_are_rounded),
    };
    return cmocka_run_group_tests_name("panel", tests, NULL, NULL);
}
