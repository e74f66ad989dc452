/* encoder.c - a block is one run of the team, forward or backward.
 *
 * Members meet between layers, and where one has made what another reads; within a
 * layer's recurrence they do not meet, for rows never do. What is shared out by numbers
 * (masks, weights) is cut at multiples of DROP_GRAIN, by tokens at GEMM_ROWS_GRAIN.
 *
 * A dropped W_hh is a copy. Its gradient is made where the copy lies, which is used up by
 * then, and goes from there through the mask. */
// SPDX-License-Identifier: Apache-2.0
#include "model/encoder.h"

#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "nn/embed.h"
#include "nn/lstm.h"

static size_t widest(const struct weights_shape *shape)
{
    return shape->hidden > shape->width ? shape->hidden : shape->width;
}

struct gemm_room encoder_room(const struct weights_shape *shape, size_t rows)
{
    return (struct gemm_room){rows * shape->bptt, 4 * widest(shape), widest(shape)};
}

static size_t state_size(const struct weights_shape *shape, size_t rows)
{
    size_t count = 0;
    for (unsigned l = 0; l < shape->layers; l++) count += 2 * rows * weights_units(shape, l);
    return count;
}

void encoder_lay(struct encoder *encoder, const struct weights *weights, size_t rows,
                 struct gemm *gemm, struct arena *arena)
{
    const struct weights_shape *shape = &weights->shape;
    size_t members = team_size(gemm_team(gemm)), widths = widest(shape);
    *encoder = (struct encoder){.weights = weights, .gemm = gemm, .rows = rows};
    for (unsigned l = 0; l < shape->layers; l++) {
        size_t units = weights_units(shape, l);
        gemm_matrix_lay(gemm, &encoder->input[l], NULL, 4 * units, weights_inputs(shape, l), arena);
        gemm_matrix_lay(gemm, &encoder->recurrent[l], NULL, 4 * units, units, arena);
        encoder->masked[l] = arena_take(arena, 4 * units * units, sizeof(float));
        encoder->bias[l] = arena_take(arena, 4 * units, sizeof(float));
    }
    encoder->state_count = state_size(shape, rows);
    encoder->state = arena_take(arena, encoder->state_count, sizeof(float));
    encoder->douts = arena_take(arena, shape->bptt * rows * widths, sizeof(float));
    encoder->dx = arena_take(arena, shape->bptt * rows * widths, sizeof(float));
    encoder->dcells = arena_take(arena, rows * widths, sizeof(float));
    encoder->sums = arena_take(arena, members * 4 * widths, sizeof(float));
}

void encoder_trace_lay(const struct encoder *encoder, struct encoder_trace *trace,
                       struct arena *arena)
{
    const struct weights_shape *shape = &encoder->weights->shape;
    size_t rows = encoder->rows, all = rows * shape->bptt;
    *trace = (struct encoder_trace){0};
    trace->ids = arena_take(arena, all, sizeof *trace->ids);
    trace->table = arena_take(arena, shape->vocab, sizeof(float));
    trace->input = arena_take(arena, rows * shape->width, sizeof(float));
    for (unsigned l = 0; l < shape->layers; l++) {
        size_t units = weights_units(shape, l);
        trace->hidden[l] = arena_take(arena, rows * units, sizeof(float));
        trace->x[l] = arena_take(arena, all * weights_inputs(shape, l), sizeof(float));
        trace->gates[l] = arena_take(arena, all * 4 * units, sizeof(float));
        trace->cells[l] = arena_take(arena, (all + rows) * units, sizeof(float));
        trace->outs[l] = arena_take(arena, (all + rows) * units, sizeof(float));
    }
}

const float *encoder_outs(const struct encoder *encoder, const struct encoder_trace *trace)
{
    const struct weights_shape *shape = &encoder->weights->shape;
    return trace->outs[shape->layers - 1] + trace->rows * shape->width;
}

struct drop encoder_drop(const struct encoder *encoder, const struct encoder_key *key, float p)
{
    if (key->draw == ENCODER_CALM) return (struct drop){0};
    uint64_t number = rng_mix(rng_mix(encoder->seed) + key->draw);
    number = rng_mix(number + key->block);
    number = rng_mix(number + ((uint64_t)key->mask << 8 | key->index));
    const float *given =
        encoder->given == NULL ? NULL : encoder->given(encoder->given_context, key);
    return (struct drop){.key = number, .p = p, .given = given};
}

