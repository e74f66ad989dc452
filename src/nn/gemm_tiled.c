/* gemm_tiled.c - products in blocks that fit the caches, of the tiles in tile.h.
 *
 * A panel is so many columns of the right operand as a tile has, of all depth, one row
 * after the other: W^T and W are packed so once a step, since every row of a batch reads
 * them. DEPTH rows of a panel stay in the first cache while the rows of the left operand
 * pass by, ROWS of which stay in the second. The left operand is read where it lies; only
 * for weight, where it is dout on its side, a block of it is packed too.
 *
 * The recurrence has few rows: what bounds it is reading W from the third cache. While
 * the first tile of a panel works, the next panel is on its way.
 *
 * Neither blocks nor shares change the order of a sum: bits do not depend on threads. */
// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "nn/gemm_way.h"
#include "nn/tile.h"

enum { DEPTH = 384, ROWS = 192 }; /* 24 KiB of a panel, 288 KiB of rows */

struct tiled {
    const struct tile *tile;
    float *panels; /* of x, for weight: all members' */
    size_t panels_size;
    float *packed[TEAM_THREADS_MAX];                  /* a block of dout, for weight */
    float (*edges)[TILE_ROWS_MAX * TILE_COLUMNS_MAX]; /* of a member: a tile beyond the result's */
};

static size_t round_up(size_t count, size_t grain) { return (count + grain - 1) / grain * grain; }

static enum error_code tiled_open(void **out_own, unsigned threads, struct error *err)
{
    (void)threads;
    struct tiled *own = NULL;
    TRY(mem_take(&own, 1, sizeof *own, err));
    own->tile = tile_best();
    *out_own = own;
    return ERR_NONE;
}

static void tiled_close(void *own) { mem_free(own); }

static void tiled_lay(void *own, unsigned threads, const struct gemm_room *room,
                      struct arena *arena)
{
    struct tiled *tiled = own;
    size_t columns = tiled->tile->columns;
    tiled->panels_size = room->rows * round_up(room->ins, columns);
    tiled->panels = arena_take(arena, tiled->panels_size, sizeof(float));
    tiled->edges = arena_take(arena, threads, sizeof *tiled->edges);
    for (unsigned t = 0; t < threads; t++)
        tiled->packed[t] =
            arena_take(arena, DEPTH * round_up(ROWS, tiled->tile->rows), sizeof(float));
}

static void tiled_matrix_lay(void *own, struct gemm_matrix *matrix, struct arena *arena)
{
    const struct tiled *tiled = own;
    size_t columns = tiled->tile->columns;
    matrix->forward =
        arena_take(arena, round_up(matrix->outs, columns) * matrix->ins, sizeof(float));
    matrix->input = arena_take(arena, round_up(matrix->ins, columns) * matrix->outs, sizeof(float));
}

/* Columns [from, to) of a matrix [depth, stride], each as wide as a panel, zeros beyond. */
static void pack_panels(const float *from, size_t depth, size_t stride, struct gemm_share share,
                        size_t columns, float *to)
{
    for (size_t c = share.from; c < share.to; c += columns) {
        float *panel = to + c * depth;
        size_t there = share.to - c < columns ? share.to - c : columns;
        for (size_t k = 0; k < depth; k++, panel += columns) {
            memcpy(panel, from + k * stride + c, there * sizeof *panel);
            memset(panel + there, 0, (columns - there) * sizeof *panel);
        }
    }
}

/* The same of a matrix on its side: rows [from, to) of W [.., depth] become columns. */
static void pack_sideways(const float *from, size_t depth, struct gemm_share share, size_t columns,
                          float *to)
{
    enum { STRIP = 16 }; /* numbers of a row at a time: a cache line */
    for (size_t c = share.from; c < share.to; c += columns)
        for (size_t k = 0; k < depth; k += STRIP) {
            size_t ks = depth - k < STRIP ? depth - k : STRIP;
            for (size_t j = 0; j < columns; j++) {
                float *panel = to + c * depth + k * columns + j;
                const float *row = from + (c + j) * depth + k;
                for (size_t i = 0; i < ks; i++) panel[i * columns] = c + j < share.to ? row[i] : 0;
            }
        }
}

