/* corpus.c - strings in large blocks, so that a hundred thousand cases are a few allocations. */
// SPDX-License-Identifier: Apache-2.0
#include "train/corpus.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "text/feed.h"

enum { BLOCK_BYTES = 1 << 20, REPORT_EVERY = 1024 };

struct corpus_block {
    struct corpus_block *next;
    size_t used, size;
    char bytes[];
};

static enum error_code keep(struct corpus *corpus, struct slice *text, struct error *err)
{
    if (text->size == 0) {
        *text = SLICE("");
        return ERR_NONE;
    }
    struct corpus_block *block = corpus->blocks;
    if (block == NULL || block->size - block->used < text->size) {
        size_t size = text->size > BLOCK_BYTES ? text->size : BLOCK_BYTES;
        TRY(mem_take(&block, 1, sizeof *block + size, err));
        block->size = size;
        block->next = corpus->blocks;
        corpus->blocks = block;
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, text->data, text->size);
    block->used += text->size;
    text->data = copy;
    return ERR_NONE;
}

static uint64_t text_hash(const struct case_text *text)
{
    uint64_t hash = XXH3_64bits(text->field[CASE_SUBJECT].data, text->field[CASE_SUBJECT].size);
    return XXH3_64bits_withSeed(text->field[CASE_DESCRIPTION].data,
                                text->field[CASE_DESCRIPTION].size, hash);
}

/* While reading, a case's label is a slice of its own; sorted into numbers at the end. */
struct reading {
    struct corpus *corpus;
    struct slice *labels;
    size_t labels_capacity;
    const struct names *names;
    bool met[CASE_FIELDS]; /* of names, by some case */
};

static enum error_code add_case(struct reading *reading, struct csv_row *row, const char *path,
                                uint32_t file, struct error *err)
{
    struct corpus *corpus = reading->corpus;
    if (row->fault.code == ERR_NONE && row->label.size > LABEL_BYTES_MAX)
        error_set(&row->fault, ERR_FIELD, row->line,
                  "%s: line %zu: the label is longer than %d bytes", path, row->line,
                  LABEL_BYTES_MAX);
    if (row->fault.code != ERR_NONE) {
        if (corpus->bad_rows < BAD_ROWS_NAMED) corpus->bad[corpus->bad_rows] = row->fault;
        corpus->bad_rows++;
        return ERR_NONE;
    }
    TRY(mem_grow(&corpus->cases, &corpus->capacity, corpus->count + 1, sizeof *corpus->cases, err));
    TRY(mem_grow(&reading->labels, &reading->labels_capacity, corpus->count + 1,
                 sizeof *reading->labels, err));
    struct corpus_case added = {.text = row->text, .file = file, .line = row->line};
    for (int f = 0; f < CASE_FIELDS; f++) TRY(keep(corpus, &added.text.field[f], err));
    TRY(keep(corpus, &row->label, err));
    added.hash = text_hash(&added.text);
    reading->labels[corpus->count] = row->label;
    corpus->cases[corpus->count++] = added;
    return ERR_NONE;
}

static enum error_code read_file(struct reading *reading, const char *path, uint32_t file,
                                 struct progress *progress, struct error *err)
{
    struct feed *feed;
    struct feed_options options = {
        .path = path, .names = reading->names, .met = reading->met, .need_label = true};
    TRY(feed_open(&feed, &options, err));
    size_t before = reading->corpus->count, rows = 0;
    enum error_code code;
    for (;;) {
        struct csv_row row;
        bool end = false;
        code = feed_next(feed, &row, &end, err);
        if (code != ERR_NONE || end) break;
        code = add_case(reading, &row, path, file, err);
        if (code != ERR_NONE) break;
        if (++rows % REPORT_EVERY == 0)
            progress_report(progress, "reading cases", feed_consumed(feed), feed_size(feed),
                            "bytes");
    }
    feed_close(feed);
    if (code == ERR_NONE && rows == 0 && before == reading->corpus->count)
        return error_set(err, ERR_DATA, 0, "%s: no cases: the file has only its header", path);
    return code;
}

static int by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static enum error_code number_labels(struct reading *reading, struct error *err)
{
    struct corpus *corpus = reading->corpus;
    if (corpus->count == 0) return ERR_NONE;
    TRY(mem_take(&corpus->labels, corpus->count, sizeof *corpus->labels, err));
    memcpy(corpus->labels, reading->labels, corpus->count * sizeof *corpus->labels);
    qsort(corpus->labels, corpus->count, sizeof *corpus->labels, by_bytes);
    size_t distinct = 0;
    for (size_t i = 0; i < corpus->count; i++)
        if (distinct == 0 || !slice_equal(corpus->labels[i], corpus->labels[distinct - 1]))
            corpus->labels[distinct++] = corpus->labels[i];
    if (distinct > LABELS_MAX)
        return error_set(err, ERR_DATA, 0, "%zu labels; at most %d can be told apart", distinct,
                         LABELS_MAX);
    corpus->label_count = (uint32_t)distinct;
    TRY(mem_take(&corpus->label_cases, distinct, sizeof *corpus->label_cases, err));
    for (size_t i = 0; i < corpus->count; i++) {
        const struct slice *found = bsearch(&reading->labels[i], corpus->labels, distinct,
                                            sizeof *corpus->labels, by_bytes);
        check(found != NULL);
        corpus->cases[i].label = (uint32_t)(found - corpus->labels);
        corpus->label_cases[corpus->cases[i].label]++;
    }
    return ERR_NONE;
}

/* A member may be absent from one case of JSON or another, and from a whole file; a name that none
 * has in any is mistyped. */
static enum error_code check_names(const struct reading *reading, struct error *err)
{
    const struct names *names = reading->names;
    for (unsigned f = 0; names != NULL && reading->corpus->count > 0 && f < CASE_FIELDS; f++)
        if (names->given[f].size > 0 && !reading->met[f])
            return error_set(err, ERR_USAGE, 0,
                             "no case has a member '%.*s', which --columns names",
                             (int)names->given[f].size, names->given[f].data);
    return ERR_NONE;
}

enum error_code corpus_open(struct corpus *out_corpus, const char *const *paths, size_t path_count,
                            const struct names *names, struct progress *progress, struct error *err)
{
    struct corpus corpus = {0};
    struct reading reading = {.corpus = &corpus, .names = names};
    enum error_code code = ERR_NONE;
    for (size_t i = 0; i < path_count && code == ERR_NONE; i++)
        code = read_file(&reading, paths[i], (uint32_t)i, progress, err);
    if (code == ERR_NONE) code = check_names(&reading, err);
    if (code == ERR_NONE) code = number_labels(&reading, err);
    mem_free(reading.labels);
    if (code != ERR_NONE) {
        corpus_close(&corpus);
        return code;
    }
    *out_corpus = corpus;
    return ERR_NONE;
}

void corpus_close(struct corpus *corpus)
{
    while (corpus->blocks != NULL) {
        struct corpus_block *next = corpus->blocks->next;
        mem_free(corpus->blocks);
        corpus->blocks = next;
    }
    mem_free(corpus->cases);
    mem_free(corpus->labels);
    mem_free(corpus->label_cases);
    *corpus = (struct corpus){0};
}
