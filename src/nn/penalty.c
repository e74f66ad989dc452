/* penalty.c - sums of a step in lanes, sums of steps in double. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/penalty.h"

#include "nn/wide.h"

struct penalty penalty_of(float alpha, float beta, const struct penalty_shape *shape)
{
    double row = (double)shape->rows * (double)shape->features;
    struct penalty penalty = {.size = (float)((double)alpha / (row * (double)shape->steps))};
    if (shape->steps > 1 && shape->rows > 1)
        penalty.change = (float)((double)beta / (row * (double)(shape->steps - 1)));
    return penalty;
}

/* The sum of (x - y)^2, y being zeros where it is NULL. */
WIDE_INLINE void squares(size_t features, const float *x, const float *y, double *out_sum)
{
    wide sum = {0}, a, b = {0};
    for (size_t f = 0; f < features; f += WIDE) {
        size_t count = features - f;
        if (count >= WIDE) {
            wide_load(&a, x + f);
            if (y != NULL) wide_load(&b, y + f);
        } else {
            wide_load_some(&a, x + f, count, 0);
            if (y != NULL) wide_load_some(&b, y + f, count, 0);
        }
        a = a - b;
        sum = sum + a * a;
    }
    *out_sum = (double)wide_total(&sum);
}
WIDE_VERSIONS(squares, (size_t features, const float *x, const float *y, double *out_sum),
              (features, x, y, out_sum))

double penalty_forward(const struct penalty *penalty, size_t features, const float *out,
                       const float *before, const float *raw)
{
    double size = 0, change = 0;
    if (penalty->size != 0) squares_wide(features, out, NULL, &size);
    if (penalty->change != 0 && before != NULL) squares_wide(features, raw, before, &change);
    return (double)penalty->size * size + (double)penalty->change * change;
}

/* to += factor (x - y) */
WIDE_INLINE void push(size_t features, float factor, const float *x, const float *y, float *to)
{
    wide a, b = {0}, sum;
    size_t f = 0;
    for (; f + WIDE <= features; f += WIDE) {
        wide_load(&a, x + f);
        if (y != NULL) wide_load(&b, y + f);
        wide_load(&sum, to + f);
        sum = sum + (a - b) * factor;
        wide_store(to + f, &sum);
    }
    for (; f < features; f++) to[f] += (x[f] - (y != NULL ? y[f] : 0)) * factor;
}
WIDE_VERSIONS(push, (size_t features, float factor, const float *x, const float *y, float *to),
              (features, factor, x, y, to))

void penalty_size_backward(const struct penalty *penalty, size_t features, const float *out,
                           float *dout)
{
    if (penalty->size != 0) push_wide(features, 2 * penalty->size, out, NULL, dout);
}

void penalty_change_backward(const struct penalty *penalty, size_t features, const float *before,
                             const float *raw, const float *after, float *draw)
{
    if (penalty->change == 0) return;
    if (before != NULL) push_wide(features, 2 * penalty->change, raw, before, draw);
    if (after != NULL) push_wide(features, 2 * penalty->change, raw, after, draw);
}