static void tiled_renew(const struct gemm_seat *seat, struct gemm_matrix *matrix)
{
    const struct tiled *tiled = seat->own;
    size_t columns = tiled->tile->columns;
    pack_sideways(matrix->values, matrix->ins, gemm_way_share(seat, matrix->outs, columns), columns,
                  matrix->forward);
    pack_panels(matrix->values, matrix->outs, matrix->ins,
                gemm_way_share(seat, matrix->ins, columns), columns, matrix->input);
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

/* Rows of the left operand, within ROWS, over the depth [from, to). */
struct rows {
    size_t count;
    const float *a; /* at the first row and `from` */
    size_t stride;  /* from row to row; packed: from tile to tile */
    bool packed;
};

static void multiply_block(const struct gemm_seat *seat, const struct target *target,
                           const struct rows *rows, size_t first, struct gemm_share depth)
{
    struct tiled *tiled = seat->own;
    const struct tile *tile = tiled->tile;
    size_t tiles = (rows->count + tile->rows - 1) / tile->rows;
    struct tile_work work = {.depth = depth.to - depth.from,
                             .packed = rows->packed,
                             .row = rows->packed ? 1 : rows->stride,
                             .stride = target->columns,
                             .add = target->add || depth.from > 0};
    for (size_t n = 0; n < target->columns; n += tile->columns) {
        size_t left = target->columns - n;
        work.panel = target->panels + n * target->depth + depth.from * tile->columns;
        work.ahead = left > tile->columns ? target->depth * tile->columns : 0;
        for (size_t t = 0; t < tiles; t++) {
            /* As even as they go, for a tile of few rows is slow; packed ones are full. */
            size_t from = rows->packed ? t * tile->rows : rows->count * t / tiles;
            size_t to = rows->packed ? from + tile->rows : rows->count * (t + 1) / tiles;
            work.rows = (to < rows->count ? to : rows->count) - from;
            work.a = rows->a + (rows->packed ? t : from) * rows->stride;
            work.c = target->result + (first + from) * target->columns + n;
            if (left >= tile->columns)
                tile->multiply(&work);
            else
                multiply_edge(tile, &work, left, tiled->edges[seat->worker]);
            work.ahead = 0;
        }
    }
}

/* The b-th of the even blocks of a depth. */
static struct gemm_share block_at(size_t depth, size_t b)
{
    size_t blocks = (depth + DEPTH - 1) / DEPTH;
    return (struct gemm_share){depth * b / blocks, depth * (b + 1) / blocks};
}

/* a [rows, depth] times the panels. */
static void multiply(const struct gemm_seat *seat, size_t rows, const float *a,
                     const struct target *target)
{
    for (size_t first = 0; first < rows; first += ROWS)
        for (size_t b = 0; b * DEPTH < target->depth; b++) {
            struct gemm_share depth = block_at(target->depth, b);
            const struct rows some = {.count = rows - first < ROWS ? rows - first : ROWS,
                                      .a = a + first * target->depth + depth.from,
                                      .stride = target->depth};
            multiply_block(seat, target, &some, first, depth);
        }
}

static void tiled_forward(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                          const float *x, bool add, float *out)
{
    multiply(seat, rows, x, &(struct target){w->forward, w->outs, w->ins, out, add});
}

static void tiled_input(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                        const float *dout, bool add, float *dx)
{
    multiply(seat, rows, dout, &(struct target){w->input, w->ins, w->outs, dx, add});
}

/* Columns [first, first + count) of dout [rows, outs] over the depth: a tile after the
 * other, each [depth, tile's rows]. */
static void pack_rows(const float *dout, size_t outs, size_t first, size_t count,
                      struct gemm_share depth, size_t tile_rows, float *to)
{
    size_t span = depth.to - depth.from;
    for (size_t k = 0; k < span; k++) {
        const float *row = dout + (depth.from + k) * outs + first;
        for (size_t r = 0; r < count; r += tile_rows)
            memcpy(to + r * span + k * tile_rows, row + r,
                   (count - r < tile_rows ? count - r : tile_rows) * sizeof *to);
    }
}

static void tiled_weight(const struct gemm_seat *seat, const struct gemm_weight_part *part)
{
    struct tiled *tiled = seat->own;
    const struct tile *tile = tiled->tile;
    float *packed = tiled->packed[seat->worker];
    const struct target target = {tiled->panels, part->ins, part->rows, part->dw, part->add};
    check(part->rows * round_up(part->ins, tile->columns) <= tiled->panels_size);
    team_wait(seat->team); /* who still reads the panels of the last product */
    pack_panels(part->x, part->rows, part->ins, gemm_way_share(seat, part->ins, tile->columns),
                tile->columns, tiled->panels);
    team_wait(seat->team);
    struct gemm_share own = gemm_way_share(seat, part->outs, tile->rows);
    for (size_t first = own.from; first < own.to; first += ROWS)
        for (size_t b = 0; b * DEPTH < part->rows; b++) {
            struct gemm_share depth = block_at(part->rows, b);
            struct rows some = {.count = own.to - first < ROWS ? own.to - first : ROWS,
                                .a = packed,
                                .stride = tile->rows * (depth.to - depth.from),
                                .packed = true};
            pack_rows(part->dout, part->outs, first, some.count, depth, tile->rows, packed);
            multiply_block(seat, &target, &some, first, depth);
        }
}

const struct gemm_way gemm_tiled = {
    .name = "tiled",
    .open = tiled_open,
    .close = tiled_close,
    .lay = tiled_lay,
    .matrix_lay = tiled_matrix_lay,
    .renew = tiled_renew,
    .forward = tiled_forward,
    .input = tiled_input,
    .weight = tiled_weight,
};
