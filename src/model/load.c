/* load.c - every tensor is asked for by name; what is left over is refused.
 *
 * Three kinds of files hold the same encoder under three prefixes: a classifier
 * wraps it in a module, a language model does not, and save_encoder leaves the
 * rest of the model out. Names that files have besides the parameters are listed
 * below. */
// SPDX-License-Identifier: Apache-2.0
#include "model/load.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum origin { CLASSIFIER, LANGUAGE, ENCODER, ORIGINS };

static const struct {
    const char *prefix, *what;
} FILES[ORIGINS] = {[CLASSIFIER] = {"0.module.", "a classifier"},
                    [LANGUAGE] = {"0.", "a language model"},
                    [ENCODER] = {"", "an encoder"}};

/* Tensors that are no parameters: a second name, a counter, the masked copy of old files. */
static const char *const EXTRAS[] = {"encoder_dp.emb.weight", "num_batches_tracked",
                                     "module.weight_hh_l0"};

/* The same parameter under the names that other settings and versions of fastai give it. */
static const struct {
    enum weights_id id;
    const char *from, *to;
} OTHERS[] = {{WEIGHTS_RECURRENT, ".weight_hh_l0_raw", ".module.weight_hh_l0"},
              {WEIGHTS_DENSE, ".2.weight", ".1.weight"}};

struct loading {
    struct load *load;
    const struct checkpoint *checkpoint;
    enum origin origin;
    const struct checkpoint_tensor *used[WEIGHTS_ROWS_MAX + 1];
    size_t used_count;
};

/* A parameter's name in this file; rows have a classifier's names or a language model's. */
static const char *file_name(const struct loading *loading, const char *name)
{
    return loading->origin == ENCODER ? name + strlen(FILES[LANGUAGE].prefix) : name;
}

/* Finds a parameter by its own name or one of its others. */
static const struct checkpoint_tensor *find(const struct loading *loading,
                                            const struct weights_row *row)
{
    const char *own = file_name(loading, row->name);
    const struct checkpoint_tensor *tensor = checkpoint_find(loading->checkpoint, slice_of(own));
    for (size_t i = 0; tensor == NULL && i < sizeof OTHERS / sizeof *OTHERS; i++) {
        char name[2 * WEIGHTS_NAME_MAX];
        if (OTHERS[i].id != row->id) continue;
        int stem = (int)(strlen(own) - strlen(OTHERS[i].from));
        snprintf(name, sizeof name, "%.*s%s", stem, own, OTHERS[i].to);
        tensor = checkpoint_find(loading->checkpoint, slice_of(name));
    }
    return tensor;
}

static const struct checkpoint_tensor *numbered(const struct checkpoint *checkpoint,
                                                const char *head, unsigned number, const char *tail)
{
    char name[WEIGHTS_NAME_MAX];
    snprintf(name, sizeof name, "%s%u%s", head, number, tail);
    return checkpoint_find(checkpoint, slice_of(name));
}

static const struct checkpoint_tensor *find_embedding(const struct checkpoint *checkpoint,
                                                      enum origin origin)
{
    char name[WEIGHTS_NAME_MAX];
    snprintf(name, sizeof name, "%sencoder.weight", FILES[origin].prefix);
    return checkpoint_find(checkpoint, slice_of(name));
}

/* Sizes as the file shows them; whether they fit together is checked tensor by tensor. */
static uint32_t dim(const struct checkpoint_tensor *tensor, unsigned d)
{
    if (tensor == NULL || d >= tensor->rank || tensor->dims[d] > UINT32_MAX) return 0;
    return (uint32_t)tensor->dims[d];
}

