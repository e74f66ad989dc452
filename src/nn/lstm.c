/* lstm.c - the reference, readable as the paper; then blocks of rows, for learning.
 *
 * The products with x do not depend on the state, so they are made for the
 * whole stretch first; what is left to do a step is W_hh h.
 *
 * Backward, a step is the pointwise part, which makes dz of the gates, and dz W_hh,
 * added to what the step before gets from above. The biases' gradients are summed
 * while dz is at hand: a pass over all of it would cost what it takes to read it. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/lstm.h"

#include <math.h>
#include <string.h>

#include "nn/dense.h"
#include "nn/wide.h"

static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* z [4H] becomes the activated gates; c and h move on by one step. */
static void step(size_t units, float *restrict z, float *restrict c, float *restrict h)
{
    float *in = z, *forget = z + units, *cell = z + 2 * units, *out = z + 3 * units;
    for (size_t u = 0; u < units; u++) {
        in[u] = sigmoid(in[u]);
        forget[u] = sigmoid(forget[u]);
        cell[u] = tanhf(cell[u]);
        out[u] = sigmoid(out[u]);
        c[u] = forget[u] * c[u] + in[u] * cell[u];
        h[u] = out[u] * tanhf(c[u]);
    }
}

void lstm_forward(const struct lstm_weights *weights, size_t steps, const float *x, float *h,
                  float *c, struct lstm_trace *trace, float *out)
{
    size_t units = weights->units, gates = 4 * units;
    dense_forward(x, steps, weights->inputs, weights->input, weights->bias_input, gates,
                  trace->gates);
    for (size_t t = 0; t < steps; t++) {
        float *z = trace->gates + t * gates;
        for (size_t g = 0; g < gates; g++) z[g] += weights->bias_recurrent[g];
        dense_add(h, 1, units, weights->recurrent, gates, z);
        step(units, z, c, h);
        memcpy(trace->cells + t * units, c, units * sizeof *c);
        memcpy(out + t * units, h, units * sizeof *h);
    }
}

/* Up to WIDE numbers: whole vectors where the count is known to be WIDE. */
WIDE_INLINE void take(wide *to, const float *from, size_t count)
{
    if (count == WIDE)
        wide_load(to, from);
    else
        wide_load_some(to, from, count, 0);
}

WIDE_INLINE void give(float *to, const wide *from, size_t count)
{
    if (count == WIDE)
        wide_store(to, from);
    else
        wide_store_some(to, from, count);
}

/* The rows [from, to) at step t of a block. */
struct span {
    const struct lstm_block *block;
    size_t t, from, to;
};

/* One row's slices of what a step reads and writes. */
struct row {
    size_t units;
    const float *bias, *before; /* before: cells */
    float *gates, *cells, *outs;
    const float *factors;
    float *dropped;
};

WIDE_INLINE struct row row_of(const struct span *span, size_t r)
{
    const struct lstm_block *b = span->block;
    size_t units = b->units, at = (span->t * b->rows + r) * units, next = at + b->rows * units;
    return (struct row){.units = units,
                        .bias = b->bias,
                        .before = b->cells + at,
                        .gates = b->gates + 4 * at,
                        .cells = b->cells + next,
                        .outs = b->outs + next,
                        .factors = b->factors == NULL ? NULL : b->factors + r * units,
                        .dropped = b->factors == NULL ? NULL : b->dropped + at};
}

/* Units [u, u + count) of z become activated gates; the cell and the output follow. */
WIDE_INLINE void cell_forward(const struct row *row, size_t u, size_t count)
{
    size_t units = row->units;
    wide gates[4], cell, out, other;
    for (size_t g = 0; g < 4; g++) {
        take(&gates[g], row->gates + g * units + u, count);
        take(&other, row->bias + g * units + u, count);
        gates[g] = gates[g] + other;
        if (g == 2)
            wide_tanh(&gates[g]);
        else
            wide_sigmoid(&gates[g]);
        give(row->gates + g * units + u, &gates[g], count);
    }
    take(&cell, row->before + u, count);
    cell = gates[1] * cell + gates[0] * gates[2];
    give(row->cells + u, &cell, count);
    out = cell;
    wide_tanh(&out);
    out = gates[3] * out;
    give(row->outs + u, &out, count);
    if (row->factors == NULL) return;
    take(&other, row->factors + u, count);
    out = out * other;
    give(row->dropped + u, &out, count);
}

WIDE_INLINE void cells_forward(const struct span *span)
{
    for (size_t r = span->from; r < span->to; r++) {
        struct row row = row_of(span, r);
        size_t u = 0;
        for (; u + WIDE <= row.units; u += WIDE) cell_forward(&row, u, WIDE);
        if (u < row.units) cell_forward(&row, u, row.units - u);
    }
}
WIDE_VERSIONS(cells_forward, (const struct span *span), (span))

void lstm_block_forward(const struct lstm_block *block, unsigned worker)
{
    struct gemm *gemm = block->gemm;
    size_t units = block->units, inputs = block->input->ins, all = block->steps * block->rows;
    struct gemm_share share = gemm_share(gemm, worker, all, GEMM_ROWS_GRAIN);
    gemm_forward_alone(gemm, worker, block->input, share.to - share.from,
                       block->x + share.from * inputs, false,
                       block->gates + share.from * 4 * units);
    team_wait(gemm_team(gemm));
    share = gemm_share(gemm, worker, block->rows, GEMM_ROWS_GRAIN);
    for (size_t t = 0; t < block->steps && share.from < share.to; t++) {
        size_t first = t * block->rows + share.from;
        gemm_forward_alone(gemm, worker, block->recurrent, share.to - share.from,
                           block->outs + first * units, true, block->gates + first * 4 * units);
        cells_forward_wide(&(struct span){block, t, share.from, share.to});
    }
}

