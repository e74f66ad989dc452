/* gemm_tiled.c - products in blocks that fit the caches, of the tiles in tile.h.
 *
 * A panel is so many columns of the right operand as a tile has, of all depth, one row
 * after the other: W^T and W are packed so once a step, since every row of a batch reads
 * them. DEPTH rows of a panel stay in the first cache while the rows of the left operand
 * pass by, ROWS of which stay in the second: a block of the left operand is copied together,
 * or made pairs, or for weight, where it is dout on its side, laid upright.
 *
 * The recurrence has few rows: what bounds it is reading W from the third cache. While a
 * panel's tiles work, the next panel is on its way, each tile calling for its part of it:
 * all of it called for by the first tile was as slow as a quarter less arithmetic.
 *
 * Neither blocks nor shares change the order of a sum: bits do not depend on threads. */
// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "nn/gemm_way.h"
#include "nn/tile.h"

enum {
    DEPTH = 384,         /* of a block: 24 KiB of a panel */
    STRETCH = 3 * DEPTH, /* of rows that are held together */
    ROWS = 96,           /* 432 KiB of them */
    COPIED = 64          /* so many rows are worth a copy that lies close together */
};

struct tiled {
    const struct tile *tile;
    float *panels; /* of x, for weight: all members' */
    size_t panels_size;
    float *packed[TEAM_THREADS_MAX];                  /* a member's block of the left operand */
    float (*edges)[TILE_ROWS_MAX * TILE_COLUMNS_MAX]; /* of a member: a tile beyond the result's */
};

static size_t round_up(size_t count, size_t grain) { return (count + grain - 1) / grain * grain; }

static enum error_code tiled_open(enum panel_cells cells, void **out_own, struct error *err)
{
    struct tiled *own = NULL;
    TRY(mem_take(&own, 1, sizeof *own, err));
    own->tile = tile_best(cells);
    *out_own = own;
    return ERR_NONE;
}

static enum error_code numbers_open(void **out_own, unsigned threads, struct error *err)
{
    (void)threads;
    return tiled_open(PANEL_F32, out_own, err);
}

static enum error_code pairs_open(void **out_own, unsigned threads, struct error *err)
{
    (void)threads;
    return tiled_open(PANEL_BF16, out_own, err);
}

static void tiled_close(void *own) { mem_free(own); }

static void tiled_lay(void *own, unsigned threads, const struct gemm_room *room,
                      struct arena *arena)
{
    struct tiled *tiled = own;
    size_t columns = tiled->tile->columns;
    tiled->panels_size = panel_depth(tiled->tile->cells, room->rows) * round_up(room->ins, columns);
    tiled->panels = arena_take(arena, tiled->panels_size, sizeof(float));
    tiled->edges = arena_take(arena, threads, sizeof *tiled->edges);
    for (unsigned t = 0; t < threads; t++)
        tiled->packed[t] =
            arena_take(arena, STRETCH * round_up(ROWS, tiled->tile->rows), sizeof(float));
}

static void tiled_matrix_lay(void *own, struct gemm_matrix *matrix, struct arena *arena)
{
    const struct tile *tile = ((const struct tiled *)own)->tile;
    size_t outs = round_up(matrix->outs, tile->columns), ins = round_up(matrix->ins, tile->columns);
    matrix->forward =
        arena_take(arena, outs * panel_depth(tile->cells, matrix->ins), sizeof(float));
    matrix->input = arena_take(arena, ins * panel_depth(tile->cells, matrix->outs), sizeof(float));
}

static struct panel_span span_of(struct gemm_share share)
{
    return (struct panel_span){share.from, share.to};
}

static void tiled_renew(const struct gemm_seat *seat, struct gemm_matrix *matrix)
{
    const struct tiled *tiled = seat->own;
    size_t columns = tiled->tile->columns, outs = matrix->outs, ins = matrix->ins;
    const struct panel_matrix rows = {tiled->tile->cells, matrix->values, ins, ins};
    const struct panel_matrix depth = {tiled->tile->cells, matrix->values, outs, ins};
    panel_sideways(&rows, span_of(gemm_way_share(seat, outs, columns)), columns, matrix->forward);
    panel_columns(&depth, span_of(gemm_way_share(seat, ins, columns)), columns, matrix->input);
}

