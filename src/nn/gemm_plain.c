/* gemm_plain.c - the products as the definition says, for others to be tested against. */
// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "nn/gemm_way.h"

enum { GRAIN = 16 }; /* numbers of a cache line */

static enum error_code plain_open(void **out_own, unsigned threads, struct error *err)
{
    (void)threads, (void)err;
    *out_own = NULL;
    return ERR_NONE;
}

static void plain_close(void *own) { (void)own; }

static void plain_lay(void *own, unsigned threads, const struct gemm_room *room,
                      struct arena *arena)
{
    (void)own, (void)threads, (void)room, (void)arena;
}

static void plain_matrix_lay(void *own, struct gemm_matrix *matrix, struct arena *arena)
{
    (void)own, (void)matrix, (void)arena;
}

static void plain_renew(const struct gemm_seat *seat, struct gemm_matrix *matrix)
{
    (void)seat, (void)matrix;
}

/* y += a x */
static void axpy(size_t count, float a, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < count; i++) y[i] += a * x[i];
}

static float dot(size_t count, const float *restrict x, const float *restrict y)
{
    float sums[GRAIN] = {0};
    size_t i = 0;
    for (; i + GRAIN <= count; i += GRAIN)
        for (size_t lane = 0; lane < GRAIN; lane++) sums[lane] += x[i + lane] * y[i + lane];
    for (size_t lane = 0; i < count; i++, lane++) sums[lane] += x[i] * y[i];
    for (size_t half = GRAIN / 2; half > 0; half /= 2)
        for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
    return sums[0];
}

static void plain_forward(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                          const float *x, bool add, float *out)
{
    (void)seat;
    for (size_t o = 0; o < w->outs; o++)
        for (size_t r = 0; r < rows; r++) {
            float *to = &out[r * w->outs + o];
            *to = (add ? *to : 0) + dot(w->ins, x + r * w->ins, w->values + o * w->ins);
        }
}

static void plain_input(const struct gemm_seat *seat, const struct gemm_matrix *w, size_t rows,
                        const float *dout, bool add, float *dx)
{
    (void)seat;
    if (!add) memset(dx, 0, rows * w->ins * sizeof *dx);
    for (size_t o = 0; o < w->outs; o++)
        for (size_t r = 0; r < rows; r++)
            axpy(w->ins, dout[r * w->outs + o], w->values + o * w->ins, dx + r * w->ins);
}

static void plain_weight(const struct gemm_seat *seat, const struct gemm_weight_part *part)
{
    struct gemm_share share = gemm_way_share(seat, part->outs, GRAIN);
    for (size_t o = share.from; o < share.to; o++) {
        float *to = part->dw + o * part->ins;
        if (!part->add) memset(to, 0, part->ins * sizeof *to);
        for (size_t r = 0; r < part->rows; r++)
            axpy(part->ins, part->dout[r * part->outs + o], part->x + r * part->ins, to);
    }
}

const struct gemm_way gemm_plain = {
    .name = "plain",
    .open = plain_open,
    .close = plain_close,
    .lay = plain_lay,
    .matrix_lay = plain_matrix_lay,
    .renew = plain_renew,
    .forward = plain_forward,
    .input = plain_input,
    .weight = plain_weight,
};
