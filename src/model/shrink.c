/* shrink.c - packing, writing and finding again what the kernels read.
 *
 * One function walks the tensors of a layer for all three: it calls `visit` with
 * each name, type and size, so the lists cannot drift apart. */
// SPDX-License-Identifier: Apache-2.0
#include "model/shrink.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "nn/pack.h"

enum { SHAPE_WORDS = 7 + WEIGHTS_BLOCKS_MAX };

/* One tensor of a shrunk model and where its address is kept. */
struct tensor {
    char name[WEIGHTS_NAME_MAX + 8];
    enum safetensors_type type;
    size_t rows, columns; /* columns 0: one dimension */
    void *at;             /* the address of a pointer of its type */
};

struct visitor {
    enum error_code (*visit)(void *context, const struct tensor *tensor, struct error *err);
    void *context;
};

static enum error_code visit(const struct visitor *visitor, const char *name, unsigned layer,
                             const char *part, struct tensor tensor, struct error *err)
{
    if (part == NULL)
        snprintf(tensor.name, sizeof tensor.name, "ulmfit.%s", name);
    else
        snprintf(tensor.name, sizeof tensor.name, "ulmfit.rnns.%u.%s%s", layer, name, part);
    return visitor->visit(visitor->context, &tensor, err);
}

static enum error_code walk_matrix(const struct visitor *visitor, const char *name, unsigned layer,
                                   size_t units, size_t columns, bool fours,
                                   struct kernel_matrix *matrix, struct error *err)
{
    matrix->blocks = kernel_blocks(units);
    matrix->fours = fours;
    matrix->quads = kernel_quads(columns);
    size_t block = matrix->quads * KERNEL_LANES * KERNEL_QUAD;
    TRY(visit(visitor, name, layer, "",
              (struct tensor){.type = SAFETENSORS_I8,
                              .rows = matrix->blocks,
                              .columns = block,
                              .at = &matrix->weights},
              err));
    TRY(visit(visitor, name, layer, ".scale",
              (struct tensor){.type = SAFETENSORS_F32,
                              .rows = matrix->blocks,
                              .columns = KERNEL_LANES,
                              .at = &matrix->scales},
              err));
    return visit(visitor, name, layer, ".sum",
                 (struct tensor){.type = SAFETENSORS_I32,
                                 .rows = matrix->blocks,
                                 .columns = KERNEL_LANES,
                                 .at = &matrix->sums},
                 err);
}

/* The small integers; the f32 tensors are walked by weights_list(). */
static enum error_code walk(struct shrink *shrink, const struct visitor *visitor, struct error *err)
{
    const struct weights_shape *shape = &shrink->weights.shape;
    TRY(visit(visitor, "embedding", 0, NULL,
              (struct tensor){.type = SAFETENSORS_I8,
                              .rows = shape->vocab,
                              .columns = shape->width,
                              .at = &shrink->embedding},
              err));
    TRY(visit(visitor, "embedding.scale", 0, NULL,
              (struct tensor){
                  .type = SAFETENSORS_F32, .rows = shape->vocab, .at = &shrink->embedding_scale},
              err));
    for (unsigned l = 0; l < shape->layers; l++) {
        struct shrink_layer *layer = &shrink->layers[l];
        size_t units = weights_units(shape, l), inputs = weights_inputs(shape, l);
        /* Input weights carry most of the error, so they are the finer ones. */
        TRY(walk_matrix(visitor, "input", l, units, inputs, false, &layer->input, err));
        TRY(walk_matrix(visitor, "recurrent", l, units, units, true, &layer->recurrent, err));
        TRY(visit(visitor, "bias", l, "",
                  (struct tensor){.type = SAFETENSORS_F32,
                                  .rows = kernel_blocks(units),
                                  .columns = KERNEL_LANES,
                                  .at = &layer->bias},
                  err));
    }
    return ERR_NONE;
}

/* Packing */

static size_t tensor_items(const struct tensor *tensor)
{
    return tensor->rows * (tensor->columns > 0 ? tensor->columns : 1);
}

/* Lays a tensor into an arena; without memory it is measured. */
static enum error_code lay(void *context, const struct tensor *tensor, struct error *err)
{
    (void)err;
    void *data = arena_take(context, tensor_items(tensor), safetensors_types[tensor->type].size);
    memcpy(tensor->at, &data, sizeof data);
    return ERR_NONE;
}

/* The pointers are const for readers; this is where they are written. */
static void pack_one(const float *weight, size_t units, size_t columns,
                     const struct kernel_matrix *matrix)
{
    pack_matrix(weight, units, columns, matrix->fours, (int8_t *)matrix->weights,
                (float *)matrix->scales, (int32_t *)matrix->sums);
}

static void pack_all(struct shrink *shrink, const struct weights *weights)
{
    const struct weights_shape *shape = &weights->shape;
    int8_t *embedding = (int8_t *)shrink->embedding;
    float *scale = (float *)shrink->embedding_scale;
    for (size_t word = 0; word < shape->vocab; word++)
        scale[word] = pack_row(weights->embedding + word * shape->width, shape->width,
                               embedding + word * shape->width);
    for (unsigned l = 0; l < shape->layers; l++) {
        const struct lstm_weights *from = &weights->layers[l];
        pack_one(from->input, from->units, from->inputs, &shrink->layers[l].input);
        pack_one(from->recurrent, from->units, from->units, &shrink->layers[l].recurrent);
        pack_bias(from->bias_input, from->bias_recurrent, from->units,
                  (float *)shrink->layers[l].bias);
    }
}

