/* panel.h - operands as the tiles of tile.h read them: in cells of 32 bits.
 *
 * A cell is a number, or a pair of numbers that follow one another along the depth of a
 * product, each rounded to bf16 (the upper half of a float, to nearest, ties to even), the
 * first in the low half. An odd depth ends with half a pair. Pointers to float stand for
 * either.
 *
 *   left operand    rows of cells, one after the other: panel_rows; or, from a matrix on
 *                   its side, a tile's rows of one depth together: panel_tiles
 *   right operand   panels: so many columns as a tile has, of all depth, one row after the
 *                   other, zeros beyond the last: panel_columns, panel_sideways
 *
 * Memory  the caller's
 * Threads any number
 * Source  bf16: Kalamkar et al. 2019
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_PANEL_H
#define NN_PANEL_H

#include <stddef.h>

enum panel_cells { PANEL_F32, PANEL_BF16 };

/* A product's depth in cells. */
static inline size_t panel_depth(enum panel_cells cells, size_t depth)
{
    return cells == PANEL_BF16 ? (depth + 1) / 2 : depth;
}

/* What is laid anew. Depths are counted in numbers in a matrix, in cells in a span. */
struct panel_matrix {
    enum panel_cells cells;
    const float *values;
    size_t depth, stride; /* stride: numbers from one row to the next */
};
struct panel_span {
    size_t from, to;
};

/* Rows [first, first + count) of a matrix [.., depth] over a span of cells: [count, span]. */
void panel_rows(const struct panel_matrix *m, size_t first, size_t count, struct panel_span depth,
                float *out);

/* The same from a matrix [depth, ..]: its columns [first, first + count) become rows, tiles
 * of `rows` of them: [count / rows][span][rows]. */
void panel_tiles(const struct panel_matrix *m, size_t first, size_t count, struct panel_span depth,
                 size_t rows, float *out);

/* A member's columns of a matrix [depth, ..], as panels of `width` columns; out is the first
 * of all panels. columns.from is a multiple of width. */
void panel_columns(const struct panel_matrix *m, struct panel_span columns, size_t width,
                   float *out);

/* The same from a matrix [.., depth], whose rows become columns. */
void panel_sideways(const struct panel_matrix *m, struct panel_span columns, size_t width,
                    float *out);

#endif
