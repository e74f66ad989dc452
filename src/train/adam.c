/* adam.c - one walk over four arrays, each member of the team along its share of every row.
 *
 * Memory bounds it: seven numbers go by for each parameter, a twentieth of a step's time. */
// SPDX-License-Identifier: Apache-2.0
#include "train/adam.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "nn/wide.h"

static const double square_memory = 0.99;
static const float epsilon = 1e-5f;

struct factors {
    float keep;           /* 1 - rate decay */
    float memory, share;  /* of the momentum: m = memory m + share g */
    float scale;          /* of the gradient, by clipping */
    float square_inverse; /* 1 / (1 - 0.99^t) */
    float rate;           /* with its correction */
};

struct walk {
    const struct adam *adam;
    const struct adam_step *step;
    double momentum_left, square_left; /* 1 - momentum^t, 1 - 0.99^t */
    double scale;
    double sums[TEAM_THREADS_MAX];
};

void adam_lay(struct adam *adam, struct net *net, struct arena *arena)
{
    *adam = (struct adam){.net = net};
    adam->average = arena_take(arena, net->count, sizeof *adam->average);
    adam->square = arena_take(arena, net->count, sizeof *adam->square);
}

void adam_clear(struct adam *adam)
{
    memset(adam->average, 0, adam->net->count * sizeof *adam->average);
    memset(adam->square, 0, adam->net->count * sizeof *adam->square);
    adam->steps = 0;
}

/* The lanes' roots; the compiler makes one instruction of it. */
WIDE_INLINE void root(wide *x)
{
    for (size_t lane = 0; lane < WIDE; lane++) (*x)[lane] = sqrtf((*x)[lane]);
}

WIDE_INLINE void update(const struct factors *f, wide *p, wide *m, wide *v, const wide *gradient)
{
    wide g = *gradient * f->scale;
    *m = *m * f->memory + g * f->share;
    *v = *v * (float)square_memory + g * g * (float)(1 - square_memory);
    wide below = *v * f->square_inverse;
    root(&below);
    *p = *p * f->keep - *m / (below + epsilon) * f->rate;
}

WIDE_INLINE void update_row(const struct factors *f, size_t count, float *p, float *m, float *v,
                            const float *g)
{
    wide wide_p, wide_m, wide_v, wide_g;
    size_t i = 0;
    for (; i + WIDE <= count; i += WIDE) {
        wide_load(&wide_p, p + i);
        wide_load(&wide_m, m + i);
        wide_load(&wide_v, v + i);
        wide_load(&wide_g, g + i);
        update(f, &wide_p, &wide_m, &wide_v, &wide_g);
        wide_store(p + i, &wide_p);
        wide_store(m + i, &wide_m);
        wide_store(v + i, &wide_v);
    }
    if (i == count) return;
    wide_load_some(&wide_p, p + i, count - i, 0);
    wide_load_some(&wide_m, m + i, count - i, 0);
    wide_load_some(&wide_v, v + i, count - i, 0);
    wide_load_some(&wide_g, g + i, count - i, 0);
    update(f, &wide_p, &wide_m, &wide_v, &wide_g);
    wide_store_some(p + i, &wide_p, count - i);
    wide_store_some(m + i, &wide_m, count - i);
    wide_store_some(v + i, &wide_v, count - i);
}

WIDE_VERSIONS(update_row,
              (const struct factors *f, size_t count, float *p, float *m, float *v, const float *g),
              (f, count, p, m, v, g))

/* The part of a row that is this member's. */
static struct gemm_share share_of(const struct adam *adam, unsigned worker,
                                  const struct net_row *row)
{
    bool learns = row->group != NET_FIXED && row->group >= (int)adam->net->first;
    return gemm_share(adam->net->gemm, worker, learns ? row->count : 0, WIDE);
}

static void sum_job(void *context, unsigned worker)
{
    struct walk *walk = context;
    const struct net *net = walk->adam->net;
    double sum = 0;
    for (size_t r = 0; r < net->row_count; r++) {
        struct gemm_share share = share_of(walk->adam, worker, &net->rows[r]);
        const float *g = net->gradients + net->rows[r].offset;
        for (size_t i = share.from; i < share.to; i++) sum += (double)g[i] * (double)g[i];
    }
    walk->sums[worker] = sum;
}

static void update_job(void *context, unsigned worker)
{
    const struct walk *walk = context;
    const struct adam *adam = walk->adam;
    const struct net *net = adam->net;
    const struct adam_step *step = walk->step;
    for (size_t r = 0; r < net->row_count; r++) {
        const struct net_row *row = &net->rows[r];
        struct gemm_share share = share_of(adam, worker, row);
        if (share.from == share.to) continue;
        double rate = step->rates[row->group];
        struct factors factors = {.keep = (float)(row->decays ? 1 - rate * step->decay : 1),
                                  .memory = (float)step->momentum,
                                  .share = (float)(1 - step->momentum),
                                  .scale = (float)walk->scale,
                                  .square_inverse = (float)(1 / walk->square_left),
                                  .rate = (float)(rate / walk->momentum_left)};
        size_t at = row->offset + share.from;
        update_row_wide(&factors, share.to - share.from, net->parameters + at, adam->average + at,
                        adam->square + at, net->gradients + at);
    }
}

double adam_learn(struct adam *adam, const struct adam_step *step)
{
    struct team *team = gemm_team(adam->net->gemm);
    double norm = 0, t = (double)++adam->steps;
    struct walk walk = {.adam = adam,
                        .step = step,
                        .momentum_left = 1 - pow(step->momentum, t),
                        .square_left = 1 - pow(square_memory, t),
                        .scale = 1};
    check(step->momentum >= 0 && step->momentum < 1);
    if (step->clip > 0) {
        team_run(team, sum_job, &walk);
        for (unsigned worker = 0; worker < team_size(team); worker++) norm += walk.sums[worker];
        norm = sqrt(norm);
        if (norm > step->clip) walk.scale = step->clip / norm;
    }
    team_run(team, update_job, &walk);
    return norm;
}
