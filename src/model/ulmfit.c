/* ulmfit.c - stretches of time steps, layer by layer, in lock step.
 *
 * All running cases move on by one stretch at a time: at most ULMFIT_ROWS steps
 * together. Within a stretch each layer first multiplies all its inputs with the
 * input weights, then walks the steps. A thread owns a share of each layer's
 * blocks of units: it computes them for every case, and after the barrier at the
 * end of a step every thread quantises the whole new state for itself, which
 * costs less than sharing it. What is quantised serves the next step and the
 * next layer alike.
 *
 * Every thread keeps the same books (which case is where); nothing is decided by
 * one for the others, so there is nothing to wait for but the state itself. */
// SPDX-License-Identifier: Apache-2.0
#include "model/ulmfit.h"

#include <string.h>

#include "base/check.h"
#include "model/window.h"
#include "nn/pool.h"

/* A running case. */
struct slot {
    size_t number; /* of the slot: where its state lies */
    struct ulmfit_case text;
    struct window window;
    size_t at;                       /* the next step */
    size_t steps;                    /* of this stretch */
    size_t first_row;                /* of this stretch */
    float scale[WEIGHTS_LAYERS_MAX]; /* of q */
};

struct ulmfit_worker {
    struct slot *slots; /* [slots], the running ones first */
    size_t running;
    struct kernel_row *rows;        /* [ULMFIT_ROWS] */
    uint8_t *x, *y;                 /* [ULMFIT_ROWS][stride]: a layer's inputs and outputs */
    float *x_scale, *y_scale;       /* [ULMFIT_ROWS] */
    uint8_t *q[WEIGHTS_LAYERS_MAX]; /* [slots][stride]: the state before a stretch */
    struct head_scratch head;
    unsigned turn; /* which of the two h comes next */
};

struct job {
    const struct ulmfit *ulmfit;
    struct ulmfit_pass *pass;
    const struct ulmfit_stream *stream;
};

/* What a thread needs at hand. */
struct view {
    const struct ulmfit *ulmfit;
    const struct weights_shape *shape;
    struct ulmfit_pass *pass;
    struct ulmfit_worker *me;
    unsigned worker, threads;
    size_t stride, gates; /* of the widest layer */
};

static size_t widest(const struct weights_shape *shape)
{
    return shape->hidden > shape->width ? shape->hidden : shape->width;
}

static size_t padded_units(const struct weights_shape *shape, unsigned layer)
{
    return kernel_blocks(weights_units(shape, layer)) * KERNEL_UNITS;
}

/* Opening and laying out */

enum error_code ulmfit_pick(const char *name, const struct kernel **out_kernel, struct error *err)
{
    *out_kernel = NULL;
    if (name != NULL && strcmp(name, "exact") == 0) return ERR_NONE;
    return kernel_pick(name, out_kernel, err);
}

enum error_code ulmfit_over(struct ulmfit *out_ulmfit, const struct shrink *shrink,
                            const char *kernel, struct error *err)
{
    struct ulmfit ulmfit = {.shrink = *shrink};
    TRY(ulmfit_pick(kernel, &ulmfit.kernel, err));
    if (ulmfit.kernel == NULL && !shrink->exact)
        return error_set(err, ERR_UNAVAILABLE, 0,
                         "the model does not hold ULMFiT's exact weights; import it with --exact");
    *out_ulmfit = ulmfit;
    return ERR_NONE;
}

enum error_code ulmfit_open(struct ulmfit *out_ulmfit, const struct bundle *bundle,
                            const char *kernel, struct error *err)
{
    struct shrink shrink;
    TRY(shrink_bind(&shrink, bundle, err));
    return ulmfit_over(out_ulmfit, &shrink, kernel, err);
}

const char *ulmfit_kernel(const struct ulmfit *ulmfit)
{
    return ulmfit->kernel == NULL ? "exact" : ulmfit->kernel->name;
}

/* Floats a thread's row of `highest` takes: whole cache lines. */
static size_t highest_stride(unsigned slots) { return (slots + 15) / 16 * 16; }

