/* gemm.c - who makes which share, and the products in plain C.
 *
 * Sums run in the order of rows and columns, whatever the number of threads: shares
 * are cut along results, at multiples of 16 numbers, a cache line. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/gemm.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { GRAIN = 16 };

struct gemm {
    struct team *team;
};

/* The items [from, to) of a member: whole grains, as even as they go. */
struct share {
    size_t from, to;
};

static struct share share_of(size_t items, unsigned worker, unsigned workers)
{
    size_t grains = (items + GRAIN - 1) / GRAIN;
    size_t from = grains * worker / workers * GRAIN, to = grains * (worker + 1) / workers * GRAIN;
    return (struct share){from < items ? from : items, to < items ? to : items};
}

enum error_code gemm_open(struct gemm **out_gemm, enum gemm_arithmetic arithmetic, unsigned threads,
                          struct error *err)
{
    check(arithmetic == GEMM_PLAIN);
    struct gemm *gemm = NULL;
    TRY(mem_take(&gemm, 1, sizeof *gemm, err));
    enum error_code code = team_open(&gemm->team, threads, err);
    if (code != ERR_NONE) {
        mem_free(gemm);
        return code;
    }
    *out_gemm = gemm;
    return ERR_NONE;
}

void gemm_close(struct gemm *gemm)
{
    if (gemm == NULL) return;
    team_close(gemm->team);
    mem_free(gemm);
}

struct team *gemm_team(struct gemm *gemm) { return gemm->team; }

void gemm_lay(struct gemm *gemm, size_t numbers_max, struct arena *arena)
{
    (void)gemm, (void)numbers_max, (void)arena;
}

void gemm_matrix_lay(struct gemm *gemm, struct gemm_matrix *matrix, const float *values,
                     size_t outs, size_t ins, struct arena *arena)
{
    (void)gemm, (void)arena;
    *matrix = (struct gemm_matrix){.outs = outs, .ins = ins, .values = values};
}

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* y += a x */
ALWAYS_INLINE void axpy(size_t count, float a, const float *restrict x, float *restrict y)
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

void gemm_renew_share(struct gemm *gemm, unsigned worker, struct gemm_matrix *matrix)
{
    (void)gemm, (void)worker;
    check(matrix->values != NULL);
}

void gemm_forward_share(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w,
                        size_t rows, const float *x, bool add, float *out)
{
    struct share share = share_of(w->outs, worker, team_size(gemm->team));
    for (size_t o = share.from; o < share.to; o++)
        for (size_t r = 0; r < rows; r++) {
            float *to = &out[r * w->outs + o];
            *to = (add ? *to : 0) + dot(w->ins, x + r * w->ins, w->values + o * w->ins);
        }
}

void gemm_input_share(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w, size_t rows,
                      const float *dout, bool add, float *dx)
{
    struct share share = share_of(w->ins, worker, team_size(gemm->team));
    size_t count = share.to - share.from;
    for (size_t r = 0; r < rows; r++) {
        float *to = dx + r * w->ins + share.from;
        if (!add) memset(to, 0, count * sizeof *to);
        for (size_t o = 0; o < w->outs; o++)
            axpy(count, dout[r * w->outs + o], w->values + o * w->ins + share.from, to);
    }
}

void gemm_weight_share(struct gemm *gemm, unsigned worker, size_t rows, const float *dout,
                       size_t outs, const float *x, size_t ins, bool add, float *dw)
{
    struct share share = share_of(outs, worker, team_size(gemm->team));
    for (size_t o = share.from; o < share.to; o++) {
        float *to = dw + o * ins;
        if (!add) memset(to, 0, ins * sizeof *to);
        for (size_t r = 0; r < rows; r++) axpy(ins, dout[r * outs + o], x + r * ins, to);
    }
}

/* What the team's caller asks for: the arguments of one product. */
struct product {
    struct gemm *gemm;
    const struct gemm_matrix *w;
    size_t rows, outs, ins;
    const float *a, *b;
    bool add;
    float *result;
};

static void forward_job(void *context, unsigned worker)
{
    const struct product *p = context;
    gemm_forward_share(p->gemm, worker, p->w, p->rows, p->a, p->add, p->result);
}

static void input_job(void *context, unsigned worker)
{
    const struct product *p = context;
    gemm_input_share(p->gemm, worker, p->w, p->rows, p->a, p->add, p->result);
}

static void weight_job(void *context, unsigned worker)
{
    const struct product *p = context;
    gemm_weight_share(p->gemm, worker, p->rows, p->a, p->outs, p->b, p->ins, p->add, p->result);
}

struct renewal {
    struct gemm *gemm;
    struct gemm_matrix *matrix;
};

static void renew_job(void *context, unsigned worker)
{
    const struct renewal *r = context;
    gemm_renew_share(r->gemm, worker, r->matrix);
}

void gemm_renew(struct gemm *gemm, struct gemm_matrix *matrix)
{
    team_run(gemm->team, renew_job, &(struct renewal){gemm, matrix});
}

void gemm_forward(struct gemm *gemm, const struct gemm_matrix *w, size_t rows, const float *x,
                  bool add, float *out)
{
    struct product p = {.gemm = gemm, .w = w, .rows = rows, .a = x, .add = add, .result = out};
    team_run(gemm->team, forward_job, &p);
}

void gemm_input(struct gemm *gemm, const struct gemm_matrix *w, size_t rows, const float *dout,
                bool add, float *dx)
{
    struct product p = {.gemm = gemm, .w = w, .rows = rows, .a = dout, .add = add, .result = dx};
    team_run(gemm->team, input_job, &p);
}

void gemm_weight(struct gemm *gemm, size_t rows, const float *dout, size_t outs, const float *x,
                 size_t ins, bool add, float *dw)
{
    struct product p = {.gemm = gemm,
                        .rows = rows,
                        .outs = outs,
                        .ins = ins,
                        .a = dout,
                        .b = x,
                        .add = add,
                        .result = dw};
    team_run(gemm->team, weight_job, &p);
}
