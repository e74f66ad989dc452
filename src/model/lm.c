/* lm.c - a batch is one block.
 *
 * The decoder's gradient goes into the embedding's, on which the look-up's is added at
 * the end, when gradients have come down through the layers. */
// SPDX-License-Identifier: Apache-2.0
#include "model/lm.h"

#include <string.h>

#include "base/check.h"
#include "nn/penalty.h"

/* Of logits held at once: enough that a pass over the decoder's gradient is cheap beside the
 * products of a portion. */
static const size_t LOGITS_BYTES = 128u << 20;

void lm_lay(struct net *net, struct arena *arena)
{
    const struct weights_shape *shape = &net->options.shape;
    struct net_lm *lm = &net->lm;
    size_t rows = net->options.rows, all = rows * shape->bptt;
    gemm_matrix_lay(net->gemm, &lm->decoder, NULL, shape->vocab, shape->width, arena);
    loss_lay(&lm->loss, net->gemm, shape->vocab, all, LOGITS_BYTES, arena);
    encoder_trace_lay(&net->encoder, &lm->trace, arena);
    lm->targets = arena_take(arena, all, sizeof *lm->targets);
    lm->mask = arena_take(arena, rows * shape->width, sizeof(float));
    lm->dropped = arena_take(arena, all * shape->width, sizeof(float));
    lm->penalties = arena_take(arena, rows, sizeof(double));
}

void lm_reset(struct net *net) { net->state_rows = 0; }

/* Rows of a batch become rows of time steps. */
static void batch_take(struct net *net, const struct lm_batch *batch, uint64_t draw)
{
    struct net_lm *lm = &net->lm;
    check(batch->rows >= 1 && batch->rows <= net->options.rows);
    check(batch->steps >= 1 && batch->steps <= net->options.shape.bptt);
    lm->trace.rows = batch->rows;
    lm->trace.steps = batch->steps;
    lm->trace.draw = draw;
    lm->trace.block = 0;
    for (size_t t = 0; t < batch->steps; t++)
        for (size_t r = 0; r < batch->rows; r++) {
            lm->trace.ids[t * batch->rows + r] = batch->x[r * batch->stride + t];
            lm->targets[t * batch->rows + r] = batch->y[r * batch->stride + t];
        }
}

static void run(struct net *net)
{
    struct net_lm *lm = &net->lm;
    bool calm = lm->trace.draw == ENCODER_CALM;
    lm->decoder.values = net->weights.embedding;
    gemm_renew(net->gemm, &lm->decoder);
    encoder_begin(&net->encoder, calm);
    encoder_forward(&net->encoder, &lm->trace, net->state_rows);
    net->state_rows = lm->trace.rows;
}

/* Behind the last layer, and back. */
struct tail {
    struct net *net;
    const float *raw; /* [steps, rows, width] */
    const float *out; /* raw, or behind its dropout */
    struct drop drop;
    struct penalty penalty;
};

static struct tail tail_of(struct net *net)
{
    struct net_lm *lm = &net->lm;
    const struct encoder_key key = {.draw = lm->trace.draw, .mask = ENCODER_MASK_OUTPUT};
    const struct penalty_shape shape = {lm->trace.rows, lm->trace.steps, net->options.shape.width};
    struct tail tail = {.net = net,
                        .raw = encoder_outs(&net->encoder, &lm->trace),
                        .drop = encoder_drop(&net->encoder, &key, net->options.drops.output),
                        .penalty = penalty_of(net->options.alpha, net->options.beta, &shape)};
    tail.out = drop_none(&tail.drop) ? tail.raw : lm->dropped;
    return tail;
}

/* The rows of a member: dropout, and what regularisation adds to the loss. */
static void tail_forward(void *context, unsigned worker)
{
    const struct tail *tail = context;
    struct net_lm *lm = &tail->net->lm;
    size_t width = tail->net->options.shape.width, rows = lm->trace.rows;
    struct gemm_share share = gemm_share(tail->net->gemm, worker, rows * width, DROP_GRAIN);
    if (!drop_none(&tail->drop)) {
        drop_mask(&tail->drop, share.from, share.to, lm->mask);
        team_wait(gemm_team(tail->net->gemm));
    }
    share = gemm_share(tail->net->gemm, worker, rows, 1);
    for (size_t r = share.from; r < share.to; r++) {
        lm->penalties[r] = 0;
        for (size_t t = 0; t < lm->trace.steps; t++) {
            size_t at = (t * rows + r) * width;
            if (!drop_none(&tail->drop))
                drop_multiply(width, tail->raw + at, lm->mask + r * width, lm->dropped + at);
            lm->penalties[r] +=
                penalty_forward(&tail->penalty, width, tail->out + at,
                                t == 0 ? NULL : tail->raw + at - rows * width, tail->raw + at);
        }
    }
}

/* The gradients of out become those of raw. */
static void tail_backward(void *context, unsigned worker)
{
    const struct tail *tail = context;
    struct net_lm *lm = &tail->net->lm;
    size_t width = tail->net->options.shape.width, rows = lm->trace.rows, step = rows * width;
    struct gemm_share share = gemm_share(tail->net->gemm, worker, rows, 1);
    for (size_t t = 0; t < lm->trace.steps; t++)
        for (size_t r = share.from; r < share.to; r++) {
            size_t at = t * step + r * width;
            const float *raw = tail->raw + at;
            float *dout = tail->net->encoder.douts + at;
            penalty_size_backward(&tail->penalty, width, tail->out + at, dout);
            if (!drop_none(&tail->drop)) drop_multiply(width, dout, lm->mask + r * width, dout);
            penalty_change_backward(&tail->penalty, width, t == 0 ? NULL : raw - step, raw,
                                    t + 1 == lm->trace.steps ? NULL : raw + step, dout);
        }
}

void lm_learn(struct net *net, const struct lm_batch *batch, struct net_loss *out_loss)
{
    struct net_lm *lm = &net->lm;
    struct encoder_gradients gradients;
    check(batch->draw != ENCODER_CALM);
    net_begin(net, &gradients);
    batch_take(net, batch, batch->draw);
    run(net);
    struct tail tail = tail_of(net);
    team_run(gemm_team(net->gemm), tail_forward, &tail);
    struct net_loss loss = {0};
    loss.entropy = loss_train(&lm->loss, net->gemm, &lm->decoder, net->weights.decoder_bias,
                              batch->rows * batch->steps, tail.out, lm->targets, net->encoder.douts,
                              gradients.embedding, net_gradients(net, WEIGHTS_DECODER_BIAS, 0));
    loss.total = loss.entropy;
    for (size_t r = 0; r < batch->rows; r++) loss.total += lm->penalties[r];
    team_run(gemm_team(net->gemm), tail_backward, &tail);
    encoder_backward(&net->encoder, &lm->trace, &gradients, false);
    *out_loss = loss;
}

double lm_judge(struct net *net, const struct lm_batch *batch)
{
    struct net_lm *lm = &net->lm;
    batch_take(net, batch, ENCODER_CALM);
    run(net);
    return loss_forward(&lm->loss, net->gemm, &lm->decoder, net->weights.decoder_bias,
                        batch->rows * batch->steps, encoder_outs(&net->encoder, &lm->trace),
                        lm->targets);
}
