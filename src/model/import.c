/* import.c - every tensor is asked for by name; what is left over is refused.
 *
 * Names that fastai's files have besides the parameters are listed below. Labels
 * are sorted here, and the rows of the last layer with them, because the program
 * finds labels by name. */
// SPDX-License-Identifier: Apache-2.0
#include "model/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/awd.h"
#include "model/head.h"
#include "vocab/vocab.h"

/* Tensors that are no parameters: a second name, a counter, the masked copy of old files. */
static const char *const EXTRAS[] = {".encoder_dp.emb.weight", ".num_batches_tracked",
                                     ".module.weight_hh_l0"};

/* The same parameter under the names that other settings and versions of fastai give it. */
static const struct {
    enum weights_id id;
    const char *from, *to;
} OTHERS[] = {{WEIGHTS_RECURRENT, ".weight_hh_l0_raw", ".module.weight_hh_l0"},
              {WEIGHTS_DENSE, ".2.weight", ".1.weight"}};

/* Finds a parameter by its own name or one of its others. */
static const struct checkpoint_tensor *find(const struct checkpoint *checkpoint,
                                            const struct weights_row *row)
{
    const struct checkpoint_tensor *tensor = checkpoint_find(checkpoint, slice_of(row->name));
    for (size_t i = 0; tensor == NULL && i < sizeof OTHERS / sizeof *OTHERS; i++) {
        char name[2 * WEIGHTS_NAME_MAX];
        if (OTHERS[i].id != row->id) continue;
        int stem = (int)(strlen(row->name) - strlen(OTHERS[i].from));
        snprintf(name, sizeof name, "%.*s%s", stem, row->name, OTHERS[i].to);
        tensor = checkpoint_find(checkpoint, slice_of(name));
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

/* Sizes as the file shows them; whether they fit together is checked tensor by tensor. */
static uint32_t dim(const struct checkpoint_tensor *tensor, unsigned d)
{
    if (tensor == NULL || d >= tensor->rank || tensor->dims[d] > UINT32_MAX) return 0;
    return (uint32_t)tensor->dims[d];
}

static enum error_code shape_of(const struct checkpoint *checkpoint, struct weights_shape *shape,
                                struct error *err)
{
    static const char *const LSTM = "0.module.rnns.", *const INPUT = ".module.weight_ih_l0";
    const struct checkpoint_tensor *embedding =
        checkpoint_find(checkpoint, SLICE("0.module.encoder.weight"));
    if (embedding == NULL) {
        bool part = checkpoint_find(checkpoint, SLICE("0.encoder.weight")) != NULL ||
                    checkpoint_find(checkpoint, SLICE("encoder.weight")) != NULL;
        return error_set(
            err, ERR_WEIGHTS, 0,
            part ? "these are weights of a language model or encoder, not of a classifier"
                 : "the tensor 0.module.encoder.weight is missing");
    }
    shape->vocab = dim(embedding, 0);
    shape->width = dim(embedding, 1);
    while (shape->layers <= WEIGHTS_LAYERS_MAX &&
           numbered(checkpoint, LSTM, shape->layers, INPUT) != NULL)
        shape->layers++;
    if (shape->layers == 0)
        return error_set(err, ERR_WEIGHTS, 0, "the tensor %s0%s is missing", LSTM, INPUT);
    uint32_t gates = dim(numbered(checkpoint, LSTM, 0, INPUT), 0);
    shape->hidden = shape->layers > 1 ? gates / 4 : shape->width;
    const struct checkpoint_tensor *dense;
    while (shape->blocks < WEIGHTS_BLOCKS_MAX) {
        dense = numbered(checkpoint, "1.layers.", shape->blocks, ".2.weight");
        if (dense == NULL) dense = numbered(checkpoint, "1.layers.", shape->blocks, ".1.weight");
        if (dense == NULL) break;
        shape->outs[shape->blocks++] = dim(dense, 0);
    }
    if (shape->blocks == 0)
        return error_set(err, ERR_WEIGHTS, 0, "the tensor 1.layers.0.2.weight is missing");
    return weights_shape_check(shape, err);
}

static enum error_code take_one(struct import *import, size_t i,
                                const struct checkpoint_tensor *tensor, struct error *err)
{
    const struct weights_row *row = &import->rows[i];
    if (tensor == NULL)
        return error_set(err, ERR_WEIGHTS, 0, "the tensor %s is missing", row->name);
    bool fits = row->vector ? tensor->rank == 1 && tensor->dims[0] == row->columns
                            : tensor->rank == 2 && tensor->dims[0] == row->rows &&
                                  tensor->dims[1] == row->columns;
    if (!fits)
        return error_set(err, ERR_WEIGHTS, 0,
                         "the tensor %s is of %u dimensions, %llu by %llu; %zu by %zu is needed",
                         row->name, tensor->rank,
                         (unsigned long long)(tensor->rank > 0 ? tensor->dims[0] : 1),
                         (unsigned long long)(tensor->rank > 1 ? tensor->dims[1] : 1),
                         row->vector ? row->columns : row->rows, row->vector ? 1 : row->columns);
    TRY(mem_take(&import->data[i], row->rows * row->columns, sizeof(float), err));
    TRY(checkpoint_floats(tensor, import->data[i], err));
    for (size_t k = 0; row->id == WEIGHTS_NORM_VARIANCE && k < row->columns; k++)
        if (import->data[i][k] < 0)
            return error_set(err, ERR_WEIGHTS, 0, "the tensor %s holds a negative variance",
                             row->name);
    weights_bind(&import->weights, row, import->data[i]);
    return ERR_NONE;
}

static bool is_extra(struct slice name)
{
    for (size_t i = 0; i < sizeof EXTRAS / sizeof *EXTRAS; i++) {
        struct slice extra = slice_of(EXTRAS[i]);
        if (name.size > extra.size && slice_equal(slice_from(name, name.size - extra.size), extra))
            return true;
    }
    return false;
}

enum error_code import_weights(struct import *import, const struct checkpoint *checkpoint,
                               uint32_t bptt, uint32_t max_len, struct error *err)
{
    const struct checkpoint_tensor *used[WEIGHTS_ROWS_MAX];
    struct weights_shape shape = {.bptt = bptt, .max_len = max_len};
    TRY(shape_of(checkpoint, &shape, err));
    weights_begin(&import->weights, &shape);
    import->count = weights_list(&shape, import->rows);
    for (size_t i = 0; i < import->count; i++) {
        used[i] = find(checkpoint, &import->rows[i]);
        TRY(take_one(import, i, used[i], err));
    }
    for (size_t t = 0; t < checkpoint->count; t++) {
        const struct checkpoint_tensor *tensor = &checkpoint->tensors[t];
        bool known = is_extra(tensor->name);
        for (size_t i = 0; i < import->count && !known; i++) known = used[i] == tensor;
        if (!known)
            return error_set(err, ERR_WEIGHTS, 0, "the tensor %.*s is none of a classifier's",
                             (int)tensor->name.size, tensor->name.data);
    }
    return ERR_NONE;
}

/* Words and labels */

static enum error_code vocab_check(const struct import *import, const char *path, struct error *err)
{
    static const char *const FIRST[] = {"xxunk", "xxpad"}; /* the ids the network knows */
    size_t words = import->vocab.count, rows = import->weights.shape.vocab;
    if (words != rows)
        return error_set(err, ERR_WEIGHTS, 0,
                         "%s: the vocabulary has %zu words, the embedding %zu rows", path, words,
                         rows);
    for (size_t i = 0; i < 2 && i < words; i++)
        if (!slice_equal(strings_at(&import->vocab, i), slice_of(FIRST[i])))
            return error_set(err, ERR_WEIGHTS, 0, "%s: word %zu is not %s", path, i + 1, FIRST[i]);
    return ERR_NONE;
}

static int by_label(const void *a, const void *b, void *context)
{
    const struct strings *labels = context;
    return slice_compare(strings_at(labels, *(const uint32_t *)a),
                         strings_at(labels, *(const uint32_t *)b));
}

/* order[i] is the place of the i-th label by name. */
static enum error_code label_order(const struct strings *labels, const char *path, uint32_t *order,
                                   struct error *err)
{
    for (uint32_t i = 0; i < labels->count; i++) {
        size_t size = strings_at(labels, i).size;
        if (size == 0 || size > LABEL_BYTES_MAX)
            return error_set(err, ERR_WEIGHTS, 0, "%s: label %u has %zu bytes; 1 to %d may be",
                             path, i + 1, size, LABEL_BYTES_MAX);
        order[i] = i;
    }
    qsort_r(order, labels->count, sizeof *order, by_label, (void *)labels);
    for (size_t i = 1; i < labels->count; i++) {
        struct slice label = strings_at(labels, order[i]);
        if (slice_equal(label, strings_at(labels, order[i - 1])))
            return error_set(err, ERR_WEIGHTS, 0, "%s: the label %.*s is there twice", path,
                             (int)label.size, label.data);
    }
    return ERR_NONE;
}

/* Puts labels and the rows of the last layer into the order of names. */
static enum error_code sort_labels(struct import *import, const uint32_t *order, struct error *err)
{
    size_t classes = import->labels.count, last = import->count - 1;
    size_t columns = import->rows[last].columns;
    struct strings sorted = {0};
    float *rows = NULL;
    check(import->rows[last].id == WEIGHTS_DENSE && import->rows[last].rows == classes);
    enum error_code code = mem_take(&rows, classes * columns, sizeof *rows, err);
    for (size_t i = 0; i < classes && code == ERR_NONE; i++) {
        memcpy(rows + i * columns, import->data[last] + order[i] * columns, columns * sizeof *rows);
        code = strings_add(&sorted, strings_at(&import->labels, order[i]), err);
    }
    if (code != ERR_NONE) {
        mem_free(rows);
        strings_close(&sorted);
        return code;
    }
    mem_free(import->data[last]);
    strings_close(&import->labels);
    import->data[last] = rows;
    import->labels = sorted;
    weights_bind(&import->weights, &import->rows[last], rows);
    return ERR_NONE;
}

static enum error_code labels_take(struct import *import, const char *path, struct error *err)
{
    size_t classes = weights_classes(&import->weights.shape);
    if (import->labels.count != classes)
        return error_set(err, ERR_WEIGHTS, 0, "%s: there are %zu labels, the head has %zu outputs",
                         path, import->labels.count, classes);
    uint32_t *order = NULL;
    TRY(mem_take(&order, classes, sizeof *order, err));
    enum error_code code = label_order(&import->labels, path, order, err);
    if (code == ERR_NONE) code = sort_labels(import, order, err);
    mem_free(order);
    return code;
}

/* Canaries */

struct exact {
    struct awd_scratch awd;
    struct head_scratch head;
    float *pooled;
};

static void exact_lay(struct exact *exact, const struct weights_shape *shape, struct arena *arena)
{
    awd_lay(&exact->awd, shape, arena);
    head_lay(&exact->head, shape, arena);
    exact->pooled = arena_take(arena, 3 * shape->width, sizeof(float));
}

static void canary_ids(struct import *import)
{
    static const uint32_t LENGTHS[IMPORT_CANARIES] = {8, 32, 80, 1};
    struct rng rng = rng_seed(import->weights.shape.vocab);
    uint32_t at = 0;
    for (size_t i = 0; i < IMPORT_CANARIES; i++) {
        import->canary_start[i] = at;
        for (uint32_t t = 0; t < LENGTHS[i]; t++, at++) {
            /* Any word but xxpad; a vocabulary of one word has no other choice. */
            uint32_t id = (uint32_t)rng_below(&rng, import->weights.shape.vocab);
            import->canary_ids[at] = id == WEIGHTS_PAD ? 0 : id;
        }
    }
    check(at == IMPORT_CANARY_TOKENS);
    import->canary_start[IMPORT_CANARIES] = at;
}

static enum error_code canaries_make(struct import *import, struct error *err)
{
    const struct weights_shape *shape = &import->weights.shape;
    size_t classes = weights_classes(shape);
    struct exact exact;
    struct arena arena = arena_measure();
    exact_lay(&exact, shape, &arena);
    TRY(mem_take(&import->canary_logits, IMPORT_CANARIES * classes, sizeof(float), err));
    TRY(arena_open(&arena, arena.used, err));
    exact_lay(&exact, shape, &arena);
    canary_ids(import);
    enum error_code code = ERR_NONE;
    for (size_t i = 0; i < IMPORT_CANARIES && code == ERR_NONE; i++) {
        uint32_t start = import->canary_start[i];
        code = awd_encode(&import->weights, import->canary_ids + start,
                          import->canary_start[i + 1] - start, &exact.awd, exact.pooled, err);
        if (code == ERR_NONE)
            head_forward(&import->weights, exact.pooled, &exact.head,
                         import->canary_logits + i * classes);
    }
    arena_close(&arena);
    return code;
}

/* Failures of the reader name tensors; here they get the file's name as well. */
static enum error_code weights_take(struct import *import, const struct import_options *options,
                                    struct error *err)
{
    struct checkpoint checkpoint = {0};
    struct error detail;
    struct file_map map;
    TRY(file_map(&map, options->weights, err));
    enum error_code code = checkpoint_read(&checkpoint, map.bytes, &detail);
    if (code == ERR_NONE)
        code = import_weights(import, &checkpoint, options->bptt, options->max_len, &detail);
    checkpoint_close(&checkpoint);
    file_unmap(&map);
    if (code == ERR_NONE) return ERR_NONE;
    return error_set(err, code, 0, "%s: %.400s", options->weights, detail.detail);
}

/* The words with their ready hash table, as serving maps them. */
static enum error_code vocab_image(struct import *import, struct error *err)
{
    struct slice *words;
    TRY(mem_take(&words, import->vocab.count, sizeof *words, err));
    for (size_t i = 0; i < import->vocab.count; i++) words[i] = strings_at(&import->vocab, i);
    enum error_code code = vocab_lay(&import->vocab_image, &import->vocab_bytes, words,
                                     import->vocab.count, VOCAB_FILLER_LAST, err);
    mem_free(words);
    return code;
}

static enum error_code build(struct import *import, const struct import_options *options,
                             struct error *err)
{
    TRY(weights_take(import, options, err));
    TRY(strings_open(&import->vocab, options->vocab, err));
    TRY(vocab_check(import, options->vocab, err));
    TRY(vocab_image(import, err));
    TRY(strings_open(&import->labels, options->labels, err));
    TRY(labels_take(import, options->labels, err));
    TRY(canaries_make(import, err));
    return shrink_open(&import->shrink, &import->weights, options->exact, err);
}

enum error_code import_open(struct import *out_import, const struct import_options *options,
                            struct error *err)
{
    struct import *import = NULL;
    TRY(mem_take(&import, 1, sizeof *import, err));
    enum error_code code = build(import, options, err);
    if (code == ERR_NONE)
        *out_import = *import;
    else
        import_close(import);
    mem_free(import);
    return code;
}

void import_close(struct import *import)
{
    for (size_t i = 0; i < import->count; i++) mem_free(import->data[i]);
    mem_free(import->canary_logits);
    strings_close(&import->vocab);
    strings_close(&import->labels);
    mem_free(import->vocab_image);
    shrink_close(&import->shrink);
    *import = (struct import){0};
}

static void draft_strings(const struct strings *strings, const char *start, const char *text,
                          struct bundle_draft *draft)
{
    bundle_draft_tensor(draft, start, SAFETENSORS_U32, strings->count + 1, 0, strings->start);
    bundle_draft_tensor(draft, text, SAFETENSORS_U8, strings->start[strings->count], 0,
                        strings->text);
}

void import_draft(struct import *import, struct bundle_draft *draft)
{
    shrink_draft(&import->shrink, &import->names, draft);
    bundle_draft_tensor(draft, "ulmfit.canary.start", SAFETENSORS_U32, IMPORT_CANARIES + 1, 0,
                        import->canary_start);
    bundle_draft_tensor(draft, "ulmfit.canary.ids", SAFETENSORS_U32, IMPORT_CANARY_TOKENS, 0,
                        import->canary_ids);
    bundle_draft_tensor(draft, "ulmfit.canary.logits", SAFETENSORS_F32, IMPORT_CANARIES,
                        weights_classes(&import->weights.shape), import->canary_logits);
    bundle_draft_tensor(draft, "vocab.image", SAFETENSORS_U8, import->vocab_bytes, 0,
                        import->vocab_image);
    draft_strings(&import->labels, "labels.start", "labels.text", draft);
}
