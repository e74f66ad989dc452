/* golden.h - steps that fastai took with the tiny nets, and nets to take them again.
 *
 * Files of tests/golden/train: batches and losses in JSON, parameters, gradients
 * and masks as safetensors under fastai's names.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_MODEL_GOLDEN_H
#define TESTS_MODEL_GOLDEN_H

#include <jansson.h>
#include <math.h>

#include "fill.h"
#include "model/clas.h"
#include "model/lm.h"
#include "model/safetensors.h"

#define GOLDEN_TRAIN "tests/golden/train/"
#define GOLDEN_CLAS  "tests/golden/ulmfit/model.safetensors"
#define GOLDEN_LM    "tests/golden/ulmfit/lm_model.safetensors"

enum { GOLDEN_ROWS = 6, GOLDEN_LENGTH = 64, GOLDEN_CLASSES = 5 };

struct golden {
    struct gemm *gemm;
    struct net net;
    struct arena arena;
};

static const struct weights_shape GOLDEN_LM_SHAPE = {
    .vocab = 200, .width = 16, .hidden = 24, .layers = 3, .bptt = 8, .decoder_bias = true};

/* A classifier, or a language model, as the golden steps were taken: no dropout. */
static inline struct net_options golden_options(const struct weights_shape *shape)
{
    return (struct net_options){.shape = *shape,
                                .rows = GOLDEN_ROWS,
                                .length = GOLDEN_LENGTH,
                                .traces = 2,
                                .alpha = 2,
                                .beta = 1,
                                .seed = 5};
}

static inline void golden_lay(struct golden *golden, const struct net_options *options,
                              enum gemm_arithmetic arithmetic, unsigned threads)
{
    struct error err = {0};
    assert_fine(gemm_open(&golden->gemm, arithmetic, threads, &err), &err);
    golden->arena = arena_measure();
    net_lay(&golden->net, options, golden->gemm, &golden->arena);
    size_t used = golden->arena.used;
    assert_fine(arena_open(&golden->arena, used, &err), &err);
    net_lay(&golden->net, options, golden->gemm, &golden->arena);
    assert_int_equal(golden->arena.used, used);
}

static inline void golden_close(struct golden *golden)
{
    arena_close(&golden->arena);
    gemm_close(golden->gemm);
}

/* Number i of a tensor of floats, whichever they are. */
static inline double golden_number(const struct safetensors_entry *entry, size_t i)
{
    double wide;
    float narrow;
    if (entry->type == SAFETENSORS_F64) {
        memcpy(&wide, entry->data.data + i * sizeof wide, sizeof wide);
        return wide;
    }
    assert_int_equal(entry->type, SAFETENSORS_F32);
    memcpy(&narrow, entry->data.data + i * sizeof narrow, sizeof narrow);
    return (double)narrow;
}

static inline const struct safetensors_entry *golden_entry(const struct safetensors *file,
                                                           const struct net_row *row)
{
    const struct safetensors_entry *entry = safetensors_find(file, row->row.name);
    if (entry == NULL) fail_msg("%s is missing", row->row.name);
    size_t count = entry->data.size / safetensors_types[entry->type].size;
    assert_int_equal(count, row->count);
    return entry;
}

static inline void golden_load(struct golden *golden, const char *path)
{
    struct error err = {0};
    struct safetensors file;
    assert_fine(safetensors_open(&file, path, &err), &err);
    for (size_t r = 0; r < golden->net.row_count; r++) {
        const struct net_row *row = &golden->net.rows[r];
        const struct safetensors_entry *entry = golden_entry(&file, row);
        memcpy(golden->net.parameters + row->offset, entry->data.data, entry->data.size);
    }
    safetensors_close(&file);
}

static inline void golden_open(struct golden *golden, const struct net_options *options,
                               enum gemm_arithmetic arithmetic, unsigned threads)
{
    golden_lay(golden, options, arithmetic, threads);
    golden_load(golden, weights_headless(&options->shape) ? GOLDEN_LM : GOLDEN_CLAS);
}

/* The worst difference between values, by rows of the net, and a file; relative: to the largest
 * number of each row, else to 1 or to that, whichever is larger: numbers in f32 are not closer to
 * the truth than that, fastai's neither (its gradients of 5 in step 2 are off by 2e-5). Statistics
 * of the norms are only in files of parameters. */
static inline double golden_compare(const struct golden *golden, const float *values,
                                    const char *path, bool relative)
{
    struct error err = {0};
    struct safetensors file;
    double worst = 0;
    assert_fine(safetensors_open(&file, path, &err), &err);
    for (size_t r = 0; r < golden->net.row_count; r++) {
        const struct net_row *row = &golden->net.rows[r];
        if (row->group == NET_FIXED && values == golden->net.gradients) continue;
        const struct safetensors_entry *entry = golden_entry(&file, row);
        double off = 0, most = 0;
        for (size_t i = 0; i < row->count; i++) {
            double wanted = golden_number(entry, i);
            off = fmax(off, fabs((double)values[row->offset + i] - wanted));
            most = fmax(most, fabs(wanted));
        }
        if (!relative) most = fmax(most, 1);
        worst = fmax(worst, off > 0 ? off / most : 0);
    }
    safetensors_close(&file);
    return worst;
}