/* Units [u, u + count): gates become dz, which is added to sums; dcells goes back a step. */
WIDE_INLINE void cell_backward(const struct row *row, size_t u, size_t count, const float *douts,
                               float *dcells, float *sums)
{
    size_t units = row->units;
    wide in, forget, cell, out, before, squashed, dout, dcell, dz[4], sum;
    take(&in, row->gates + u, count);
    take(&forget, row->gates + units + u, count);
    take(&cell, row->gates + 2 * units + u, count);
    take(&out, row->gates + 3 * units + u, count);
    take(&before, row->before + u, count);
    take(&squashed, row->cells + u, count);
    take(&dout, douts + u, count);
    take(&dcell, dcells + u, count);
    wide_tanh(&squashed);
    dcell = dcell + dout * out * (1.0f - squashed * squashed);
    dz[0] = dcell * cell * in * (1.0f - in);
    dz[1] = dcell * before * forget * (1.0f - forget);
    dz[2] = dcell * in * (1.0f - cell * cell);
    dz[3] = dout * squashed * out * (1.0f - out);
    dcell = dcell * forget;
    give(dcells + u, &dcell, count);
    for (size_t g = 0; g < 4; g++) {
        give(row->gates + g * units + u, &dz[g], count);
        take(&sum, sums + g * units + u, count);
        sum = sum + dz[g];
        give(sums + g * units + u, &sum, count);
    }
}

WIDE_INLINE void cells_backward(const struct span *span, const float *douts, float *dcells,
                                float *sums)
{
    for (size_t r = span->from; r < span->to; r++) {
        struct row row = row_of(span, r);
        const float *dout = douts + (span->t * span->block->rows + r) * row.units;
        float *dcell = dcells + r * row.units;
        size_t u = 0;
        for (; u + WIDE <= row.units; u += WIDE) cell_backward(&row, u, WIDE, dout, dcell, sums);
        if (u < row.units) cell_backward(&row, u, row.units - u, dout, dcell, sums);
    }
}
WIDE_VERSIONS(cells_backward,
              (const struct span *span, const float *douts, float *dcells, float *sums),
              (span, douts, dcells, sums))

/* A member's rows, from the last step to the first. */
static void recurrence_backward(const struct lstm_block *block,
                                const struct lstm_backward *backward, unsigned worker)
{
    struct gemm *gemm = block->gemm;
    size_t units = block->units;
    struct gemm_share share = gemm_share(gemm, worker, block->rows, GEMM_ROWS_GRAIN);
    float *sums = backward->sums + worker * 4 * units;
    memset(sums, 0, 4 * units * sizeof *sums);
    memset(backward->dcells + share.from * units, 0,
           (share.to - share.from) * units * sizeof *backward->dcells);
    for (size_t t = block->steps; t-- > 0 && share.from < share.to;) {
        size_t first = t * block->rows + share.from;
        cells_backward_wide(&(struct span){block, t, share.from, share.to}, backward->douts,
                            backward->dcells, sums);
        if (t > 0)
            gemm_input_alone(gemm, worker, block->recurrent, share.to - share.from,
                             block->gates + first * 4 * units, true,
                             backward->douts + (first - block->rows) * units);
    }
}

/* The members' sums, in their order, into both biases. */
static void bias_backward(const struct lstm_block *block, const struct lstm_backward *backward,
                          unsigned worker)
{
    size_t lanes = 4 * block->units, members = team_size(gemm_team(block->gemm));
    struct gemm_share share = gemm_share(block->gemm, worker, lanes, WIDE);
    for (size_t i = share.from; i < share.to; i++) {
        float sum = 0;
        for (size_t m = 0; m < members; m++) sum += backward->sums[m * lanes + i];
        backward->dbias_input[i] += sum;
        backward->dbias_recurrent[i] += sum;
    }
}

void lstm_block_backward(const struct lstm_block *block, const struct lstm_backward *backward,
                         unsigned worker)
{
    struct gemm *gemm = block->gemm;
    size_t lanes = 4 * block->units, inputs = block->input->ins;
    size_t all = block->steps * block->rows;
    recurrence_backward(block, backward, worker);
    team_wait(gemm_team(gemm));
    if (backward->dx != NULL) {
        struct gemm_share share = gemm_share(gemm, worker, all, GEMM_ROWS_GRAIN);
        gemm_input_alone(gemm, worker, block->input, share.to - share.from,
                         block->gates + share.from * lanes, false,
                         backward->dx + share.from * inputs);
    }
    if (backward->dinput == NULL) return;
    gemm_weight_share(gemm, worker, all, block->gates, lanes, block->x, inputs, true,
                      backward->dinput);
    gemm_weight_share(gemm, worker, all, block->gates, lanes, block->outs, block->units,
                      !backward->fresh_recurrent, backward->drecurrent);
    bias_backward(block, backward, worker);
}