/* Whose file it is shows in the name of the embedding. */
static enum error_code origin_of(struct loading *loading, bool language, struct error *err)
{
    enum origin origin = CLASSIFIER;
    while (origin < ORIGINS && find_embedding(loading->checkpoint, origin) == NULL) origin++;
    if (origin == ORIGINS)
        return error_set(err, ERR_WEIGHTS, 0, "the tensor %sencoder.weight is missing",
                         FILES[language ? LANGUAGE : CLASSIFIER].prefix);
    if (language == (origin == CLASSIFIER))
        return error_set(err, ERR_WEIGHTS, 0,
                         language ? "these are weights of %s, not of a language model"
                                  : "these are weights of %s, not of a classifier; "
                                    "--language-model imports them for training",
                         FILES[origin].what);
    loading->origin = origin;
    return ERR_NONE;
}

static enum error_code shape_of(const struct loading *loading, struct weights_shape *shape,
                                struct error *err)
{
    static const char *const INPUT = ".module.weight_ih_l0";
    const struct checkpoint *checkpoint = loading->checkpoint;
    char rnns[sizeof "0.module.rnns."];
    snprintf(rnns, sizeof rnns, "%srnns.", FILES[loading->origin].prefix);
    const struct checkpoint_tensor *embedding = find_embedding(checkpoint, loading->origin);
    shape->vocab = dim(embedding, 0);
    shape->width = dim(embedding, 1);
    while (shape->layers <= WEIGHTS_LAYERS_MAX &&
           numbered(checkpoint, rnns, shape->layers, INPUT) != NULL)
        shape->layers++;
    if (shape->layers == 0)
        return error_set(err, ERR_WEIGHTS, 0, "the tensor %s0%s is missing", rnns, INPUT);
    uint32_t gates = dim(numbered(checkpoint, rnns, 0, INPUT), 0);
    shape->hidden = shape->layers > 1 ? gates / 4 : shape->width;
    shape->decoder_bias =
        loading->origin == LANGUAGE && checkpoint_find(checkpoint, SLICE("1.decoder.bias")) != NULL;
    while (loading->origin == CLASSIFIER && shape->blocks < WEIGHTS_BLOCKS_MAX) {
        const struct checkpoint_tensor *dense =
            numbered(checkpoint, "1.layers.", shape->blocks, ".2.weight");
        if (dense == NULL) dense = numbered(checkpoint, "1.layers.", shape->blocks, ".1.weight");
        if (dense == NULL) break;
        shape->outs[shape->blocks++] = dim(dense, 0);
    }
    if (loading->origin == CLASSIFIER && shape->blocks == 0)
        return error_set(err, ERR_WEIGHTS, 0, "the tensor 1.layers.0.2.weight is missing");
    return weights_shape_check(shape, err);
}

static enum error_code take_one(struct loading *loading, size_t i, struct error *err)
{
    struct load *load = loading->load;
    const struct weights_row *row = &load->rows[i];
    const struct checkpoint_tensor *tensor = find(loading, row);
    const char *name = file_name(loading, row->name);
    if (tensor == NULL) return error_set(err, ERR_WEIGHTS, 0, "the tensor %s is missing", name);
    bool fits = row->vector ? tensor->rank == 1 && tensor->dims[0] == row->columns
                            : tensor->rank == 2 && tensor->dims[0] == row->rows &&
                                  tensor->dims[1] == row->columns;
    if (!fits)
        return error_set(err, ERR_WEIGHTS, 0,
                         "the tensor %s is of %u dimensions, %llu by %llu; %zu by %zu is needed",
                         name, tensor->rank,
                         (unsigned long long)(tensor->rank > 0 ? tensor->dims[0] : 1),
                         (unsigned long long)(tensor->rank > 1 ? tensor->dims[1] : 1),
                         row->vector ? row->columns : row->rows, row->vector ? 1 : row->columns);
    TRY(mem_take(&load->data[i], row->rows * row->columns, sizeof(float), err));
    TRY(checkpoint_floats(tensor, load->data[i], err));
    for (size_t k = 0; row->id == WEIGHTS_NORM_VARIANCE && k < row->columns; k++)
        if (load->data[i][k] < 0)
            return error_set(err, ERR_WEIGHTS, 0, "the tensor %s holds a negative variance", name);
    weights_bind(&load->weights, row, load->data[i]);
    loading->used[loading->used_count++] = tensor;
    return ERR_NONE;
}

