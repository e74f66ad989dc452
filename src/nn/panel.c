/* panel.c - pairs are made where numbers are moved anyway.
 *
 * Two ways lead to a pair: of two rows, number by number, where rows are the depth
 * (across); and of neighbours in a row, where columns are (along). Each operand of a
 * product is laid once and read many times. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/panel.h"

#include <stdint.h>
#include <string.h>

#include "nn/wide.h"

typedef uint32_t wide_bits __attribute__((vector_size(sizeof(wide))));
typedef uint64_t wide_twins __attribute__((vector_size(sizeof(wide))));

/* The upper halves are bf16 then. A number too large becomes infinite; what is no number
 * stays so, but for patterns that no processor makes. */
WIDE_INLINE void round_halves(wide_bits *x) { *x += 0x7fff + (*x >> 16 & 1); }

/* count cells: numbers of one row in the low halves, of the next in the high ones; next may
 * be NULL, beyond the depth. */
WIDE_INLINE void across(size_t count, const float *row, const float *next, float *out)
{
    for (size_t i = 0; i < count; i += WIDE) {
        size_t some = count - i < WIDE ? count - i : WIDE;
        wide low, high = {0};
        if (some == WIDE) {
            wide_load(&low, row + i);
            if (next != NULL) wide_load(&high, next + i);
        } else {
            wide_load_some(&low, row + i, some, 0);
            if (next != NULL) wide_load_some(&high, next + i, some, 0);
        }
        wide_bits a = (wide_bits)low, b = (wide_bits)high;
        round_halves(&a);
        round_halves(&b);
        wide cells = (wide)(a >> 16 | (b & 0xffff0000));
        wide_store_some(out + i, &cells, some);
    }
}

/* Pairs of neighbours: twins of 64 bits, of which half is left. */
WIDE_INLINE void along_wide(const wide *numbers, float *out)
{
    typedef uint32_t halves __attribute__((vector_size(sizeof(wide) / 2)));
    wide_bits bits = (wide_bits)*numbers;
    round_halves(&bits);
    wide_twins twins = (wide_twins)bits;
    twins = (twins >> 16 & 0xffff) | (twins >> 32 & 0xffff0000);
    halves cells = __builtin_convertvector(twins, halves);
    memcpy(out, &cells, sizeof cells);
}

/* count numbers of a row become (count + 1) / 2 cells. */
WIDE_INLINE void along(size_t count, const float *row, float *out)
{
    wide numbers;
    size_t i = 0;
    for (; i + WIDE <= count; i += WIDE) {
        wide_load(&numbers, row + i);
        along_wide(&numbers, out + i / 2);
    }
    if (i == count) return;
    float cells[WIDE / 2];
    wide_load_some(&numbers, row + i, count - i, 0);
    along_wide(&numbers, cells);
    memcpy(out + i / 2, cells, (count - i + 1) / 2 * sizeof *out);
}

/* Cells `at` to `at` + count of the rows' depth, as of a row of a matrix [.., depth]. */
WIDE_INLINE void cells_along(const struct panel_matrix *m, size_t row, size_t at, size_t count,
                             float *out)
{
    const float *from = m->values + row * m->stride;
    if (m->cells == PANEL_F32)
        memcpy(out, from + at, count * sizeof *out);
    else
        along(2 * (at + count) > m->depth ? m->depth - 2 * at : 2 * count, from + 2 * at, out);
}

/* The cell `at` of the depth of `count` columns, of a matrix [depth, ..]. */
WIDE_INLINE void cells_across(const struct panel_matrix *m, size_t at, size_t column, size_t count,
                              float *out)
{
    if (m->cells == PANEL_F32) {
        memcpy(out, m->values + at * m->stride + column, count * sizeof *out);
        return;
    }
    const float *row = m->values + 2 * at * m->stride + column;
    across(count, row, 2 * at + 1 < m->depth ? row + m->stride : NULL, out);
}

WIDE_INLINE void rows_body(const struct panel_matrix *m, size_t first, size_t count,
                           const struct panel_span *depth, float *out)
{
    size_t span = depth->to - depth->from;
    for (size_t r = 0; r < count; r++) cells_along(m, first + r, depth->from, span, out + r * span);
}
WIDE_VERSIONS(rows_body,
              (const struct panel_matrix *m, size_t first, size_t count,
               const struct panel_span *depth, float *out),
              (m, first, count, depth, out))

void panel_rows(const struct panel_matrix *m, size_t first, size_t count, struct panel_span depth,
                float *out)
{
    rows_body_wide(m, first, count, &depth, out);
}