enum error_code shrink_open(struct shrink *out_shrink, const struct weights *weights, bool exact,
                            struct error *err)
{
    struct shrink shrink = {.weights = *weights, .exact = exact};
    struct arena arena = arena_measure();
    struct visitor laying = {lay, &arena};
    TRY(walk(&shrink, &laying, err));
    TRY(arena_open(&arena, arena.used, err));
    shrink.heap = arena.base;
    TRY(walk(&shrink, &laying, err)); /* an arena that was measured cannot fail */
    pack_all(&shrink, weights);
    *out_shrink = shrink;
    return ERR_NONE;
}

void shrink_close(struct shrink *shrink)
{
    struct arena arena = {.base = shrink->heap};
    arena_close(&arena);
    *shrink = (struct shrink){0};
}

/* Writing */

struct drafting {
    struct shrink_names *names;
    struct bundle_draft *draft;
};

static enum error_code draft_one(void *context, const struct tensor *tensor, struct error *err)
{
    (void)err;
    struct drafting *drafting = context;
    const void *data;
    check(drafting->names->count < SHRINK_TENSORS_MAX);
    char *name = drafting->names->text[drafting->names->count++];
    memcpy(name, tensor->name, sizeof tensor->name);
    memcpy(&data, tensor->at, sizeof data);
    bundle_draft_tensor(drafting->draft, name, tensor->type, tensor->rows, tensor->columns, data);
    return ERR_NONE;
}

/* A parameter in f32; which of them are in the file, `exact` says. */
static bool kept(const struct shrink *shrink, const struct weights_row *row)
{
    return shrink->exact || row->id >= WEIGHTS_NORM_GAIN;
}

static struct tensor exact_tensor(const struct weights_row *row, void *at)
{
    struct tensor tensor = {.type = SAFETENSORS_F32,
                            .rows = row->vector ? row->columns : row->rows,
                            .columns = row->vector ? 0 : row->columns,
                            .at = at};
    snprintf(tensor.name, sizeof tensor.name, "ulmfit.%s", row->name);
    return tensor;
}

void shrink_draft(const struct shrink *shrink, struct shrink_names *names,
                  struct bundle_draft *draft)
{
    struct drafting drafting = {names, draft};
    struct visitor visitor = {draft_one, &drafting};
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    const struct weights_shape *s = &shrink->weights.shape;
    struct shrink copy = *shrink;
    struct error err;
    uint32_t shape[SHAPE_WORDS] = {s->vocab, s->width,   s->hidden, s->layers,
                                   s->bptt,  s->max_len, s->blocks};
    memcpy(shape + 7, s->outs, sizeof s->outs);
    names->count = 0;
    memcpy(names->shape, shape, sizeof shape);
    bundle_draft_tensor(draft, "ulmfit.shape", SAFETENSORS_U32, SHAPE_WORDS, 0, names->shape);
    enum error_code code = walk(&copy, &visitor, &err);
    size_t count = weights_list(s, rows);
    for (size_t i = 0; i < count && code == ERR_NONE; i++) {
        if (!kept(shrink, &rows[i])) continue;
        const float *data = weights_data(&shrink->weights, &rows[i]);
        struct tensor tensor = exact_tensor(&rows[i], &data);
        code = draft_one(&drafting, &tensor, &err);
    }
    check(code == ERR_NONE);
}

/* Finding */

static enum error_code bind_one(void *context, const struct tensor *tensor, struct error *err)
{
    return bundle_tensor(context, tensor->name, tensor->type, tensor->rows, tensor->columns,
                         tensor->at, err);
}

bool shrink_is(const struct bundle *bundle) { return bundle_has(bundle, "ulmfit.shape"); }

static enum error_code shape_read(const struct bundle *bundle, struct weights_shape *out_shape,
                                  struct error *err)
{
    const uint32_t *words = NULL;
    TRY(bundle_tensor(bundle, "ulmfit.shape", SAFETENSORS_U32, SHAPE_WORDS, 0, &words, err));
    struct weights_shape shape = {.vocab = words[0],
                                  .width = words[1],
                                  .hidden = words[2],
                                  .layers = words[3],
                                  .bptt = words[4],
                                  .max_len = words[5],
                                  .blocks = words[6]};
    memcpy(shape.outs, words + 7, sizeof shape.outs);
    if (shape.blocks < 1 || shape.blocks > WEIGHTS_BLOCKS_MAX ||
        weights_shape_check(&shape, err) != ERR_NONE)
        return error_set(err, ERR_MODEL, 0, "the model's tensor 'ulmfit.shape' cannot be");
    *out_shape = shape;
    return ERR_NONE;
}

enum error_code shrink_bind(struct shrink *out_shrink, const struct bundle *bundle,
                            struct error *err)
{
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    struct weights_shape shape;
    struct shrink shrink = {0};
    struct visitor visitor = {bind_one, (void *)bundle};
    TRY(shape_read(bundle, &shape, err));
    weights_begin(&shrink.weights, &shape);
    TRY(walk(&shrink, &visitor, err));
    size_t count = weights_list(&shape, rows);
    shrink.exact = true;
    for (size_t i = 0; i < count; i++) {
        const float *data = NULL;
        struct tensor tensor = exact_tensor(&rows[i], &data);
        if (rows[i].id < WEIGHTS_NORM_GAIN && !bundle_has(bundle, tensor.name)) {
            shrink.exact = false;
            continue;
        }
        TRY(bind_one((void *)bundle, &tensor, err));
        weights_bind(&shrink.weights, &rows[i], data);
    }
    *out_shrink = shrink;
    return ERR_NONE;
}
