/* weights.c - tensors.def made into shapes and pointers. */
// SPDX-License-Identifier: Apache-2.0
#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"

enum part { PART_ENCODER, PART_LAYER, PART_DECODER, PART_BLOCK };
enum dim {
    DIM_ONE,
    DIM_VOCAB,
    DIM_WIDTH,
    DIM_GATES,
    DIM_UNITS,
    DIM_INPUTS,
    DIM_FEATURES,
    DIM_OUTS
};

struct template
{
    enum part part;
    enum weights_id id;
    const char *name; /* with at most one %u */
    enum dim rows, columns;
    enum weights_group group;
    enum weights_initial initial;
};

static const struct template TEMPLATES[] = {
#define TENSOR(part, id, name, rows, columns, group, initial)                                      \
    {PART_##part,                                                                                  \
     WEIGHTS_##id,                                                                                 \
     name,                                                                                         \
     DIM_##rows,                                                                                   \
     DIM_##columns,                                                                                \
     WEIGHTS_GROUP_##group,                                                                        \
     WEIGHTS_INITIAL_##initial},
#include "model/tensors.def"
#undef TENSOR
};

size_t weights_inputs(const struct weights_shape *shape, unsigned layer)
{
    return layer == 0 ? shape->width : shape->hidden;
}

/* The last layer returns to the width of the embedding. */
size_t weights_units(const struct weights_shape *shape, unsigned layer)
{
    return layer + 1 == shape->layers ? shape->width : shape->hidden;
}

size_t weights_features(const struct weights_shape *shape, unsigned block)
{
    return block == 0 ? 3 * (size_t)shape->width : shape->outs[block - 1];
}

size_t weights_classes(const struct weights_shape *shape)
{
    return weights_headless(shape) ? 0 : shape->outs[shape->blocks - 1];
}

static enum error_code within(const char *what, uint32_t value, uint32_t high, struct error *err)
{
    if (value >= 1 && value <= high) return ERR_NONE;
    return error_set(err, ERR_WEIGHTS, 0, "%s is %u; it must lie between 1 and %u", what, value,
                     high);
}

enum error_code weights_shape_check(const struct weights_shape *shape, struct error *err)
{
    TRY(within("the number of words", shape->vocab, WEIGHTS_VOCAB_MAX, err));
    TRY(within("the width of the embedding", shape->width, WEIGHTS_WIDTH_MAX, err));
    TRY(within("the number of hidden units", shape->hidden, WEIGHTS_WIDTH_MAX, err));
    TRY(within("the number of LSTM layers", shape->layers, WEIGHTS_LAYERS_MAX, err));
    if (weights_headless(shape)) return ERR_NONE;
    TRY(within("the number of blocks of the head", shape->blocks, WEIGHTS_BLOCKS_MAX, err));
    for (unsigned b = 0; b + 1 < shape->blocks; b++)
        TRY(within("the width of a block of the head", shape->outs[b], WEIGHTS_WIDTH_MAX, err));
    TRY(within("the number of classes", shape->outs[shape->blocks - 1], LABELS_MAX, err));
    TRY(within("bptt", shape->bptt, WEIGHTS_SPAN_MAX, err));
    TRY(within("the maximal length", shape->max_len, WEIGHTS_SPAN_MAX, err));
    if (shape->max_len < shape->bptt)
        return error_set(err, ERR_WEIGHTS, 0, "the maximal length %u is below bptt %u",
                         shape->max_len, shape->bptt);
    return ERR_NONE;
}

static size_t dim_size(const struct weights_shape *shape, enum dim dim, unsigned index)
{
    switch (dim) {
    case DIM_VOCAB:
        return shape->vocab;
    case DIM_WIDTH:
        return shape->width;
    case DIM_GATES:
        return 4 * weights_units(shape, index);
    case DIM_UNITS:
        return weights_units(shape, index);
    case DIM_INPUTS:
        return weights_inputs(shape, index);
    case DIM_FEATURES:
        return weights_features(shape, index);
    case DIM_OUTS:
        return shape->outs[index];
    case DIM_ONE:
        break;
    }
    return 1;
}

static struct weights_row row_of(const struct template *template, const struct weights_shape *shape,
                                 unsigned index)
{
    struct weights_row row = {.id = template->id,
                              .index = index,
                              .rows = dim_size(shape, template->rows, index),
                              .columns = dim_size(shape, template->columns, index),
                              .vector = template->rows == DIM_ONE,
                              .group = template->group,
                              .initial = template->initial};
    /* A classifier wraps its encoder in a module that knows about padding. */
    static const char wrapped[] = "0.module.", bare[] = "0.";
    const char *name = template->name, *head = "";
    if (weights_headless(shape) && strncmp(name, wrapped, sizeof wrapped - 1) == 0) {
        name += sizeof wrapped - 1;
        head = bare;
    }
    const char *mark = strchr(name, '%');
    if (mark == NULL)
        snprintf(row.name, sizeof row.name, "%s%s", head, name);
    else
        snprintf(row.name, sizeof row.name, "%s%.*s%u%s", head, (int)(mark - name), name, index,
                 mark + 2);
    return row;
}

size_t weights_list(const struct weights_shape *shape, struct weights_row rows[WEIGHTS_ROWS_MAX])
{
    const unsigned times[] = {[PART_ENCODER] = 1,
                              [PART_LAYER] = shape->layers,
                              [PART_DECODER] = shape->decoder_bias,
                              [PART_BLOCK] = shape->blocks};
    check(shape->layers <= WEIGHTS_LAYERS_MAX && shape->blocks <= WEIGHTS_BLOCKS_MAX);
    size_t count = 0;
    for (enum part part = PART_ENCODER; part <= PART_BLOCK; part++)
        for (unsigned index = 0; index < times[part]; index++)
            for (size_t t = 0; t < sizeof TEMPLATES / sizeof *TEMPLATES; t++)
                if (TEMPLATES[t].part == part) rows[count++] = row_of(&TEMPLATES[t], shape, index);
    check(count <= WEIGHTS_ROWS_MAX);
    return count;
}

void weights_begin(struct weights *weights, const struct weights_shape *shape)
{
    *weights = (struct weights){.shape = *shape};
    for (unsigned l = 0; l < shape->layers; l++) {
        weights->layers[l].inputs = weights_inputs(shape, l);
        weights->layers[l].units = weights_units(shape, l);
    }
    for (unsigned b = 0; b < shape->blocks; b++) {
        weights->blocks[b].norm.features = weights_features(shape, b);
        weights->blocks[b].outs = shape->outs[b];
    }
}

/* Where the address of a parameter is kept. */
static const float **place(struct weights *weights, const struct weights_row *row)
{
    check(row->id < WEIGHTS_IDS && row->index < WEIGHTS_LAYERS_MAX);
    struct lstm_weights *layer = &weights->layers[row->index];
    struct weights_block *block = &weights->blocks[row->index % WEIGHTS_BLOCKS_MAX];
    const float **const places[WEIGHTS_IDS] = {
        [WEIGHTS_EMBEDDING] = &weights->embedding,
        [WEIGHTS_RECURRENT] = &layer->recurrent,
        [WEIGHTS_INPUT] = &layer->input,
        [WEIGHTS_BIAS_INPUT] = &layer->bias_input,
        [WEIGHTS_BIAS_RECURRENT] = &layer->bias_recurrent,
        [WEIGHTS_DECODER_BIAS] = &weights->decoder_bias,
        [WEIGHTS_NORM_GAIN] = &block->norm.gain,
        [WEIGHTS_NORM_BIAS] = &block->norm.bias,
        [WEIGHTS_NORM_MEAN] = &block->norm.mean,
        [WEIGHTS_NORM_VARIANCE] = &block->norm.variance,
        [WEIGHTS_DENSE] = &block->dense,
    };
    return places[row->id];
}

void weights_bind(struct weights *weights, const struct weights_row *row, const float *data)
{
    *place(weights, row) = data;
}

const float *weights_data(const struct weights *weights, const struct weights_row *row)
{
    struct weights copy = *weights;
    return *place(&copy, row);
}
