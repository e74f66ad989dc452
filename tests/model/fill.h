/* fill.h - weights and ids by recipe, so that a full-size model needs no file.
 *
 * The recipe that filled the original's model, too: FNV-1a of the parameter's
 * name seeds SplitMix64, whose 23 high bits make a number in [0, 1).
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_MODEL_FILL_H
#define TESTS_MODEL_FILL_H

#include <jansson.h>

#include "help.h"
#include "model/weights.h"

struct fill_scales {
    float embedding, lstm, bias, dense[2], norm;
};

static const struct fill_scales FILL_TINY = {1, 0.5f, 0.125f, {0.5f, 1}, 0.25f};
static const struct fill_scales FILL_FULL = {0.5f, 0.0625f, 0.125f, {0.0625f, 0.5f}, 0.25f};

static const struct weights_shape FILL_TINY_SHAPE = {.vocab = 200,
                                                     .width = 16,
                                                     .hidden = 24,
                                                     .layers = 3,
                                                     .blocks = 2,
                                                     .outs = {50, 5},
                                                     .bptt = 8,
                                                     .max_len = 40};
static const struct weights_shape FILL_FULL_SHAPE = {.vocab = 4000,
                                                     .width = 400,
                                                     .hidden = 1152,
                                                     .layers = 3,
                                                     .blocks = 2,
                                                     .outs = {50, 12},
                                                     .bptt = 72,
                                                     .max_len = 1440};

static inline uint64_t fill_seed(const char *prefix, const char *name)
{
    uint64_t h = 0xCBF29CE484222325;
    for (const char *at = prefix; *at != 0; at++) h = (h ^ (uint8_t)*at) * 0x100000001B3;
    for (const char *at = name; *at != 0; at++) h = (h ^ (uint8_t)*at) * 0x100000001B3;
    return h ^ 0x554C4D4669540001;
}

/* In [0, 1), exact in float. */
static inline float fill_unit(uint64_t seed, size_t i)
{
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    return (float)(z >> 41) * 0x1p-23f;
}

static inline float fill_scale(const struct weights_row *row, const struct fill_scales *scales)
{
    switch (row->id) {
    case WEIGHTS_EMBEDDING:
        return scales->embedding;
    case WEIGHTS_INPUT:
    case WEIGHTS_RECURRENT:
        return scales->lstm;
    case WEIGHTS_BIAS_INPUT:
    case WEIGHTS_BIAS_RECURRENT:
        return scales->bias;
    case WEIGHTS_DENSE:
        return scales->dense[row->index];
    default:
        return scales->norm;
    }
}

/* The caller frees data. */
static inline float *fill_row(const struct weights_row *row, const struct fill_scales *scales)
{
    size_t count = row->rows * row->columns;
    float *data = malloc(count * sizeof *data), scale = fill_scale(row, scales);
    assert_non_null(data);
    bool half_up = row->id == WEIGHTS_NORM_VARIANCE || row->id == WEIGHTS_NORM_GAIN;
    uint64_t seed = fill_seed("", row->name);
    for (size_t i = 0; i < count; i++) {
        float u = fill_unit(seed, i);
        data[i] = half_up ? 0.5f + u : (2 * u - 1) * scale;
    }
    return data;
}

struct fill_model {
    struct weights weights;
    struct weights_row rows[WEIGHTS_ROWS_MAX];
    float *data[WEIGHTS_ROWS_MAX];
    size_t count;
};

static inline void fill_open(struct fill_model *model, const struct weights_shape *shape,
                             const struct fill_scales *scales)
{
    weights_begin(&model->weights, shape);
    model->count = weights_list(shape, model->rows);
    for (size_t i = 0; i < model->count; i++) {
        model->data[i] = fill_row(&model->rows[i], scales);
        weights_bind(&model->weights, &model->rows[i], model->data[i]);
    }
}

static inline void fill_close(struct fill_model *model)
{
    for (size_t i = 0; i < model->count; i++) free(model->data[i]);
}

static inline void fill_ids(const char *tag, size_t count, uint32_t vocab, uint32_t *ids)
{
    uint64_t seed = fill_seed("ids:", tag);
    for (size_t i = 0; i < count; i++)
        ids[i] = 9 + (uint32_t)((double)fill_unit(seed, i) * (vocab - 9));
    if (count > 0) ids[0] = 2;
}

/* A golden line: {"n", "ids" or "tag", "logits"}. */
struct fill_golden {
    size_t count;
    uint32_t ids[2048];
    double logits[16];
};

/* Reads the next line of a golden file; false at its end. */
static inline bool fill_golden_next(FILE *file, uint32_t vocab, struct fill_golden *out)
{
    json_t *line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
    if (line == NULL) return false;
    out->count = (size_t)json_integer_value(json_object_get(line, "n"));
    assert_true(out->count <= 2048);
    json_t *ids = json_object_get(line, "ids"), *logits = json_object_get(line, "logits");
    if (ids == NULL)
        fill_ids(json_string_value(json_object_get(line, "tag")), out->count, vocab, out->ids);
    for (size_t i = 0; i < json_array_size(ids); i++)
        out->ids[i] = (uint32_t)json_integer_value(json_array_get(ids, i));
    assert_true(json_array_size(logits) <= 16);
    for (size_t i = 0; i < json_array_size(logits); i++)
        out->logits[i] = json_real_value(json_array_get(logits, i));
    json_decref(line);
    return true;
}

#endif