static bool same(const struct checkpoint_tensor *a, const struct checkpoint_tensor *b)
{
    return a->type == b->type && a->rank == 2 && a->dims[0] == b->dims[0] &&
           a->dims[1] == b->dims[1] && memcmp(a->bytes, b->bytes, a->count * sizeof(float)) == 0;
}

/* A decoder's matrix is the embedding once more, or it is none of ours; so is the second name of
 * the embedding, which is the one that fastai computes with. */
static enum error_code twins_check(struct loading *loading, struct error *err)
{
    char second[WEIGHTS_NAME_MAX];
    const struct checkpoint *checkpoint = loading->checkpoint;
    const struct checkpoint_tensor *embedding = find_embedding(checkpoint, loading->origin);
    snprintf(second, sizeof second, "%sencoder_dp.emb.weight", FILES[loading->origin].prefix);
    const struct checkpoint_tensor *twin = checkpoint_find(checkpoint, slice_of(second));
    if (twin != NULL && !same(twin, embedding))
        return error_set(err, ERR_WEIGHTS, 0, "the tensor %s is not %sencoder.weight once more",
                         second, FILES[loading->origin].prefix);
    twin = checkpoint_find(checkpoint, SLICE("1.decoder.weight"));
    if (twin == NULL || loading->origin != LANGUAGE) return ERR_NONE;
    if (!same(twin, embedding))
        return error_set(err, ERR_WEIGHTS, 0,
                         "the tensor 1.decoder.weight is not 0.encoder.weight once more; only "
                         "language models with tied weights can be taken");
    loading->used[loading->used_count++] = twin;
    return ERR_NONE;
}

static bool is_extra(struct slice name)
{
    for (size_t i = 0; i < sizeof EXTRAS / sizeof *EXTRAS; i++) {
        struct slice extra = slice_of(EXTRAS[i]);
        if (name.size < extra.size) continue;
        size_t head = name.size - extra.size;
        if ((head == 0 || name.data[head - 1] == '.') && slice_equal(slice_from(name, head), extra))
            return true;
    }
    return false;
}

static enum error_code leftover_check(const struct loading *loading, struct error *err)
{
    for (size_t t = 0; t < loading->checkpoint->count; t++) {
        const struct checkpoint_tensor *tensor = &loading->checkpoint->tensors[t];
        bool known = is_extra(tensor->name);
        for (size_t i = 0; i < loading->used_count && !known; i++)
            known = loading->used[i] == tensor;
        if (!known)
            return error_set(err, ERR_WEIGHTS, 0, "the tensor %.*s is none of %s's",
                             (int)tensor->name.size, tensor->name.data,
                             FILES[loading->origin].what);
    }
    return ERR_NONE;
}

static enum error_code take_all(struct loading *loading, bool language, struct weights_shape *shape,
                                struct error *err)
{
    struct load *load = loading->load;
    *load = (struct load){0};
    TRY(origin_of(loading, language, err));
    TRY(shape_of(loading, shape, err));
    weights_begin(&load->weights, shape);
    load->count = weights_list(shape, load->rows);
    for (size_t i = 0; i < load->count; i++) TRY(take_one(loading, i, err));
    TRY(twins_check(loading, err));
    return leftover_check(loading, err);
}

enum error_code load_classifier(struct load *load, const struct checkpoint *checkpoint,
                                uint32_t bptt, uint32_t max_len, struct error *err)
{
    struct loading loading = {.load = load, .checkpoint = checkpoint};
    struct weights_shape shape = {.bptt = bptt, .max_len = max_len};
    return take_all(&loading, false, &shape, err);
}

enum error_code load_language(struct load *load, const struct checkpoint *checkpoint,
                              struct error *err)
{
    struct loading loading = {.load = load, .checkpoint = checkpoint};
    struct weights_shape shape = {0};
    return take_all(&loading, true, &shape, err);
}

void load_close(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) mem_free(load->data[i]);
    *load = (struct load){0};
}