static void lay_worker(struct ulmfit_worker *worker, const struct weights_shape *shape,
                       unsigned slots, struct arena *arena)
{
    struct ulmfit_worker laid = {0};
    size_t stride = kernel_stride(widest(shape));
    laid.slots = arena_take(arena, slots, sizeof *laid.slots);
    laid.rows = arena_take(arena, ULMFIT_ROWS, sizeof *laid.rows);
    laid.x = arena_take(arena, ULMFIT_ROWS, stride);
    laid.y = arena_take(arena, ULMFIT_ROWS, stride);
    laid.x_scale = arena_take(arena, ULMFIT_ROWS, sizeof(float));
    laid.y_scale = arena_take(arena, ULMFIT_ROWS, sizeof(float));
    for (unsigned l = 0; l < shape->layers; l++) laid.q[l] = arena_take(arena, slots, stride);
    head_lay(&laid.head, shape, arena);
    if (worker != NULL) *worker = laid;
}

void ulmfit_lay(struct ulmfit_pass *pass, const struct ulmfit *ulmfit, unsigned slots,
                unsigned threads, struct arena *arena)
{
    const struct weights_shape *shape = &ulmfit->shrink.weights.shape;
    check(slots >= 1 && slots <= ULMFIT_SLOTS_MAX);
    check(threads >= 1 && threads <= TEAM_THREADS_MAX);
    *pass = (struct ulmfit_pass){.slots = slots, .threads = threads};
    pass->fresh = arena_take(arena, slots, sizeof *pass->fresh);
    pass->workers = arena_take(arena, threads, sizeof *pass->workers);
    if (ulmfit->kernel == NULL) {
        awd_lay(&pass->awd, shape, arena);
        pass->awd_pooled = arena_take(arena, 3 * shape->width, sizeof(float));
        lay_worker(pass->workers, shape, 1, arena);
        return;
    }
    size_t units = kernel_blocks(widest(shape)) * KERNEL_UNITS;
    pass->z = arena_take(arena, ULMFIT_ROWS * 4 * units, sizeof(float));
    for (int turn = 0; turn < 2; turn++) {
        pass->h[turn] = arena_take(arena, slots * units, sizeof(float));
        pass->highest[turn] = arena_take(arena, threads * highest_stride(slots), sizeof(float));
    }
    for (unsigned l = 0; l < shape->layers; l++)
        pass->c[l] = arena_take(arena, slots * padded_units(shape, l), sizeof(float));
    pass->zeros = arena_take(arena, shape->width, sizeof(float));
    pass->pooled = arena_take(arena, (size_t)slots * 3 * shape->width, sizeof(float));
    for (unsigned w = 0; w < threads; w++)
        lay_worker(pass->workers == NULL ? NULL : &pass->workers[w], shape, slots, arena);
}

/* Shares */

static struct kernel_share share_of(const struct view *view, unsigned layer)
{
    size_t blocks = kernel_blocks(weights_units(view->shape, layer));
    return (struct kernel_share){.from = blocks * view->worker / view->threads,
                                 .to = blocks * (view->worker + 1) / view->threads};
}

/* The features of the pooling that a thread owns: the units of its last layer. */
static void features_of(const struct view *view, size_t *out_from, size_t *out_to)
{
    struct kernel_share share = share_of(view, view->shape->layers - 1);
    size_t width = view->shape->width, to = share.to * KERNEL_UNITS;
    *out_from = share.from * KERNEL_UNITS;
    *out_to = to < width ? to : width;
    if (*out_from > *out_to) *out_from = *out_to;
}

static float *pooled_of(const struct view *view, const struct slot *slot)
{
    return view->pass->pooled + slot->number * 3 * view->shape->width;
}

/* The books */

/* The state is zero at the start of a text and after a dead block. */
static void forget(const struct view *view, struct slot *slot)
{
    for (unsigned l = 0; l < view->shape->layers; l++) {
        struct kernel_share share = share_of(view, l);
        size_t units = padded_units(view->shape, l);
        float *c = view->pass->c[l] + slot->number * units;
        memset(c + share.from * KERNEL_UNITS, 0,
               (share.to - share.from) * KERNEL_UNITS * sizeof *c);
        /* With scale 0 the products count nothing, whatever q holds. */
        slot->scale[l] = 0;
    }
}

