/* loss.c - rows in portions, three products a portion.
 *
 * The other way, slices of the vocabulary over all rows, has to make the logits
 * twice: the softmax needs a whole row before the first gradient is known. What a
 * portion costs instead is one more pass over dw, some megabytes beside the
 * portion's products. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/loss.h"

#include <math.h>

#include "base/check.h"
#include "nn/wide.h"

/* One row; returns its loss. */
WIDE_INLINE double soften(float *restrict row, size_t classes, uint32_t target, float scale)
{
    wide most = -INFINITY - (wide){0}, x;
    size_t whole = classes / WIDE * WIDE, rest = classes - whole;
    for (size_t i = 0; i < whole; i += WIDE) {
        wide_load(&x, row + i);
        wide_max(&most, &x);
    }
    wide_load_some(&x, row + whole, rest, -INFINITY);
    wide_max(&most, &x);
    float highest = wide_most(&most), at_target = row[target];

    wide sum = {0};
    for (size_t i = 0; i < whole; i += WIDE) {
        wide_load(&x, row + i);
        x = x - highest;
        wide_exp(&x);
        sum = sum + x;
        wide_store(row + i, &x);
    }
    wide_load_some(&x, row + whole, rest, -INFINITY);
    x = x - highest;
    wide_exp(&x);
    wide_store_some(row + whole, &x, rest);
    float total = wide_total(&sum);
    for (size_t i = whole; i < classes; i++) total += row[i];

    float share = scale / total;
    for (size_t i = 0; i < whole; i += WIDE) {
        wide_load(&x, row + i);
        x = x * share;
        wide_store(row + i, &x);
    }
    for (size_t i = whole; i < classes; i++) row[i] *= share;
    row[target] -= scale;
    return log((double)total) + (double)highest - (double)at_target;
}

WIDE_INLINE void add(float *restrict to, const float *restrict from, size_t count)
{
    wide x, y;
    size_t i = 0;
    for (; i + WIDE <= count; i += WIDE) {
        wide_load(&x, to + i);
        wide_load(&y, from + i);
        x = x + y;
        wide_store(to + i, &x);
    }
    for (; i < count; i++) to[i] += from[i];
}

WIDE_INLINE void soften_rows(float *logits, size_t rows, size_t classes, const float *bias,
                             const uint32_t *targets, float scale, double *out_sum)
{
    *out_sum = 0;
    for (size_t r = 0; r < rows; r++) {
        float *row = logits + r * classes;
        check(targets[r] < classes);
        if (bias != NULL) add(row, bias, classes);
        *out_sum += soften(row, classes, targets[r], scale);
    }
}
WIDE_VERSIONS(soften_rows,
              (float *logits, size_t rows, size_t classes, const float *bias,
               const uint32_t *targets, float scale, double *out_sum),
              (logits, rows, classes, bias, targets, scale, out_sum))

/* The columns [from, to) of all rows, into their sums. */
WIDE_INLINE void add_columns(const float *logits, size_t rows, size_t classes, size_t from,
                             size_t to, float *sums)
{
    for (size_t r = 0; r < rows; r++) add(sums + from, logits + r * classes + from, to - from);
}
WIDE_VERSIONS(add_columns,
              (const float *logits, size_t rows, size_t classes, size_t from, size_t to,
               float *sums),
              (logits, rows, classes, from, to, sums))

double loss_softmax(float *logits, size_t rows, size_t classes, const uint32_t *targets,
                    float scale)
{
    double sum;
    soften_rows_wide(logits, rows, classes, NULL, targets, scale, &sum);
    return sum;
}

void loss_lay(struct loss *loss, struct gemm *gemm, size_t classes, size_t rows_max,
              size_t bytes_max, struct arena *arena)
{
    size_t threads = team_size(gemm_team(gemm));
    size_t rows = bytes_max / (classes * sizeof(float)), least = GEMM_ROWS_GRAIN * threads;
    rows = rows < least ? least : rows / least * least;
    if (rows > rows_max) rows = rows_max;
    loss->rows = rows;
    loss->logits = arena_take(arena, rows * classes, sizeof(float));
    loss->sums = arena_take(arena, rows_max, sizeof(double));
}

struct pass {
    const struct loss *loss;
    struct gemm *gemm;
    const struct gemm_matrix *w;
    const float *bias, *x;
    size_t rows;
    const uint32_t *targets;
    float *dx, *dw, *dbias; /* NULL: the loss alone */
};

/* A member's part of rows [first, first + count): its rows' logits, their gradients and
 * dx; then, of everybody's rows, its share of the classes. */
static void portion(const struct pass *pass, unsigned worker, size_t first, size_t count)
{
    const struct gemm_matrix *w = pass->w;
    struct gemm_share own = gemm_share(pass->gemm, worker, count, GEMM_ROWS_GRAIN);
    size_t rows = own.to - own.from;
    const float *x = pass->x + first * w->ins;
    float *logits = pass->loss->logits, *mine = logits + own.from * w->outs;
    gemm_forward_alone(pass->gemm, worker, w, rows, x + own.from * w->ins, false, mine);
    for (size_t r = 0; r < rows; r++) {
        size_t row = first + own.from + r;
        soften_rows_wide(mine + r * w->outs, 1, w->outs, pass->bias, pass->targets + row,
                         1.0f / (float)pass->rows, &pass->loss->sums[row]);
    }
    if (pass->dx != NULL) {
        gemm_input_alone(pass->gemm, worker, w, rows, mine, false,
                         pass->dx + (first + own.from) * w->ins);
        team_wait(gemm_team(pass->gemm));
        gemm_weight_share(pass->gemm, worker, count, logits, w->outs, x, w->ins, true, pass->dw);
        struct gemm_share classes = gemm_share(pass->gemm, worker, w->outs, WIDE);
        if (pass->dbias != NULL)
            add_columns_wide(logits, count, w->outs, classes.from, classes.to, pass->dbias);
    }
    /* The next portion's logits lie where these do, and a shorter one is shared out otherwise. */
    team_wait(gemm_team(pass->gemm));
}

static void pass_job(void *context, unsigned worker)
{
    const struct pass *pass = context;
    for (size_t first = 0; first < pass->rows; first += pass->loss->rows) {
        size_t left = pass->rows - first;
        portion(pass, worker, first, left < pass->loss->rows ? left : pass->loss->rows);
    }
}

static double mean_loss(const struct pass *pass)
{
    double sum = 0;
    team_run(gemm_team(pass->gemm), pass_job, (void *)pass);
    for (size_t r = 0; r < pass->rows; r++) sum += pass->loss->sums[r];
    return sum / (double)pass->rows;
}

double loss_forward(const struct loss *loss, struct gemm *gemm, const struct gemm_matrix *w,
                    const float *bias, size_t rows, const float *x, const uint32_t *targets)
{
    return mean_loss(&(struct pass){.loss = loss,
                                    .gemm = gemm,
                                    .w = w,
                                    .bias = bias,
                                    .x = x,
                                    .rows = rows,
                                    .targets = targets});
}

double loss_train(const struct loss *loss, struct gemm *gemm, const struct gemm_matrix *w,
                  const float *bias, size_t rows, const float *x, const uint32_t *targets,
                  float *dx, float *dw, float *dbias)
{
    return mean_loss(&(struct pass){.loss = loss,
                                    .gemm = gemm,
                                    .w = w,
                                    .bias = bias,
                                    .x = x,
                                    .rows = rows,
                                    .targets = targets,
                                    .dx = dx,
                                    .dw = dw,
                                    .dbias = dbias});
}