/* A product's right operand and result. */
struct target {
    const float *panels; /* [columns / tile's][depth][tile's columns] */
    size_t columns, depth;
    float *result; /* [rows, columns] */
    bool add;
};

/* A tile whose last columns lie beyond the result. */
static void multiply_edge(const struct tile *tile, const struct tile_work *work, size_t columns,
                          float *edge)
{
    struct tile_work aside = *work;
    aside.c = edge;
    aside.stride = tile->columns;
    aside.add = false;
    tile->multiply(&aside);
    for (size_t r = 0; r < work->rows; r++)
        for (size_t j = 0; j < columns; j++) {
            float *c = work->c + r * work->stride + j;
            *c = (work->add ? *c : 0) + edge[r * tile->columns + j];
        }
}

/* The b-th of the even blocks of a depth, and the b-th stretch of these. */
static size_t blocks_of(size_t depth) { return (depth + DEPTH - 1) / DEPTH; }

static struct panel_span block_at(size_t depth, size_t b)
{
    size_t blocks = blocks_of(depth);
    return (struct panel_span){depth * b / blocks, depth * (b + 1) / blocks};
}

static struct panel_span stretch_at(size_t depth, size_t b)
{
    enum { BLOCKS = STRETCH / DEPTH };
    size_t from = b * BLOCKS, to = from + BLOCKS, blocks = blocks_of(depth);
    return (struct panel_span){block_at(depth, from).from,
                               to < blocks ? block_at(depth, to).from : depth};
}

/* Rows of the left operand, up to ROWS, over a stretch of the depth. */
struct rows {
    size_t first, count;
    struct panel_span depth;
    const float *a; /* at the first row and the stretch's begin */
    size_t stride;  /* from row to row; packed: from tile to tile */
    bool packed;
};

/* One block of one panel with all rows. */
static void multiply_block(const struct gemm_seat *seat, const struct target *target,
                           const struct rows *rows, size_t column, struct panel_span block)
{
    struct tiled *tiled = seat->own;
    const struct tile *tile = tiled->tile;
    size_t tiles = (rows->count + tile->rows - 1) / tile->rows;
    size_t left = target->columns - column, before = block.from - rows->depth.from;
    const float *panel = target->panels + column * target->depth;
    struct tile_work work = {.depth = block.to - block.from,
                             .panel = panel + block.from * tile->columns,
                             .next = panel + block.to * tile->columns,
                             .next_step = (tile->columns + tiles - 1) / tiles,
                             .packed = rows->packed,
                             .row = rows->packed ? 1 : rows->stride,
                             .stride = target->columns,
                             .add = target->add || block.from > 0};
    if (block.to == rows->depth.to) /* the next panel's, where there is one */
        work.next = left > tile->columns
                        ? panel + tile->columns * (target->depth + rows->depth.from)
                        : work.panel;
    for (size_t t = 0; t < tiles; t++) {
        /* As even as they go, for a tile of few rows is slow; packed ones are full. */
        size_t from = rows->packed ? t * tile->rows : rows->count * t / tiles;
        size_t to = rows->packed ? from + tile->rows : rows->count * (t + 1) / tiles;
        work.rows = (to < rows->count ? to : rows->count) - from;
        work.a = rows->a + (rows->packed ? t * rows->stride + before * tile->rows
                                         : from * rows->stride + before);
        work.c = target->result + (rows->first + from) * target->columns + column;
        if (left >= tile->columns)
            tile->multiply(&work);
        else
            multiply_edge(tile, &work, left, tiled->edges[seat->worker]);
        work.next += work.depth * work.next_step;
    }
}

/* Rows times all panels: what a panel's columns become stays in the first cache from block
 * to block. */
static void multiply_rows(const struct gemm_seat *seat, const struct target *target,
                          const struct rows *rows)
{
    const struct tiled *tiled = seat->own;
    for (size_t column = 0; column < target->columns; column += tiled->tile->columns)
        for (size_t b = 0; b < blocks_of(target->depth); b++) {
            struct panel_span block = block_at(target->depth, b);
            if (block.from >= rows->depth.from && block.to <= rows->depth.to)
                multiply_block(seat, target, rows, column, block);
        }
}

