/* gemm.c - who makes which share, and the products in plain C.
 *
 * Shares are cut along results, never along a sum: rows for forward and input, whose
 * rows need nothing of each other, rows of dw for weight. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/gemm.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { GRAIN = 16 }; /* numbers of a cache line */

struct gemm {
    struct team *team;
};

struct gemm_share gemm_share(const struct gemm *gemm, unsigned worker, size_t items, size_t grain)
{
    size_t grains = (items + grain - 1) / grain, workers = team_size(gemm->team);
    size_t from = grains * worker / workers * grain, to = grains * (worker + 1) / workers * grain;
    return (struct gemm_share){from < items ? from : items, to < items ? to : items};
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

void gemm_lay(struct gemm *gemm, const struct gemm_room *room, struct arena *arena)
{
    (void)gemm, (void)room, (void)arena;
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

void gemm_forward_alone(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w,
                        size_t rows, const float *x, bool add, float *out)
{
    (void)gemm, (void)worker;
    for (size_t o = 0; o < w->outs; o++)
        for (size_t r = 0; r < rows; r++) {
            float *to = &out[r * w->outs + o];
            *to = (add ? *to : 0) + dot(w->ins, x + r * w->ins, w->values + o * w->ins);
        }
}

void gemm_input_alone(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w, size_t rows,
                      const float *dout, bool add, float *dx)
{
    (void)gemm, (void)worker;
    if (!add) memset(dx, 0, rows * w->ins * sizeof *dx);
    for (size_t o = 0; o < w->outs; o++)
        for (size_t r = 0; r < rows; r++)
            axpy(w->ins, dout[r * w->outs + o], w->values + o * w->ins, dx + r * w->ins);
}

void gemm_weight_share(struct gemm *gemm, unsigned worker, size_t rows, const float *dout,
                       size_t outs, const float *x, size_t ins, bool add, float *dw)
{
    struct gemm_share share = gemm_share(gemm, worker, outs, GRAIN);
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
    struct gemm_share rows = gemm_share(p->gemm, worker, p->rows, GEMM_ROWS_GRAIN);
    gemm_forward_alone(p->gemm, worker, p->w, rows.to - rows.from, p->a + rows.from * p->w->ins,
                       p->add, p->result + rows.from * p->w->outs);
}

static void input_job(void *context, unsigned worker)
{
    const struct product *p = context;
    struct gemm_share rows = gemm_share(p->gemm, worker, p->rows, GEMM_ROWS_GRAIN);
    gemm_input_alone(p->gemm, worker, p->w, rows.to - rows.from, p->a + rows.from * p->w->outs,
                     p->add, p->result + rows.from * p->w->ins);
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
