/* net.c - tensors.def laid out twice, as parameters and as gradients.
 *
 * Rows begin at cache lines, so that members who share out a row do not write to the
 * same line. Parts lay themselves out: lm_lay(), clas_lay(). */
// SPDX-License-Identifier: Apache-2.0
#include "model/net.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/rng.h"
#include "model/clas.h"
#include "model/lm.h"

enum { LINE = ARENA_ALIGN / sizeof(float) };

struct encoder_drops net_drops(const struct weights_shape *shape, float drop_mult)
{
    struct encoder_drops drops = weights_headless(shape)
                                     ? (struct encoder_drops){.embedding = 0.02f,
                                                              .input = 0.25f,
                                                              .weight = 0.2f,
                                                              .hidden = 0.15f,
                                                              .output = 0.1f}
                                     : (struct encoder_drops){.embedding = 0.05f,
                                                              .input = 0.4f,
                                                              .weight = 0.5f,
                                                              .hidden = 0.3f,
                                                              .output = 0.4f};
    drops.embedding *= drop_mult;
    drops.input *= drop_mult;
    drops.weight *= drop_mult;
    drops.hidden *= drop_mult;
    drops.output *= drop_mult;
    return drops;
}

static int group_of(const struct weights_shape *shape, const struct weights_row *row)
{
    int layers = (int)shape->layers;
    bool headless = weights_headless(shape);
    switch (row->group) {
    case WEIGHTS_GROUP_EMBEDDING:
        return headless ? layers : 0;
    case WEIGHTS_GROUP_LAYER:
        return (int)row->index + !headless;
    case WEIGHTS_GROUP_HEAD:
        return layers + 1;
    case WEIGHTS_GROUP_FIXED:
        break;
    }
    return NET_FIXED;
}

static bool decays(enum weights_id id)
{
    return id != WEIGHTS_NORM_GAIN && id != WEIGHTS_NORM_BIAS && id != WEIGHTS_DECODER_BIAS;
}

static void rows_lay(struct net *net, struct arena *arena)
{
    const struct weights_shape *shape = &net->options.shape;
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    net->row_count = weights_list(shape, rows);
    net->groups = shape->layers + (weights_headless(shape) ? 1 : 2);
    for (size_t i = 0; i < net->row_count; i++) {
        size_t count = rows[i].rows * rows[i].columns;
        int group = group_of(shape, &rows[i]);
        net->rows[i] = (struct net_row){.row = rows[i],
                                        .offset = net->count,
                                        .count = count,
                                        .group = group,
                                        .decays = group != NET_FIXED && decays(rows[i].id)};
        net->count += (count + LINE - 1) / LINE * LINE;
    }
    net->parameters = arena_take(arena, net->count, sizeof(float));
    net->gradients = arena_take(arena, net->count, sizeof(float));
    weights_begin(&net->weights, shape);
    for (size_t i = 0; i < net->row_count && net->parameters != NULL; i++)
        weights_bind(&net->weights, &rows[i], net->parameters + net->rows[i].offset);
}

void net_lay(struct net *net, const struct net_options *options, struct gemm *gemm,
             struct arena *arena)
{
    check(options->rows >= 1);
    *net = (struct net){.options = *options, .gemm = gemm};
    rows_lay(net, arena);
    struct gemm_room room = encoder_room(&options->shape, options->rows);
    gemm_lay(gemm, &room, arena);
    encoder_lay(&net->encoder, &net->weights, options->rows, gemm, arena);
    net->encoder.drops = options->drops;
    net->encoder.seed = options->seed;
    if (weights_headless(&options->shape)) {
        net->state = net->encoder.state;
        net->state_count = net->encoder.state_count;
        lm_lay(net, arena);
    } else {
        clas_lay(net, arena);
    }
}

void net_start(struct net *net, uint64_t seed)
{
    for (size_t i = 0; i < net->row_count; i++) {
        const struct weights_row *row = &net->rows[i].row;
        float *values = net->parameters + net->rows[i].offset;
        const float reach[] = {[WEIGHTS_INITIAL_UNIFORM_TENTH] = 0.1f,
                               [WEIGHTS_INITIAL_UNIFORM_UNITS] =
                                   1 / sqrtf((float)weights_units(&net->options.shape, row->index)),
                               [WEIGHTS_INITIAL_UNIFORM_FEATURES] = 1 / sqrtf((float)row->columns)};
        struct rng rng = rng_seed(rng_mix(seed) + i);
        for (size_t k = 0; k < net->rows[i].count; k++) switch (row->initial) {
            case WEIGHTS_INITIAL_ZERO:
                values[k] = 0;
                break;
            case WEIGHTS_INITIAL_ONE:
                values[k] = 1;
                break;
            case WEIGHTS_INITIAL_THOUSANDTH:
                values[k] = 0.001f;
                break;
            default: /* in [-1, 1), times the reach */
                values[k] = ((float)(rng_next(&rng) >> 40) * 0x1p-23f - 1) * reach[row->initial];
            }
    }
}

/* NULL where this shape has none. */
static const struct net_row *find(const struct net *net, enum weights_id id, unsigned index)
{
    for (size_t i = 0; i < net->row_count; i++)
        if (net->rows[i].row.id == id && net->rows[i].row.index == index) return &net->rows[i];
    return NULL;
}

float *net_parameters(const struct net *net, enum weights_id id, unsigned index)
{
    const struct net_row *row = find(net, id, index);
    return row == NULL ? NULL : net->parameters + row->offset;
}

float *net_gradients(const struct net *net, enum weights_id id, unsigned index)
{
    const struct net_row *row = find(net, id, index);
    bool learnt = row != NULL && row->group >= (int)net->first;
    return learnt ? net->gradients + row->offset : NULL;
}

static void zero_job(void *context, unsigned worker)
{
    const struct net *net = context;
    for (size_t i = 0; i < net->row_count; i++) {
        const struct net_row *row = &net->rows[i];
        if (row->group < (int)net->first) continue;
        struct gemm_share share = gemm_share(net->gemm, worker, row->count, LINE);
        memset(net->gradients + row->offset + share.from, 0,
               (share.to - share.from) * sizeof *net->gradients);
    }
}

void net_begin(struct net *net, struct encoder_gradients *out_gradients)
{
    check(net->first < net->groups);
    team_run(gemm_team(net->gemm), zero_job, net);
    *out_gradients =
        (struct encoder_gradients){.embedding = net_gradients(net, WEIGHTS_EMBEDDING, 0)};
    for (unsigned l = 0; l < net->options.shape.layers; l++)
        out_gradients->layers[l] =
            (struct encoder_layer){.input = net_gradients(net, WEIGHTS_INPUT, l),
                                   .recurrent = net_gradients(net, WEIGHTS_RECURRENT, l),
                                   .bias_input = net_gradients(net, WEIGHTS_BIAS_INPUT, l),
                                   .bias_recurrent = net_gradients(net, WEIGHTS_BIAS_RECURRENT, l)};
}