/* Eight rows at a time, so that what a tile gets of them fills its cache lines at once; and by
 * sizes the compiler knows, for a call that copies 24 bytes costs more than they do. */
enum { STRIPS = 8, STRIP = 192 }; /* rows; columns, which every tile's rows divide */

struct strips {
    const float *rows[STRIPS];
    size_t count;
};

#define CUT(size)                                                                                  \
    case size:                                                                                     \
        for (size_t k = 0; k < strips->count; k++)                                                 \
            memcpy(to + k * size, strips->rows[k] + at, size * sizeof *to);                        \
        break;

/* Columns [at, at + some) of the strips, of a tile with so many rows. */
WIDE_INLINE void cut(const struct strips *strips, size_t at, size_t some, size_t rows, float *to)
{
    switch (some == rows ? rows : 0) {
        CUT(1)
        CUT(4)
        CUT(6)
        CUT(12)
    default:
        for (size_t k = 0; k < strips->count; k++)
            memcpy(to + k * rows, strips->rows[k] + at, some * sizeof *to);
    }
}

WIDE_INLINE void tiles_body(const struct panel_matrix *m, size_t first, size_t count,
                            const struct panel_span *depth, size_t rows, float *out)
{
    float pairs[STRIPS][STRIP];
    size_t span = depth->to - depth->from;
    for (size_t at = 0; at < count; at += STRIP)
        for (size_t k = 0; k < span; k += STRIPS) {
            size_t some = count - at < STRIP ? count - at : STRIP;
            struct strips strips = {.count = span - k < STRIPS ? span - k : STRIPS};
            for (size_t s = 0; s < strips.count; s++) {
                size_t row = depth->from + k + s;
                strips.rows[s] = m->values + row * m->stride + first + at;
                if (m->cells == PANEL_F32) continue;
                cells_across(m, row, first + at, some, pairs[s]);
                strips.rows[s] = pairs[s];
            }
            for (size_t r = 0; r < some; r += rows)
                cut(&strips, r, some - r < rows ? some - r : rows, rows,
                    out + (at + r) * span + k * rows);
        }
}
WIDE_VERSIONS(tiles_body,
              (const struct panel_matrix *m, size_t first, size_t count,
               const struct panel_span *depth, size_t rows, float *out),
              (m, first, count, depth, rows, out))

void panel_tiles(const struct panel_matrix *m, size_t first, size_t count, struct panel_span depth,
                 size_t rows, float *out)
{
    tiles_body_wide(m, first, count, &depth, rows, out);
}

WIDE_INLINE void columns_body(const struct panel_matrix *m, const struct panel_span *columns,
                              size_t width, float *out)
{
    size_t span = panel_depth(m->cells, m->depth);
    for (size_t c = columns->from; c < columns->to; c += width) {
        float *panel = out + c * span;
        size_t there = columns->to - c < width ? columns->to - c : width;
        for (size_t k = 0; k < span; k++, panel += width) {
            cells_across(m, k, c, there, panel);
            memset(panel + there, 0, (width - there) * sizeof *panel);
        }
    }
}
WIDE_VERSIONS(columns_body,
              (const struct panel_matrix *m, const struct panel_span *columns, size_t width,
               float *out),
              (m, columns, width, out))

void panel_columns(const struct panel_matrix *m, struct panel_span columns, size_t width,
                   float *out)
{
    columns_body_wide(m, &columns, width, out);
}

WIDE_INLINE void sideways_body(const struct panel_matrix *m, const struct panel_span *columns,
                               size_t width, float *out)
{
    size_t span = panel_depth(m->cells, m->depth);
    float strip[WIDE] = {0};
    for (size_t c = columns->from; c < columns->to; c += width)
        for (size_t k = 0; k < span; k += WIDE) {
            size_t some = span - k < WIDE ? span - k : WIDE;
            for (size_t j = 0; j < width; j++) {
                float *panel = out + c * span + k * width + j;
                if (c + j < columns->to)
                    cells_along(m, c + j, k, some, strip);
                else
                    memset(strip, 0, sizeof strip);
                for (size_t i = 0; i < some; i++) panel[i * width] = strip[i];
            }
        }
}
WIDE_VERSIONS(sideways_body,
              (const struct panel_matrix *m, const struct panel_span *columns, size_t width,
               float *out),
              (m, columns, width, out))

void panel_sideways(const struct panel_matrix *m, struct panel_span columns, size_t width,
                    float *out)
{
    sideways_body_wide(m, &columns, width, out);
}