/* One block under way. */
struct pass {
    struct encoder *encoder;
    struct encoder_trace *trace;
    size_t state_rows;
    const struct encoder_gradients *gradients;
    bool again;
};

static struct drop mask_of(const struct pass *pass, enum encoder_mask mask, unsigned index)
{
    const struct encoder_drops *drops = &pass->encoder->drops;
    const float p[] = {[ENCODER_MASK_EMBEDDING] = drops->embedding,
                       [ENCODER_MASK_INPUT] = drops->input,
                       [ENCODER_MASK_WEIGHT] = drops->weight,
                       [ENCODER_MASK_HIDDEN] = drops->hidden};
    const struct encoder_key key = {pass->trace->draw, pass->trace->block, mask, index};
    return encoder_drop(pass->encoder, &key, p[mask]);
}

/* The last layer has none behind it: a language model's is its own, a classifier's is the
 * head's. */
static bool has_hidden_mask(const struct pass *pass, unsigned l)
{
    if (l + 1 == pass->encoder->weights->shape.layers) return false;
    struct drop drop = mask_of(pass, ENCODER_MASK_HIDDEN, l);
    return !drop_none(&drop);
}

static void draw_mask(const struct pass *pass, unsigned worker, enum encoder_mask mask,
                      unsigned index, size_t count, float *out)
{
    struct drop drop = mask_of(pass, mask, index);
    if (drop_none(&drop)) return;
    struct gemm_share share = gemm_share(pass->encoder->gemm, worker, count, DROP_GRAIN);
    drop_mask(&drop, share.from, share.to, out);
}

static void draw_masks(const struct pass *pass, unsigned worker)
{
    const struct weights_shape *shape = &pass->encoder->weights->shape;
    struct encoder_trace *trace = pass->trace;
    draw_mask(pass, worker, ENCODER_MASK_EMBEDDING, 0, shape->vocab, trace->table);
    draw_mask(pass, worker, ENCODER_MASK_INPUT, 0, trace->rows * shape->width, trace->input);
    for (unsigned l = 0; l + 1 < shape->layers; l++)
        draw_mask(pass, worker, ENCODER_MASK_HIDDEN, l, trace->rows * weights_units(shape, l),
                  trace->hidden[l]);
}

/* W_hh of all layers behind their masks, packed; members have met at the end. */
static void drop_weights(const struct pass *pass, unsigned worker)
{
    struct encoder *encoder = pass->encoder;
    unsigned layers = encoder->weights->shape.layers;
    for (unsigned l = 0; l < layers; l++) {
        size_t units = encoder->weights->layers[l].units;
        struct drop drop = mask_of(pass, ENCODER_MASK_WEIGHT, l);
        struct gemm_share share = gemm_share(encoder->gemm, worker, 4 * units * units, DROP_GRAIN);
        drop_apply(&drop, share.from, share.to, encoder->weights->layers[l].recurrent, false,
                   encoder->masked[l]);
    }
    team_wait(gemm_team(encoder->gemm));
    for (unsigned l = 0; l < layers; l++)
        gemm_renew_share(encoder->gemm, worker, &encoder->recurrent[l]);
    team_wait(gemm_team(encoder->gemm));
}

static void begin_job(void *context, unsigned worker)
{
    struct encoder *encoder = context;
    for (unsigned l = 0; l < encoder->weights->shape.layers; l++) {
        const struct lstm_weights *layer = &encoder->weights->layers[l];
        struct gemm_share share = gemm_share(encoder->gemm, worker, 4 * layer->units, DROP_GRAIN);
        for (size_t i = share.from; i < share.to; i++)
            encoder->bias[l][i] = layer->bias_input[i] + layer->bias_recurrent[i];
        gemm_renew_share(encoder->gemm, worker, &encoder->input[l]);
        if (encoder->calm) gemm_renew_share(encoder->gemm, worker, &encoder->recurrent[l]);
    }
}

void encoder_begin(struct encoder *encoder, bool calm)
{
    encoder->calm = calm || (encoder->drops.weight == 0 && encoder->given == NULL);
    for (unsigned l = 0; l < encoder->weights->shape.layers; l++) {
        const struct lstm_weights *layer = &encoder->weights->layers[l];
        encoder->input[l].values = layer->input;
        encoder->recurrent[l].values = encoder->calm ? layer->recurrent : encoder->masked[l];
    }
    team_run(gemm_team(encoder->gemm), begin_job, encoder);
}

