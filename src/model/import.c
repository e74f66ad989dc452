/* import.c - weights, words and labels that fit together.
 *
 * Labels are sorted here, and the rows of the last layer with them, because the
 * program finds labels by name. */
// SPDX-License-Identifier: Apache-2.0
#include "model/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "vocab/vocab.h"

/* Words and labels */

static enum error_code vocab_check(const struct import *import, const char *path, struct error *err)
{
    static const char *const FIRST[] = {"xxunk", "xxpad"}; /* the ids the network knows */
    size_t words = import->vocab.count, rows = import->load.weights.shape.vocab;
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
    size_t classes = import->labels.count, last = import->load.count - 1;
    size_t columns = import->load.rows[last].columns;
    struct strings sorted = {0};
    float *rows = NULL;
    check(import->load.rows[last].id == WEIGHTS_DENSE && import->load.rows[last].rows == classes);
    enum error_code code = mem_take(&rows, classes * columns, sizeof *rows, err);
    for (size_t i = 0; i < classes && code == ERR_NONE; i++) {
        memcpy(rows + i * columns, import->load.data[last] + order[i] * columns,
               columns * sizeof *rows);
        code = strings_add(&sorted, strings_at(&import->labels, order[i]), err);
    }
    if (code != ERR_NONE) {
        mem_free(rows);
        strings_close(&sorted);
        return code;
    }
    mem_free(import->load.data[last]);
    strings_close(&import->labels);
    import->load.data[last] = rows;
    import->labels = sorted;
    weights_bind(&import->load.weights, &import->load.rows[last], rows);
    return ERR_NONE;
}

static enum error_code labels_take(struct import *import, const char *path, struct error *err)
{
    size_t classes = weights_classes(&import->load.weights.shape);
    if (import->labels.count != classes)
        return error_set(err, ERR_WEIGHTS, 0, "%s: there are %zu labels, the head has %zu outputs",
                         path, import->labels.count, classes);
    if (classes < 2)
        return error_set(err, ERR_WEIGHTS, 0, "%s: one label alone leaves nothing to answer", path);
    uint32_t *order = NULL;
    TRY(mem_take(&order, classes, sizeof *order, err));
    enum error_code code = label_order(&import->labels, path, order, err);
    if (code == ERR_NONE) code = sort_labels(import, order, err);
    mem_free(order);
    return code;
}

/* The whole */

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
        code = options->language_model ? load_language(&import->load, &checkpoint, &detail)
                                       : load_classifier(&import->load, &checkpoint, options->bptt,
                                                         options->max_len, &detail);
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
    struct vocab_layout layout = {.filler = VOCAB_FILLER_LAST};
    enum error_code code = vocab_lay(&import->vocab_image, &import->vocab_bytes, words,
                                     import->vocab.count, layout, err);
    mem_free(words);
    return code;
}

static enum error_code canaries_take(struct import *import, const char *path, struct error *err)
{
    struct error detail;
    enum error_code code = canary_make(&import->canaries, &import->load.weights, &detail);
    if (code == ERR_NONE) return ERR_NONE;
    return error_set(err, code, 0, "%s: %.400s", path, detail.detail);
}

static enum error_code build(struct import *import, const struct import_options *options,
                             struct error *err)
{
    TRY(weights_take(import, options, err));
    TRY(strings_open(&import->vocab, options->vocab, err));
    TRY(vocab_check(import, options->vocab, err));
    TRY(vocab_image(import, err));
    if (options->language_model) return ERR_NONE;
    TRY(strings_open(&import->labels, options->labels, err));
    TRY(labels_take(import, options->labels, err));
    TRY(canaries_take(import, options->weights, err));
    return shrink_open(&import->shrink, &import->load.weights, options->exact, err);
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
    load_close(&import->load);
    canary_made_close(&import->canaries);
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
    bundle_draft_tensor(draft, "vocab.image", SAFETENSORS_U8, import->vocab_bytes, 0,
                        import->vocab_image);
    if (weights_headless(&import->load.weights.shape)) {
        language_draft(&import->load.weights, &import->language_names, draft);
        return;
    }
    shrink_draft(&import->shrink, &import->names, draft);
    canary_draft(&import->canaries, draft);
    draft_strings(&import->labels, "labels.start", "labels.text", draft);
}
