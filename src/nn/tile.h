/* tile.h - the piece that a product of matrices is made of, once for each instruction set.
 *
 *   c [rows, columns] (+)= a [rows, depth] panel [depth, columns]
 *
 * a and panel hold cells (panel.h), numbers or pairs of bf16; c holds floats. A kernel takes
 * one to `rows` rows at once and always all its `columns`. Sums run over depth in order,
 * each lane for itself, so a number does not depend on the rows and columns that are made
 * beside it; and all kernels for numbers with fused multiplication and addition (AVX2,
 * AVX-512, NEON) give the same bits.
 *
 * Memory  the caller's
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_TILE_H
#define NN_TILE_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/panel.h"

enum { TILE_ROWS_MAX = 32, TILE_COLUMNS_MAX = 32 };

/* What is multiplied: a[r * row + k * step], panel[k * columns + j]. */
struct tile_work {
    size_t rows, depth;
    const float *a;
    size_t row;  /* numbers from a row to the next */
    bool packed; /* step is the kernel's rows; else 1 */
    const float *panel;
    const float *next; /* what will be wanted soon, brought nearer as the depth goes by */
    size_t next_step;
    float *c;
    size_t stride; /* numbers from a row of c to the next */
    bool add;      /* to what c holds */
};

struct tile {
    const char *name;
    enum panel_cells cells;
    size_t rows, columns;
    bool packs;         /* takes a packed left operand; else plain rows alone */
    bool (*fast)(void); /* no slower here than a kernel of numbers */
    bool (*here)(void); /* whether this processor can run it */
    void (*multiply)(const struct tile_work *work);
};

/* All kernels built for this kind of processor, those of a kind of cells best first; NULL
 * beyond the last. Each kind has one that runs everywhere. */
const struct tile *tile_at(size_t index);

/* The best one here. */
const struct tile *tile_best(enum panel_cells cells);

#endif