/* a [rows, depth] times the panels. Numbers of few rows are read where they lie. */
static void multiply(const struct gemm_seat *seat, size_t rows, const float *a, size_t depth,
                     const struct target *target)
{
    struct tiled *tiled = seat->own;
    float *copy = tiled->packed[seat->worker];
    const struct panel_matrix left = {tiled->tile->cells, a, depth, depth};
    bool copied = tiled->tile->cells != PANEL_F32 || rows >= COPIED;
    for (size_t b = 0; b * STRETCH < target->depth; b++)
        for (size_t first = 0; first < rows; first += ROWS) {
            struct rows some = {.first = first,
                                .count = rows - first < ROWS ? rows - first : ROWS,
                                .depth = stretch_at(target->depth, b)};
            some.a = copied ? copy : a + first * depth + some.depth.from;
            some.stride = copied ? some.depth.to - some.depth.from : depth;
            if (copied) panel_rows(&left, first, some.count, some.depth, copy);
            multiply_rows(seat, target, &some);
        }
}

static void tiled_forward(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                          const float *x, bool add, float *out)
{
    const struct tiled *tiled = seat->own;
    size_t depth = panel_depth(tiled->tile->cells, w->ins);
    multiply(seat, rows, x, w->ins, &(struct target){w->forward, w->outs, depth, out, add});
}

static void tiled_input(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                        const float *dout, bool add, float *dx)
{
    const struct tiled *tiled = seat->own;
    size_t depth = panel_depth(tiled->tile->cells, w->outs);
    multiply(seat, rows, dout, w->outs, &(struct target){w->input, w->ins, depth, dx, add});
}

static void tiled_weight(const struct gemm_seat *seat, const struct gemm_weight_part *part)
{
    struct tiled *tiled = seat->own;
    const struct tile *tile = tiled->tile;
    size_t depth = panel_depth(tile->cells, part->rows), together = tile->packs ? tile->rows : 1;
    const struct panel_matrix left = {tile->cells, part->dout, part->rows, part->outs};
    const struct panel_matrix right = {tile->cells, part->x, part->rows, part->ins};
    const struct target target = {tiled->panels, part->ins, depth, part->dw, part->add};
    check(depth * round_up(part->ins, tile->columns) <= tiled->panels_size);
    team_wait(seat->team); /* who still reads the panels of the last product */
    panel_columns(&right, span_of(gemm_way_share(seat, part->ins, tile->columns)), tile->columns,
                  tiled->panels);
    team_wait(seat->team);
    struct gemm_share own = gemm_way_share(seat, part->outs, tile->rows);
    for (size_t b = 0; b * STRETCH < depth; b++)
        for (size_t first = own.from; first < own.to; first += ROWS) {
            struct rows some = {.first = first,
                                .count = own.to - first < ROWS ? own.to - first : ROWS,
                                .depth = stretch_at(depth, b),
                                .a = tiled->packed[seat->worker],
                                .packed = tile->packs};
            some.stride = together * (some.depth.to - some.depth.from);
            panel_tiles(&left, first, some.count, some.depth, together,
                        tiled->packed[seat->worker]);
            multiply_rows(seat, &target, &some);
        }
}

const struct gemm_way gemm_tiled = {
    .name = "f32",
    .open = numbers_open,
    .close = tiled_close,
    .lay = tiled_lay,
    .matrix_lay = tiled_matrix_lay,
    .renew = tiled_renew,
    .forward = tiled_forward,
    .input = tiled_input,
    .weight = tiled_weight,
};

const struct gemm_way gemm_tiled_pairs = {
    .name = "bf16",
    .open = pairs_open,
    .close = tiled_close,
    .lay = tiled_lay,
    .matrix_lay = tiled_matrix_lay,
    .renew = tiled_renew,
    .forward = tiled_forward,
    .input = tiled_input,
    .weight = tiled_weight,
};