/* Pools one step's output, or zeros of a dead block. */
static void pool_step(const struct view *view, const struct slot *slot, size_t at,
                      const float *step)
{
    size_t from, to;
    features_of(view, &from, &to);
    if (at < slot->window.start) return;
    float *pooled = pooled_of(view, slot);
    if (slot->text.ids[at] != WEIGHTS_PAD) pool_add(pooled, view->shape->width, from, to, step);
    if (at == slot->window.last) pool_last(pooled, from, to, step);
}

/* Passes the dead blocks at the slot's place, then says how many of at most
 * `most` steps are live. */
static size_t stretch(const struct view *view, struct slot *slot, size_t most)
{
    const uint32_t *ids = slot->text.ids;
    size_t count = slot->text.count, bptt = view->shape->bptt;
    while (slot->at < count && slot->at % bptt == 0 && window_dead(ids, slot->at)) {
        size_t end = slot->at + bptt < count ? slot->at + bptt : count;
        for (; slot->at < end; slot->at++) pool_step(view, slot, slot->at, view->pass->zeros);
        forget(view, slot);
    }
    size_t end = slot->at + most < count ? slot->at + most : count;
    for (size_t block = (slot->at / bptt + 1) * bptt; block < end; block += bptt)
        if (window_dead(ids, block)) end = block;
    return end - slot->at;
}

/* The one decision that is made by one for all: which cases come in. */
static void take_in(const struct view *view, const struct ulmfit_stream *stream)
{
    struct ulmfit_pass *pass = view->pass;
    if (stream->between != NULL) stream->between(stream->context);
    pass->fresh_count = 0;
    while (view->me->running + pass->fresh_count < pass->slots &&
           stream->next(stream->context, &pass->fresh[pass->fresh_count]))
        pass->fresh_count++;
}

/* Gives free slots to the fresh cases; slots are numbered in the order of taking. */
static void admit(const struct view *view)
{
    struct ulmfit_worker *me = view->me;
    for (size_t i = 0; i < view->pass->fresh_count; i++) {
        struct slot *slot = &me->slots[me->running++]; /* its number is free */
        slot->text = view->pass->fresh[i];
        slot->at = 0;
        struct error err;
        check(window_of(view->shape, slot->text.ids, slot->text.count, &slot->window, &err) ==
              ERR_NONE);
        size_t from, to;
        features_of(view, &from, &to);
        pool_begin(pooled_of(view, slot), view->shape->width, from, to);
        forget(view, slot);
    }
}

/* Shares out the rows of the next stretch; returns its longest piece. */
static size_t plan(const struct view *view)
{
    struct ulmfit_worker *me = view->me;
    size_t most = ULMFIT_ROWS / me->running, longest = 0, row = 0;
    for (size_t s = 0; s < me->running; s++) {
        struct slot *slot = &me->slots[s];
        slot->steps = stretch(view, slot, most);
        slot->first_row = row;
        row += slot->steps;
        if (slot->steps > longest) longest = slot->steps;
    }
    return longest;
}

/* Layers */

/* The embedding is int8 already: rows are taken as they are. */
static void look_up(const struct view *view)
{
    const struct shrink *shrink = &view->ulmfit->shrink;
    size_t width = view->shape->width;
    for (size_t s = 0; s < view->me->running; s++) {
        const struct slot *slot = &view->me->slots[s];
        for (size_t t = 0; t < slot->steps; t++) {
            size_t word = slot->text.ids[slot->at + t], row = slot->first_row + t;
            view->ulmfit->kernel->adopt(shrink->embedding + word * width, width,
                                        view->me->x + row * view->stride);
            view->me->x_scale[row] = shrink->embedding_scale[word];
        }
    }
}

static void input_products(const struct view *view, unsigned layer)
{
    struct ulmfit_worker *me = view->me;
    const struct shrink_layer *weights = &view->ulmfit->shrink.layers[layer];
    const struct slot *last = &me->slots[me->running - 1];
    size_t count = last->first_row + last->steps;
    struct kernel_share share = share_of(view, layer);
    for (size_t row = 0; row < count; row++)
        me->rows[row] = (struct kernel_row){.q = me->x + row * view->stride,
                                            .scale = me->x_scale[row],
                                            .z = view->pass->z + row * view->gates};
    view->ulmfit->kernel->input(&weights->input, weights->bias, &share, me->rows, count);
}