static struct gemm_share tokens_of(const struct pass *pass, unsigned worker)
{
    return gemm_share(pass->encoder->gemm, worker, pass->trace->rows * pass->trace->steps,
                      GEMM_ROWS_GRAIN);
}

/* What [tokens, width] gets from masks [rows, width]: a row's mask is the same at each step. */
static void multiply_tokens(const struct pass *pass, unsigned worker, float *x,
                            const float *factors, size_t width)
{
    struct gemm_share share = tokens_of(pass, worker);
    for (size_t i = share.from; i < share.to; i++)
        drop_multiply(width, x + i * width, factors + i % pass->trace->rows * width, x + i * width);
}

static void embed(const struct pass *pass, unsigned worker)
{
    const struct weights *weights = pass->encoder->weights;
    struct encoder_trace *trace = pass->trace;
    size_t width = weights->shape.width;
    struct gemm_share share = tokens_of(pass, worker);
    struct drop table = mask_of(pass, ENCODER_MASK_EMBEDDING, 0);
    struct drop input = mask_of(pass, ENCODER_MASK_INPUT, 0);
    embed_forward(weights->embedding, width, trace->ids + share.from, share.to - share.from,
                  trace->x[0] + share.from * width);
    for (size_t i = share.from; i < share.to && !drop_none(&table); i++) {
        float *x = trace->x[0] + i * width;
        for (size_t f = 0; f < width; f++) x[f] *= trace->table[trace->ids[i]];
    }
    if (!drop_none(&input)) multiply_tokens(pass, worker, trace->x[0], trace->input, width);
}

/* The rows of a member, from the state into the slabs in front, or back from the last ones. */
static void move_state(const struct pass *pass, unsigned worker, bool back)
{
    const struct weights_shape *shape = &pass->encoder->weights->shape;
    const struct encoder_trace *trace = pass->trace;
    struct gemm_share share = gemm_share(pass->encoder->gemm, worker, trace->rows, GEMM_ROWS_GRAIN);
    float *state = pass->encoder->state;
    for (unsigned l = 0; l < shape->layers; l++) {
        size_t units = weights_units(shape, l), from = share.from * units;
        size_t bytes = (share.to - share.from) * units * sizeof *state;
        size_t kept = pass->state_rows < share.from ? share.from : pass->state_rows;
        size_t last = trace->steps * trace->rows * units;
        for (int which = 0; which < 2; which++) {
            float *slab = which == 0 ? trace->outs[l] : trace->cells[l];
            if (back) {
                memcpy(state + from, slab + last + from, bytes);
            } else {
                memcpy(slab + from, state + from, bytes);
                for (size_t r = kept; r < share.to; r++)
                    memset(slab + r * units, 0, units * sizeof *slab);
            }
            state += pass->encoder->rows * units;
        }
    }
}

static struct lstm_block block_of(const struct pass *pass, unsigned l)
{
    const struct encoder *encoder = pass->encoder;
    const struct encoder_trace *trace = pass->trace;
    size_t units = encoder->weights->layers[l].units, rows = trace->rows;
    struct lstm_block block = {.rows = rows,
                               .steps = trace->steps,
                               .units = units,
                               .gemm = encoder->gemm,
                               .input = &encoder->input[l],
                               .recurrent = &encoder->recurrent[l],
                               .bias = encoder->bias[l],
                               .x = trace->x[l],
                               .gates = trace->gates[l],
                               .cells = trace->cells[l],
                               .outs = trace->outs[l]};
    if (has_hidden_mask(pass, l)) {
        block.factors = trace->hidden[l];
        block.dropped = trace->x[l + 1];
    }
    if (l > 0 && !has_hidden_mask(pass, l - 1))
        block.x = trace->outs[l - 1] + rows * encoder->weights->layers[l - 1].units;
    return block;
}

static void forward_job(void *context, unsigned worker)
{
    const struct pass *pass = context;
    struct team *team = gemm_team(pass->encoder->gemm);
    draw_masks(pass, worker);
    if (pass->encoder->calm)
        team_wait(team);
    else
        drop_weights(pass, worker);
    move_state(pass, worker, false);
    embed(pass, worker);
    for (unsigned l = 0; l < pass->encoder->weights->shape.layers; l++) {
        struct lstm_block block = block_of(pass, l);
        team_wait(team);
        lstm_block_forward(&block, worker);
    }
    move_state(pass, worker, true);
}

