/* awd.c - the encoder, block by block.
 *
 * The state is kept from block to block; blocks before the window are run for
 * the state they leave. */
// SPDX-License-Identifier: Apache-2.0
#include "model/awd.h"

#include <string.h>

#include "model/window.h"
#include "nn/embed.h"
#include "nn/pool.h"

static size_t widest(const struct weights_shape *shape)
{
    return shape->hidden > shape->width ? shape->hidden : shape->width;
}

void awd_lay(struct awd_scratch *scratch, const struct weights_shape *shape, struct arena *arena)
{
    size_t values = shape->bptt * widest(shape);
    scratch->x = arena_take(arena, values, sizeof(float));
    scratch->y = arena_take(arena, values, sizeof(float));
    scratch->trace.gates = arena_take(arena, 4 * values, sizeof(float));
    scratch->trace.cells = arena_take(arena, values, sizeof(float));
    for (unsigned l = 0; l < shape->layers; l++) {
        scratch->h[l] = arena_take(arena, weights_units(shape, l), sizeof(float));
        scratch->c[l] = arena_take(arena, weights_units(shape, l), sizeof(float));
    }
}

static void forget(const struct weights_shape *shape, struct awd_scratch *scratch)
{
    for (unsigned l = 0; l < shape->layers; l++) {
        memset(scratch->h[l], 0, weights_units(shape, l) * sizeof(float));
        memset(scratch->c[l], 0, weights_units(shape, l) * sizeof(float));
    }
}

/* Returns the outputs of the last layer, [steps, width]. */
static const float *block(const struct weights *weights, const uint32_t *ids, size_t steps,
                          struct awd_scratch *scratch)
{
    const struct weights_shape *shape = &weights->shape;
    float *x = scratch->x, *y = scratch->y;
    if (window_dead(ids, 0)) {
        forget(shape, scratch);
        memset(x, 0, steps * shape->width * sizeof *x);
        return x;
    }
    embed_forward(weights->embedding, shape->width, ids, steps, x);
    for (unsigned l = 0; l < shape->layers; l++) {
        lstm_forward(&weights->layers[l], steps, x, scratch->h[l], scratch->c[l], &scratch->trace,
                     y);
        float *swap = x;
        x = y;
        y = swap;
    }
    return x;
}

enum error_code awd_encode(const struct weights *weights, const uint32_t *ids, size_t count,
                           struct awd_scratch *scratch, float *pooled, struct error *err)
{
    const struct weights_shape *shape = &weights->shape;
    size_t width = shape->width, bptt = shape->bptt;
    struct window window = {0};
    TRY(window_of(shape, ids, count, &window, err));
    forget(shape, scratch);
    pool_begin(pooled, width, 0, width);
    for (size_t start = 0; start < count; start += bptt) {
        size_t steps = count - start < bptt ? count - start : bptt;
        const float *out = block(weights, ids + start, steps, scratch);
        if (start < window.start) continue;
        for (size_t t = 0; t < steps; t++) {
            const float *step = out + t * width;
            if (ids[start + t] != WEIGHTS_PAD) pool_add(pooled, width, 0, width, step);
            if (start + t == window.last) pool_last(pooled, 0, width, step);
        }
    }
    pool_end(pooled, width, window.steps);
    return ERR_NONE;
}