/* Everything of step t that belongs to this thread's share. */
static void step_share(const struct view *view, unsigned layer, size_t t)
{
    struct ulmfit_worker *me = view->me;
    struct ulmfit_pass *pass = view->pass;
    size_t units = padded_units(view->shape, layer), count = 0;
    struct kernel_share share = share_of(view, layer);
    share.downwards = me->turn == 1;
    for (size_t s = 0; s < me->running; s++) {
        struct slot *slot = &me->slots[s];
        if (slot->steps <= t) continue;
        size_t row = slot->first_row + t;
        me->rows[count++] =
            (struct kernel_row){.q = t == 0 ? me->q[layer] + slot->number * view->stride
                                            : me->y + (row - 1) * view->stride,
                                .scale = t == 0 ? slot->scale[layer] : me->y_scale[row - 1],
                                .z = pass->z + row * view->gates,
                                .c = pass->c[layer] + slot->number * units,
                                .h = pass->h[me->turn] + slot->number * (view->gates / 4)};
    }
    view->ulmfit->kernel->step(&view->ulmfit->shrink.layers[layer].recurrent, &share, me->rows,
                               count);
    float *highest = pass->highest[me->turn] + view->worker * highest_stride(pass->slots);
    count = 0;
    for (size_t s = 0; s < me->running; s++)
        if (me->slots[s].steps > t) highest[me->slots[s].number] = me->rows[count++].highest;
}

/* After the barrier: the whole state of step t, quantised and pooled. */
static void step_whole(const struct view *view, unsigned layer, size_t t)
{
    struct ulmfit_worker *me = view->me;
    const struct ulmfit_pass *pass = view->pass;
    size_t units = weights_units(view->shape, layer), apart = highest_stride(pass->slots);
    for (size_t s = 0; s < me->running; s++) {
        struct slot *slot = &me->slots[s];
        if (slot->steps <= t) continue;
        const float *h = pass->h[me->turn] + slot->number * (view->gates / 4);
        float highest = 0;
        for (unsigned w = 0; w < view->threads; w++) {
            float other = pass->highest[me->turn][w * apart + slot->number];
            highest = other > highest ? other : highest;
        }
        size_t row = slot->first_row + t;
        me->y_scale[row] =
            view->ulmfit->kernel->quantise(h, units, highest, me->y + row * view->stride);
        if (layer + 1 == view->shape->layers) pool_step(view, slot, slot->at + t, h);
    }
}

/* What the next stretch begins with; outputs become the next layer's inputs. */
static void hand_over(const struct view *view, unsigned layer)
{
    struct ulmfit_worker *me = view->me;
    for (size_t s = 0; s < me->running; s++) {
        struct slot *slot = &me->slots[s];
        if (slot->steps == 0) continue;
        size_t row = slot->first_row + slot->steps - 1;
        memcpy(me->q[layer] + slot->number * view->stride, me->y + row * view->stride,
               view->stride);
        slot->scale[layer] = me->y_scale[row];
    }
    uint8_t *x = me->x;
    float *x_scale = me->x_scale;
    me->x = me->y, me->x_scale = me->y_scale;
    me->y = x, me->y_scale = x_scale;
}

static void run_layers(const struct view *view, size_t steps)
{
    look_up(view);
    for (unsigned l = 0; l < view->shape->layers; l++) {
        input_products(view, l);
        for (size_t t = 0; t < steps; t++) {
            step_share(view, l, t);
            team_wait(view->pass->team);
            step_whole(view, l, t);
            view->me->turn ^= 1;
        }
        hand_over(view, l);
    }
}

/* Ends */

static void answer(const struct view *view, const struct slot *slot)
{
    float *pooled = pooled_of(view, slot);
    pool_end(pooled, view->shape->width, slot->window.steps);
    head_forward(&view->ulmfit->shrink.weights, pooled, &view->me->head, slot->text.logits);
}

/* Moves on, shares out the heads of ended cases, and closes the ranks: the ended ones stand
 * behind the running ones then. Returns how many they are. */