void encoder_forward(struct encoder *encoder, struct encoder_trace *trace, size_t state_rows)
{
    const struct weights_shape *shape = &encoder->weights->shape;
    check(trace->rows >= 1 && trace->rows <= encoder->rows && state_rows <= encoder->rows);
    check(trace->steps >= 1 && trace->steps <= shape->bptt);
    for (size_t i = 0; i < trace->rows * trace->steps; i++) check(trace->ids[i] < shape->vocab);
    struct pass pass = {.encoder = encoder, .trace = trace, .state_rows = state_rows};
    team_run(gemm_team(encoder->gemm), forward_job, &pass);
}

/* Whether anything is learnt under a layer. */
static bool learnt_below(const struct encoder_gradients *gradients, unsigned layer)
{
    if (gradients->embedding != NULL) return true;
    for (unsigned l = 0; l < layer; l++)
        if (gradients->layers[l].input != NULL) return true;
    return false;
}

/* A layer's gradients, and dx where something below is learnt; members have met. */
static void layer_backward(const struct pass *pass, unsigned worker, unsigned l, float *douts,
                           float *dx)
{
    struct encoder *encoder = pass->encoder;
    const struct encoder_layer *learnt = &pass->gradients->layers[l];
    bool dropped = !encoder->calm && learnt->recurrent != NULL;
    struct lstm_block block = block_of(pass, l);
    const struct lstm_backward backward = {.douts = douts,
                                           .dx = dx,
                                           .dinput = learnt->input,
                                           .drecurrent =
                                               dropped ? encoder->masked[l] : learnt->recurrent,
                                           .dbias_input = learnt->bias_input,
                                           .dbias_recurrent = learnt->bias_recurrent,
                                           .fresh_recurrent = dropped,
                                           .dcells = encoder->dcells,
                                           .sums = encoder->sums};
    lstm_block_backward(&block, &backward, worker);
    team_wait(gemm_team(encoder->gemm));
    if (!dropped) return;
    struct drop drop = mask_of(pass, ENCODER_MASK_WEIGHT, l);
    struct gemm_share share =
        gemm_share(encoder->gemm, worker, 4 * block.units * block.units, DROP_GRAIN);
    drop_apply(&drop, share.from, share.to, encoder->masked[l], true, learnt->recurrent);
}

static void embedding_backward(const struct pass *pass, unsigned worker, float *dx)
{
    const struct encoder *encoder = pass->encoder;
    const struct encoder_trace *trace = pass->trace;
    struct embed_part part = {.width = encoder->weights->shape.width};
    struct gemm_share share = gemm_share(encoder->gemm, worker, part.width, DROP_GRAIN);
    struct drop table = mask_of(pass, ENCODER_MASK_EMBEDDING, 0);
    part.from = share.from;
    part.to = share.to;
    embed_backward(&part, dx, trace->ids, trace->rows * trace->steps,
                   drop_none(&table) ? NULL : trace->table, WEIGHTS_PAD,
                   pass->gradients->embedding);
}

static void backward_job(void *context, unsigned worker)
{
    const struct pass *pass = context;
    struct encoder *encoder = pass->encoder;
    struct encoder_trace *trace = pass->trace;
    float *douts = encoder->douts, *dx = encoder->dx;
    if (pass->again && !encoder->calm) drop_weights(pass, worker);
    for (unsigned l = encoder->weights->shape.layers; l-- > 0;) {
        bool deeper = learnt_below(pass->gradients, l);
        layer_backward(pass, worker, l, douts, deeper ? dx : NULL);
        if (!deeper) return;
        struct drop input = mask_of(pass, ENCODER_MASK_INPUT, 0);
        size_t inputs = encoder->weights->layers[l].inputs;
        if (l > 0 && has_hidden_mask(pass, l - 1))
            multiply_tokens(pass, worker, dx, trace->hidden[l - 1], inputs);
        if (l == 0 && !drop_none(&input)) multiply_tokens(pass, worker, dx, trace->input, inputs);
        team_wait(gemm_team(encoder->gemm));
        float *above = douts;
        douts = dx;
        dx = above;
    }
    embedding_backward(pass, worker, douts);
}

void encoder_backward(struct encoder *encoder, struct encoder_trace *trace,
                      const struct encoder_gradients *gradients, bool again)
{
    unsigned layers = encoder->weights->shape.layers;
    if (!learnt_below(gradients, layers)) return;
    struct pass pass = {.encoder = encoder, .trace = trace, .gradients = gradients, .again = again};
    team_run(gemm_team(encoder->gemm), backward_job, &pass);
}
