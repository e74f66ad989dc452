/* clas.c - texts side by side, block by block, then pooling and head.
 *
 * fastai runs, of a block, as many rows as do not begin it with padding, and takes the
 * first ones: with its padding, these are not always the ones that qualify. Padded to
 * whole blocks they are; there a row that begins a block with a word xxpad is dead for
 * it, as it is alone (model/window.h).
 *
 * Blocks are independent on the way back, for states carry no gradients. So outputs need
 * not be kept but for the first and the last step of each block, at which its neighbours
 * are compared: a block that has no trace is run again from the state before it. */
// SPDX-License-Identifier: Apache-2.0
#include "model/clas.h"

#include <string.h>

#include "base/check.h"
#include "nn/dense.h"
#include "nn/norm.h"
#include "nn/penalty.h"
#include "nn/pool.h"

/* A text among the columns of its batch, padding in front and behind. */
struct clas_place {
    size_t front, end;
    size_t last;  /* the column that counts as the last one */
    size_t steps; /* unmasked columns that are pooled */
};

/* A batch under way. */
struct pass {
    struct net *net;
    const struct clas_batch *batch;
    uint64_t draw;
    bool clean;
    size_t columns, first; /* of the padded batch; the first one that is pooled */
    size_t blocks;         /* all of them */
    struct penalty penalty;
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t traces_of(const struct net_options *options)
{
    return options->traces == 0 ? 1 : options->traces;
}

static void head_lay_learning(struct net *net, struct arena *arena)
{
    const struct weights_shape *shape = &net->options.shape;
    size_t rows = net->options.rows, widest = 0;
    for (unsigned b = 0; b < shape->blocks; b++) {
        size_t features = weights_features(shape, b);
        struct net_head *head = &net->clas.head[b];
        if (features > widest) widest = features;
        head->x = b == 0 ? net->clas.pooled : arena_take(arena, rows * features, sizeof(float));
        head->y = arena_take(arena, rows * features, sizeof(float));
        head->norm.mean = arena_take(arena, features, sizeof(double));
        head->norm.scale = arena_take(arena, features, sizeof(double));
    }
    net->clas.logits = arena_take(arena, rows * weights_classes(shape), sizeof(float));
    net->clas.dx = arena_take(arena, rows * widest, sizeof(float));
    head_lay(&net->clas.answer, shape, arena);
}

void clas_lay(struct net *net, struct arena *arena)
{
    const struct net_options *options = &net->options;
    const struct weights_shape *shape = &options->shape;
    struct net_clas *clas = &net->clas;
    size_t width = shape->width, rows = options->rows, traces = traces_of(options);
    check(options->length >= 1);
    clas->blocks = (least(options->length, shape->max_len) + shape->bptt - 1) / shape->bptt;
    clas->traces = arena_take(arena, traces, sizeof *clas->traces);
    for (size_t i = 0; i < traces; i++) {
        struct encoder_trace trace;
        encoder_trace_lay(&net->encoder, &trace, arena);
        if (clas->traces != NULL) clas->traces[i] = trace;
    }
    clas->places = arena_take(arena, rows, sizeof *clas->places);
    clas->states = arena_take(arena, clas->blocks * net->encoder.state_count, sizeof(float));
    clas->state_rows = arena_take(arena, clas->blocks, sizeof *clas->state_rows);
    clas->edges = arena_take(arena, clas->blocks * 2 * rows * width, sizeof(float));
    clas->zeros = arena_take(arena, width, sizeof(float));
    clas->pooled = arena_take(arena, rows * 3 * width, sizeof(float));
    clas->dpooled = arena_take(arena, rows * 3 * width, sizeof(float));
    clas->peaks = arena_take(arena, rows * width, sizeof *clas->peaks);
    clas->penalties = arena_take(arena, rows, sizeof(double));
    head_lay_learning(net, arena);
}

static uint32_t token(const struct pass *pass, size_t row, size_t column)
{
    const struct clas_place *place = &pass->net->clas.places[row];
    bool inside = column >= place->front && column < place->end;
    return inside ? pass->batch->texts[row].ids[column - place->front] : WEIGHTS_PAD;
}

static bool masked(const struct pass *pass, size_t row, size_t column)
{
    return token(pass, row, column) == WEIGHTS_PAD;
}

static size_t count_masked(const struct pass *pass, size_t row, size_t from)
{
    size_t count = 0;
    for (size_t c = from; c < pass->columns; c++) count += masked(pass, row, c);
    return count;
}

/* Where the texts lie, and what of them is pooled. */
static enum error_code place_texts(struct pass *pass, struct error *err)
{
    const struct net_options *options = &pass->net->options;
    const struct clas_batch *batch = pass->batch;
    size_t bptt = options->shape.bptt, max_len = options->shape.max_len;
    check(batch->rows >= 1 && batch->rows <= options->rows);
    size_t longest = batch->texts[0].count;
    pass->columns = pass->clean ? (longest + bptt - 1) / bptt * bptt : longest;
    pass->blocks = (pass->columns + bptt - 1) / bptt;
    pass->first = pass->columns <= max_len ? 0 : (pass->columns - max_len + bptt - 1) / bptt * bptt;
    check(pass->blocks - pass->first / bptt <= pass->net->clas.blocks);
    for (size_t r = 0; r < batch->rows; r++) {
        size_t count = batch->texts[r].count;
        struct clas_place *place = &pass->net->clas.places[r];
        check(count >= 1 && (r == 0 || count <= batch->texts[r - 1].count));
        place->front = (pass->columns - count) / bptt * bptt;
        place->end = place->front + count;
        place->steps = pass->columns - pass->first - count_masked(pass, r, pass->first);
        if (place->steps == 0)
            return error_set(err, ERR_EMPTY_CASE, r + 1, "the case holds nothing but padding");
        size_t tail = pass->columns - least(pass->columns - pass->first, bptt);
        place->last = pass->columns - 1 - count_masked(pass, r, tail);
    }
    return ERR_NONE;
}

/* A block, and which of its outputs count. */
struct block {
    const struct pass *pass;
    size_t start, steps;
    size_t rows; /* that are run */
    const struct encoder_trace *trace;
    const float *outs; /* [steps, rows, width] */
};

static struct block block_of(const struct pass *pass, size_t number)
{
    size_t bptt = pass->net->options.shape.bptt, start = number * bptt;
    struct block block = {
        .pass = pass, .start = start, .steps = least(bptt, pass->columns - start)};
    for (size_t r = 0; r < pass->batch->rows; r++)
        block.rows +=
            pass->clean ? pass->net->clas.places[r].front <= start : !masked(pass, r, start);
    return block;
}

/* Whether a row's outputs are what the layers gave; else they are zeros. */
static bool lives(const struct block *block, size_t row)
{
    return row < block->rows && !(block->pass->clean && masked(block->pass, row, block->start));
}

static bool is_pooled(const struct block *block) { return block->start >= block->pass->first; }

/* Its place among those that are pooled. */
static size_t index_of(const struct block *block)
{
    return (block->start - block->pass->first) / block->pass->net->options.shape.bptt;
}

static float *edge(const struct block *block, size_t index, bool last, size_t row)
{
    const struct net *net = block->pass->net;
    return net->clas.edges +
           ((2 * index + last) * net->options.rows + row) * net->options.shape.width;
}

/* The outputs of a row's step t within the block, or of its neighbour; NULL where the columns
 * that are pooled end. */
static const float *step_of(const struct block *block, size_t row, ptrdiff_t t)
{
    const struct pass *pass = block->pass;
    size_t width = pass->net->options.shape.width, index = index_of(block);
    if (t < 0) return index == 0 ? NULL : edge(block, index - 1, true, row);
    if ((size_t)t == block->steps) {
        bool more = block->start + block->steps < pass->columns;
        return more ? edge(block, index + 1, false, row) : NULL;
    }
    if (!lives(block, row)) return pass->net->clas.zeros;
    return block->outs + ((size_t)t * block->rows + row) * width;
}

/* The rows of a member: pooled, with what regularisation adds to the loss. */
static void collect_job(void *context, unsigned worker)
{
    const struct block *block = context;
    const struct pass *pass = block->pass;
    struct net_clas *clas = &pass->net->clas;
    size_t width = pass->net->options.shape.width, index = index_of(block);
    struct gemm_share share = gemm_share(pass->net->gemm, worker, pass->batch->rows, 1);
    for (size_t r = share.from; r < share.to; r++) {
        float *pooled = clas->pooled + r * 3 * width;
        for (size_t t = 0; t < block->steps; t++) {
            const float *out = step_of(block, r, (ptrdiff_t)t);
            const float *before = step_of(block, r, (ptrdiff_t)t - 1);
            size_t column = block->start + t;
            clas->penalties[r] += penalty_forward(&pass->penalty, width, out, before, out);
            if (!masked(pass, r, column))
                pool_note(pooled, clas->peaks + r * width, width, (uint32_t)column, out);
            if (column == clas->places[r].last) pool_last(pooled, 0, width, out);
        }
        memcpy(edge(block, index, false, r), step_of(block, r, 0), width * sizeof(float));
        memcpy(edge(block, index, true, r), step_of(block, r, (ptrdiff_t)block->steps - 1),
               width * sizeof(float));
    }
}

/* The gradients of a block's outputs, from pooling and regularisation. */
static void spread_job(void *context, unsigned worker)
{
    const struct block *block = context;
    const struct pass *pass = block->pass;
    struct net_clas *clas = &pass->net->clas;
    size_t width = pass->net->options.shape.width;
    struct gemm_share share = gemm_share(pass->net->gemm, worker, block->rows, 1);
    for (size_t r = share.from; r < share.to; r++)
        for (size_t t = 0; t < block->steps; t++) {
            float *dout = pass->net->encoder.douts + (t * block->rows + r) * width;
            const float *dpooled = clas->dpooled + r * 3 * width;
            const float *out = step_of(block, r, (ptrdiff_t)t);
            size_t column = block->start + t;
            memset(dout, 0, width * sizeof *dout);
            if (!lives(block, r)) continue;
            if (!masked(pass, r, column))
                pool_backward(dpooled, clas->peaks + r * width, width, (uint32_t)column,
                              clas->places[r].steps, dout);
            if (column == clas->places[r].last) pool_last_backward(dpooled, width, dout);
            penalty_size_backward(&pass->penalty, width, out, dout);
            penalty_change_backward(&pass->penalty, width, step_of(block, r, (ptrdiff_t)t - 1), out,
                                    step_of(block, r, (ptrdiff_t)t + 1), dout);
        }
}

/* Rows that were dead in a block begin the next one from zero. */
static void forget_dead(const struct block *block)
{
    const struct net *net = block->pass->net;
    float *state = net->encoder.state;
    for (unsigned l = 0; l < net->options.shape.layers; l++) {
        size_t units = weights_units(&net->options.shape, l);
        for (int which = 0; which < 2; which++, state += net->options.rows * units)
            for (size_t r = 0; r < block->rows; r++)
                if (!lives(block, r)) memset(state + r * units, 0, units * sizeof *state);
    }
}

/* The last blocks' traces are those left when all have run. */
static struct encoder_trace *trace_of(const struct pass *pass, size_t number)
{
    return &pass->net->clas.traces[(pass->blocks - 1 - number) % traces_of(&pass->net->options)];
}

static void run(struct block *block, size_t number, size_t state_rows)
{
    const struct pass *pass = block->pass;
    struct encoder_trace *trace = trace_of(pass, number);
    trace->rows = block->rows;
    trace->steps = block->steps;
    trace->draw = pass->draw;
    trace->block = (unsigned)number;
    for (size_t t = 0; t < block->steps; t++)
        for (size_t r = 0; r < block->rows; r++)
            trace->ids[t * block->rows + r] = token(pass, r, block->start + t);
    encoder_forward(&pass->net->encoder, trace, state_rows);
    block->outs = encoder_outs(&pass->net->encoder, trace);
}

/* All blocks, into pooled. */
static void encode(const struct pass *pass)
{
    struct net *net = pass->net;
    struct net_clas *clas = &net->clas;
    size_t width = net->options.shape.width, state_rows = 0;
    encoder_begin(&net->encoder, pass->draw == ENCODER_CALM);
    for (size_t r = 0; r < pass->batch->rows; r++) {
        pool_begin(clas->pooled + r * 3 * width, width, 0, width);
        clas->penalties[r] = 0;
    }
    for (size_t number = 0; number < pass->blocks; number++) {
        struct block block = block_of(pass, number);
        if (is_pooled(&block)) {
            float *kept = clas->states + index_of(&block) * net->encoder.state_count;
            memcpy(kept, net->encoder.state, net->encoder.state_count * sizeof *kept);
            clas->state_rows[index_of(&block)] = state_rows;
        }
        if (block.rows > 0) run(&block, number, state_rows);
        state_rows = block.rows;
        if (is_pooled(&block)) team_run(gemm_team(net->gemm), collect_job, &block);
        if (pass->clean) forget_dead(&block);
    }
    for (size_t r = 0; r < pass->batch->rows; r++)
        pool_end(clas->pooled + r * 3 * width, width, clas->places[r].steps);
}

static void encode_backward(const struct pass *pass, const struct encoder_gradients *gradients)
{
    struct net *net = pass->net;
    size_t first = pass->first / net->options.shape.bptt;
    for (size_t number = pass->blocks; number-- > first;) {
        struct block block = block_of(pass, number);
        if (block.rows == 0) continue;
        bool traced = pass->blocks - number <= traces_of(&net->options);
        if (traced) {
            block.outs = encoder_outs(&net->encoder, trace_of(pass, number));
        } else {
            const float *kept = net->clas.states + index_of(&block) * net->encoder.state_count;
            memcpy(net->encoder.state, kept, net->encoder.state_count * sizeof *kept);
            run(&block, number, net->clas.state_rows[index_of(&block)]);
        }
        team_run(gemm_team(net->gemm), spread_job, &block);
        encoder_backward(&net->encoder, trace_of(pass, number), gradients,
                         traced && number + 1 < pass->blocks);
    }
}

static struct drop head_mask(const struct pass *pass, unsigned b)
{
    const struct net_options *options = &pass->net->options;
    const struct encoder_key key = {.draw = pass->draw, .mask = ENCODER_MASK_HEAD, .index = b};
    return encoder_drop(&pass->net->encoder, &key,
                        b == 0 ? options->drops.output : options->drop_head);
}

/* pooled into logits. */
static void head_learn(const struct pass *pass)
{
    struct net *net = pass->net;
    size_t rows = pass->batch->rows;
    unsigned blocks = net->options.shape.blocks;
    for (unsigned b = 0; b < blocks; b++) {
        const struct weights_block *weights = &net->weights.blocks[b];
        struct net_head *head = &net->clas.head[b];
        size_t features = weights->norm.features;
        struct drop drop = head_mask(pass, b);
        float *out = b + 1 < blocks ? net->clas.head[b + 1].x : net->clas.logits;
        norm_learn(&weights->norm, head->x, rows, net_parameters(net, WEIGHTS_NORM_MEAN, b),
                   net_parameters(net, WEIGHTS_NORM_VARIANCE, b), &head->norm, head->y);
        drop_apply(&drop, 0, rows * features, head->y, false, head->y);
        dense_forward(head->y, rows, features, weights->dense, NULL, weights->outs, out);
        if (b + 1 < blocks) dense_relu(out, rows * weights->outs);
    }
}

/* The gradients of logits, which lie in their place, into dpooled. */
static void head_backward(const struct pass *pass)
{
    struct net *net = pass->net;
    struct net_clas *clas = &net->clas;
    size_t rows = pass->batch->rows;
    unsigned blocks = net->options.shape.blocks;
    for (unsigned b = blocks; b-- > 0;) {
        const struct weights_block *weights = &net->weights.blocks[b];
        struct net_head *head = &clas->head[b];
        size_t features = weights->norm.features;
        struct drop drop = head_mask(pass, b);
        float *dout = b + 1 < blocks ? clas->head[b + 1].y : clas->logits;
        dense_weight(dout, rows, weights->outs, head->y, features,
                     net_gradients(net, WEIGHTS_DENSE, b));
        dense_input(dout, rows, weights->outs, weights->dense, features, clas->dx);
        drop_apply(&drop, 0, rows * features, clas->dx, false, clas->dx);
        /* y has been used: it takes what goes on. */
        float *dx = b == 0 ? clas->dpooled : head->y;
        norm_backward(&weights->norm, &head->norm, head->x, rows, clas->dx,
                      net_gradients(net, WEIGHTS_NORM_GAIN, b),
                      net_gradients(net, WEIGHTS_NORM_BIAS, b), dx);
        if (b > 0) dense_relu_backward(head->x, rows * features, dx);
    }
}

/* What label smoothing (Szegedy et al. 2016) adds to the loss, while logits are what they are. */
static double smoothing_loss(const struct net *net, const struct clas_batch *batch)
{
    size_t classes = weights_classes(&net->options.shape);
    double sum = 0;
    for (size_t r = 0; r < batch->rows; r++) {
        const float *row = net->clas.logits + r * classes;
        double all = 0;
        for (size_t c = 0; c < classes; c++) all += (double)row[c];
        sum += (double)row[batch->labels[r]] - all / (double)classes;
    }
    return (double)net->options.smoothing * sum / (double)batch->rows;
}

/* And to the gradients of the logits, which have taken their place. */
static void smoothing_backward(const struct net *net, const struct clas_batch *batch)
{
    size_t classes = weights_classes(&net->options.shape);
    float share = net->options.smoothing / (float)batch->rows, each = share / (float)classes;
    for (size_t r = 0; r < batch->rows; r++) {
        float *row = net->clas.logits + r * classes;
        for (size_t c = 0; c < classes; c++) row[c] -= each;
        row[batch->labels[r]] += share;
    }
}

enum error_code clas_learn(struct net *net, const struct clas_batch *batch, float *logits,
                           struct net_loss *out_loss, struct error *err)
{
    const struct net_options *options = &net->options;
    size_t classes = weights_classes(&options->shape);
    struct pass pass = {.net = net, .batch = batch, .draw = batch->draw, .clean = options->clean};
    struct encoder_gradients gradients;
    check(batch->rows >= 2 && batch->draw != ENCODER_CALM);
    TRY(place_texts(&pass, err));
    const struct penalty_shape shape = {batch->rows, pass.columns - pass.first,
                                        options->shape.width};
    pass.penalty = penalty_of(options->alpha, options->beta, &shape);
    net_begin(net, &gradients);
    encode(&pass);
    head_learn(&pass);
    if (logits != NULL) memcpy(logits, net->clas.logits, batch->rows * classes * sizeof *logits);
    bool smooth = options->smoothing > 0;
    double added = smooth ? smoothing_loss(net, batch) : 0;
    struct net_loss loss = {.entropy = loss_softmax(net->clas.logits, batch->rows, classes,
                                                    batch->labels, 1.0f / (float)batch->rows) /
                                       (double)batch->rows};
    if (smooth) smoothing_backward(net, batch);
    loss.total = loss.entropy + added;
    for (size_t r = 0; r < batch->rows; r++) loss.total += net->clas.penalties[r];
    head_backward(&pass);
    if (net->first + 1 < net->groups) encode_backward(&pass, &gradients);
    *out_loss = loss;
    return ERR_NONE;
}

enum error_code clas_judge(struct net *net, const struct clas_batch *batch, float *logits,
                           double *out_entropy, struct error *err)
{
    size_t classes = weights_classes(&net->options.shape), width = net->options.shape.width;
    struct pass pass = {.net = net, .batch = batch, .draw = ENCODER_CALM, .clean = true};
    TRY(place_texts(&pass, err));
    encode(&pass);
    for (size_t r = 0; r < batch->rows; r++)
        head_forward(&net->weights, net->clas.pooled + r * 3 * width, &net->clas.answer,
                     net->clas.logits + r * classes);
    if (logits != NULL) memcpy(logits, net->clas.logits, batch->rows * classes * sizeof *logits);
    if (out_entropy != NULL)
        *out_entropy = loss_softmax(net->clas.logits, batch->rows, classes, batch->labels, 1) /
                       (double)batch->rows;
    return ERR_NONE;
}