static size_t finish(const struct view *view)
{
    struct ulmfit_worker *me = view->me;
    size_t ended = 0, kept = 0;
    for (size_t s = 0; s < me->running; s++) {
        me->slots[s].at += me->slots[s].steps;
        ended += me->slots[s].at == me->slots[s].text.count;
    }
    if (ended == 0) return 0;
    team_wait(view->pass->team); /* all features are pooled */
    ended = 0;
    for (size_t s = 0; s < me->running; s++)
        if (me->slots[s].at == me->slots[s].text.count && ended++ % view->threads == view->worker)
            answer(view, &me->slots[s]);
    for (size_t s = 0; s < me->running; s++) {
        if (me->slots[s].at == me->slots[s].text.count) continue;
        struct slot free = me->slots[kept]; /* its number stays behind for the next case */
        me->slots[kept++] = me->slots[s];
        me->slots[s] = free;
    }
    me->running = kept;
    team_wait(view->pass->team); /* nobody begins a slot that is still answered from */
    return ended;
}

static void work(void *context, unsigned worker)
{
    const struct job *job = context;
    const struct weights_shape *shape = &job->ulmfit->shrink.weights.shape;
    struct view view = {.ulmfit = job->ulmfit,
                        .shape = shape,
                        .pass = job->pass,
                        .me = &job->pass->workers[worker],
                        .worker = worker,
                        .threads = team_size(job->pass->team),
                        .stride = kernel_stride(widest(shape)),
                        .gates = kernel_blocks(widest(shape)) * KERNEL_LANES};
    view.me->running = 0;
    view.me->turn = 0;
    for (size_t s = 0; s < job->pass->slots; s++) view.me->slots[s].number = s;
    for (;;) {
        if (worker == 0) take_in(&view, job->stream);
        team_wait(job->pass->team); /* what came in, all see */
        admit(&view);
        if (view.me->running == 0) return;
        size_t steps = plan(&view);
        if (steps > 0) run_layers(&view, steps);
        size_t ended = finish(&view);
        for (size_t s = 0; worker == 0 && s < ended; s++)
            job->stream->ended(job->stream->context, &view.me->slots[view.me->running + s].text);
    }
}

static void flow_exact(const struct ulmfit *ulmfit, struct ulmfit_pass *pass,
                       const struct ulmfit_stream *stream)
{
    const struct weights *weights = &ulmfit->shrink.weights;
    struct ulmfit_case one;
    struct error err;
    while (stream->next(stream->context, &one)) {
        check(awd_encode(weights, one.ids, one.count, &pass->awd, pass->awd_pooled, &err) ==
              ERR_NONE);
        head_forward(weights, pass->awd_pooled, &pass->workers->head, one.logits);
        stream->ended(stream->context, &one);
        if (stream->between != NULL) stream->between(stream->context);
    }
}

void ulmfit_flow(const struct ulmfit *ulmfit, struct ulmfit_pass *pass,
                 const struct ulmfit_stream *stream)
{
    struct job job = {ulmfit, pass, stream};
    if (ulmfit->kernel == NULL) {
        flow_exact(ulmfit, pass, stream);
        return;
    }
    check(pass->team != NULL && team_size(pass->team) <= pass->threads);
    team_run(pass->team, work, &job);
}

/* Cases that all are there. */
struct row {
    const struct ulmfit_case *cases;
    size_t count;
};

static bool next_of_row(void *context, struct ulmfit_case *out_case)
{
    struct row *row = context;
    if (row->count == 0) return false;
    *out_case = *row->cases++;
    row->count--;
    return true;
}

static void ended_of_row(void *context, const struct ulmfit_case *text)
{
    (void)context, (void)text;
}

enum error_code ulmfit_forward(const struct ulmfit *ulmfit, struct ulmfit_pass *pass,
                               const struct ulmfit_case *cases, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct window window;
        if (window_of(&ulmfit->shrink.weights.shape, cases[i].ids, cases[i].count, &window, err) ==
            ERR_NONE)
            continue;
        err->line = i + 1;
        return err->code;
    }
    struct row row = {cases, count};
    struct ulmfit_stream stream = {&row, next_of_row, ended_of_row, NULL};
    ulmfit_flow(ulmfit, pass, &stream);
    return ERR_NONE;
}
