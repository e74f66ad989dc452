/* pack.c - done once, at import or at the end of training. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/pack.h"

#include <math.h>
#include <string.h>

/* most / highest, and the scale that undoes it. */
static float inverse_of(float highest, float most, float *out_scale)
{
    float inverse = most / highest;
    /* A row of zeros or denormals has no inverse; it answers as zeros. */
    if (!isfinite(inverse)) inverse = highest = 0;
    *out_scale = highest / most;
    return inverse;
}

static float largest(const float *x, size_t count)
{
    float highest = 0;
    for (size_t i = 0; i < count; i++) highest = fabsf(x[i]) > highest ? fabsf(x[i]) : highest;
    return highest;
}

/* The largest sum of the weights of one sign among those that share 16 bits. */
static float largest_shared(const float *x, size_t count, bool fours)
{
    float highest = 0;
    for (size_t i = 0; i < count; i += fours && i % 4 == 2 ? 6 : 2) {
        const size_t columns[] = {i, i + 1, i + KERNEL_QUAD, i + KERNEL_QUAD + 1};
        float above = 0, below = 0;
        for (size_t c = 0; c < (fours ? 4 : 2) && columns[c] < count; c++)
            *(x[columns[c]] > 0 ? &above : &below) += fabsf(x[columns[c]]);
        if (below > above) above = below;
        if (above > highest) highest = above;
    }
    return highest;
}

float pack_row(const float *x, size_t count, int8_t *out)
{
    float scale = 0, inverse = inverse_of(largest(x, count), 127, &scale);
    for (size_t i = 0; i < count; i++) out[i] = (int8_t)lrintf(x[i] * inverse);
    return scale;
}

/* Where a gate of a unit lies among the packed rows. */
static size_t lane_of(size_t unit, size_t gate)
{
    return unit / KERNEL_UNITS * KERNEL_LANES + gate * KERNEL_UNITS + unit % KERNEL_UNITS;
}

void pack_matrix(const float *weight, size_t units, size_t columns, bool fours, int8_t *out_weights,
                 float *out_scales, int32_t *out_sums)
{
    /* Each of those that share 16 bits may be rounded up by a half. */
    const float most = KERNEL_SHARED_MAX - (fours ? 2 : 1);
    size_t lanes = kernel_blocks(units) * KERNEL_LANES, quads = kernel_quads(columns);
    memset(out_weights, 0, kernel_matrix_bytes(units, columns));
    memset(out_scales, 0, lanes * sizeof *out_scales);
    memset(out_sums, 0, lanes * sizeof *out_sums);
    for (size_t row = 0; row < 4 * units; row++) {
        const float *x = weight + row * columns;
        size_t lane = lane_of(row % units, row / units);
        float inverse = inverse_of(largest_shared(x, columns, fours), most, &out_scales[lane]);
        int8_t *to =
            out_weights +
            (lane / KERNEL_LANES * quads * KERNEL_LANES + lane % KERNEL_LANES) * KERNEL_QUAD;
        for (size_t k = 0; k < columns; k++) {
            int8_t w = (int8_t)lrintf(x[k] * inverse);
            to[k / KERNEL_QUAD * KERNEL_LANES * KERNEL_QUAD + k % KERNEL_QUAD] = w;
            out_sums[lane] += w;
        }
    }
}

void pack_bias(const float *a, const float *b, size_t units, float *out)
{
    memset(out, 0, kernel_blocks(units) * KERNEL_LANES * sizeof *out);
    for (size_t row = 0; row < 4 * units; row++)
        out[lane_of(row % units, row / units)] = a[row] + b[row];
}