/* Within the bound, or else the test says by how much not. */
static inline void golden_within(const struct golden *golden, const float *values, const char *path,
                                 bool relative, double bound)
{
    double worst = golden_compare(golden, values, path, relative);
    if (!(worst <= bound)) fail_msg("%s: off by %g, more than %g", path, worst, bound);
}

static inline json_t *golden_json(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) fail_msg("%s: %s", path, error.text);
    return root;
}

/* Number i of the list that a run of steps has under a name; of no list, the number. */
static inline double golden_of(json_t *root, const char *run, const char *name, size_t i)
{
    json_t *value = json_object_get(json_object_get(root, run), name);
    return json_number_value(json_is_array(value) ? json_array_get(value, i) : value);
}

struct golden_clas {
    uint32_t ids[GOLDEN_ROWS][GOLDEN_LENGTH], labels[GOLDEN_ROWS];
    struct clas_text texts[GOLDEN_ROWS];
    struct clas_batch batch;
};

/* Batch 0 (A) or 1 (B), without its padding. */
static inline void golden_clas_take(struct golden_clas *out, json_t *root, size_t number)
{
    json_t *batch = json_array_get(json_object_get(root, "batches"), number);
    json_t *rows = json_object_get(batch, "padded"), *labels = json_object_get(batch, "labels");
    size_t count = json_array_size(rows);
    assert_true(count >= 2 && count <= GOLDEN_ROWS);
    for (size_t r = 0; r < count; r++) {
        json_t *row = json_array_get(rows, r);
        size_t length = 0, kept = 0;
        for (size_t c = 0; c < json_array_size(row); c++) {
            uint32_t id = (uint32_t)json_integer_value(json_array_get(row, c));
            if (length == 0 && id == WEIGHTS_PAD) continue;
            assert_true(length < GOLDEN_LENGTH);
            out->ids[r][length++] = id;
            if (id != WEIGHTS_PAD) kept = length;
        }
        out->texts[r] = (struct clas_text){out->ids[r], kept};
        out->labels[r] = (uint32_t)json_integer_value(json_array_get(labels, r));
    }
    out->batch = (struct clas_batch){.rows = count, .texts = out->texts, .labels = out->labels};
}

struct golden_lm {
    uint32_t x[GOLDEN_ROWS][8], y[GOLDEN_ROWS][8];
    struct lm_batch batch;
};

static inline void golden_lm_take(struct golden_lm *out, json_t *root, size_t number)
{
    json_t *batch = json_array_get(json_object_get(root, "batches"), number);
    json_t *x = json_object_get(batch, "x"), *y = json_object_get(batch, "y");
    assert_true(json_array_size(x) <= GOLDEN_ROWS && json_array_size(json_array_get(x, 0)) == 8);
    for (size_t r = 0; r < json_array_size(x); r++)
        for (size_t t = 0; t < 8; t++) {
            out->x[r][t] = (uint32_t)json_integer_value(json_array_get(json_array_get(x, r), t));
            out->y[r][t] = (uint32_t)json_integer_value(json_array_get(json_array_get(y, r), t));
        }
    out->batch = (struct lm_batch){
        .rows = json_array_size(x), .steps = 8, .stride = 8, .x = out->x[0], .y = out->y[0]};
}

/* The masks that fastai drew, numbered in the order in which it did. */
struct golden_masks {
    struct safetensors file;
    const char *model; /* "clas" */
};

static inline const float *golden_given(void *context, const struct encoder_key *key)
{
    const struct golden_masks *masks = context;
    const unsigned places[] = {[ENCODER_MASK_EMBEDDING] = 0,
                               [ENCODER_MASK_INPUT] = 1,
                               [ENCODER_MASK_WEIGHT] = 2 + 2 * key->index,
                               [ENCODER_MASK_HIDDEN] = 3 + 2 * key->index,
                               [ENCODER_MASK_OUTPUT] = 7,
                               [ENCODER_MASK_HEAD] = 28 + key->index};
    char start[16];
    snprintf(start, sizeof start, "%s.%03u.", masks->model, 7 * key->block + places[key->mask]);
    for (size_t i = 0; i < masks->file.count; i++)
        if (strncmp(masks->file.entries[i].name, start, strlen(start)) == 0)
            return (const float *)(const void *)masks->file.entries[i].data.data;
    abort();
}

/* Before a step: its dropout is what fastai's was. */
static inline void golden_masks_open(struct golden_masks *masks, struct golden *golden)
{
    struct error err = {0};
    masks->model = weights_headless(&golden->net.options.shape) ? "lm" : "clas";
    assert_fine(safetensors_open(&masks->file, GOLDEN_TRAIN "dropout_masks.safetensors", &err),
                &err);
    golden->net.encoder.given = golden_given;
    golden->net.encoder.given_context = masks;
}

#endif
