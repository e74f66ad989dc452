/* gemm.c - the team and the calls; what is multiplied how, the ways know.
 *
 * Shares are cut along results, never along a sum: rows for forward and input, whose
 * rows need nothing of each other, rows of dw for weight. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/gemm.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "nn/gemm_way.h"
#include "nn/tile.h"

static const struct gemm_way *const WAYS[GEMM_ARITHMETICS] = {
    [GEMM_PLAIN] = &gemm_plain,
    [GEMM_TILED] = &gemm_tiled,
    [GEMM_BF16] = &gemm_tiled_pairs,
};

struct gemm {
    struct team *team;
    const struct gemm_way *way;
    void *own;
};

static struct gemm_seat seat_of(const struct gemm *gemm, unsigned worker)
{
    return (struct gemm_seat){gemm->own, gemm->team, worker};
}

enum gemm_arithmetic gemm_best(void)
{
    return tile_best(PANEL_BF16)->fast() ? GEMM_BF16 : GEMM_TILED;
}

const char *gemm_name(enum gemm_arithmetic arithmetic) { return WAYS[arithmetic]->name; }

bool gemm_named(const char *name, enum gemm_arithmetic *out_arithmetic)
{
    for (int a = 0; a < GEMM_ARITHMETICS; a++)
        if (strcmp(WAYS[a]->name, name) == 0) {
            *out_arithmetic = (enum gemm_arithmetic)a;
            return true;
        }
    return false;
}

struct gemm_share gemm_share(const struct gemm *gemm, unsigned worker, size_t items, size_t grain)
{
    struct gemm_seat seat = seat_of(gemm, worker);
    return gemm_way_share(&seat, items, grain);
}

enum error_code gemm_open(struct gemm **out_gemm, enum gemm_arithmetic arithmetic, unsigned threads,
                          struct error *err)
{
    struct gemm *gemm = NULL;
    TRY(mem_take(&gemm, 1, sizeof *gemm, err));
    gemm->way = WAYS[arithmetic];
    enum error_code code = gemm->way->open(&gemm->own, threads, err);
    if (code == ERR_NONE) code = team_open(&gemm->team, threads, err);
    if (code != ERR_NONE) {
        gemm_close(gemm);
        return code;
    }
    *out_gemm = gemm;
    return ERR_NONE;
}

void gemm_close(struct gemm *gemm)
{
    if (gemm == NULL) return;
    team_close(gemm->team);
    gemm->way->close(gemm->own);
    mem_free(gemm);
}

struct team *gemm_team(struct gemm *gemm) { return gemm->team; }

void gemm_lay(struct gemm *gemm, const struct gemm_room *room, struct arena *arena)
{
    gemm->way->lay(gemm->own, team_size(gemm->team), room, arena);
}

void gemm_matrix_lay(struct gemm *gemm, struct gemm_matrix *matrix, const float *values,
                     size_t outs, size_t ins, struct arena *arena)
{
    *matrix = (struct gemm_matrix){.outs = outs, .ins = ins, .values = values};
    gemm->way->matrix_lay(gemm->own, matrix, arena);
}

void gemm_renew_share(struct gemm *gemm, unsigned worker, struct gemm_matrix *matrix)
{
    check(matrix->values != NULL);
    struct gemm_seat seat = seat_of(gemm, worker);
    gemm->way->renew(&seat, matrix);
}

void gemm_forward_alone(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w,
                        size_t rows, const float *x, bool add, float *out)
{
    struct gemm_seat seat = seat_of(gemm, worker);
    gemm->way->forward(&seat, w, rows, x, add, out);
}

void gemm_input_alone(struct gemm *gemm, unsigned worker, const struct gemm_matrix *w, size_t rows,
                      const float *dout, bool add, float *dx)
{
    struct gemm_seat seat = seat_of(gemm, worker);
    gemm->way->input(&seat, w, rows, dout, add, dx);
}

void gemm_weight_share(struct gemm *gemm, unsigned worker, size_t rows, const float *dout,
                       size_t outs, const float *x, size_t ins, bool add, float *dw)
{
    struct gemm_seat seat = seat_of(gemm, worker);
    gemm->way->weight(&seat, &(struct gemm_weight_part){rows, outs, ins, dout, x, add, dw});
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
