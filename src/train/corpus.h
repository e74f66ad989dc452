/* corpus.h - labelled cases in memory, with their labels sorted by name.
 *
 * Memory   corpus_close frees all; slices live until then
 * Errors   rows that can not be used are listed, the first BAD_ROWS_NAMED with
 *          their sentence, and left out; whether to go on is the caller's choice
 * Threads  one at a time; read-only afterwards
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_CORPUS_H
#define TRAIN_CORPUS_H

#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/progress.h"
#include "text/case.h"
#include "text/csv.h"

struct corpus_case {
    struct case_text text;
    uint32_t label;
    uint32_t file; /* which of the paths it came from */
    size_t line;
    uint64_t hash; /* of subject and description: equal texts are never split */
};

struct corpus {
    struct corpus_case *cases;
    size_t count, capacity;
    struct slice *labels;  /* sorted, distinct */
    uint32_t *label_cases; /* cases of each label */
    uint32_t label_count;
    struct corpus_block *blocks;
    size_t bad_rows;
    struct error bad[BAD_ROWS_NAMED];
};

/* Reads the files one after another; names as in feed.h. */
MUST_CHECK enum error_code corpus_open(struct corpus *out_corpus, const char *const *paths,
                                       size_t path_count, const struct names *names,
                                       struct progress *progress, struct error *err);
void corpus_close(struct corpus *corpus);

#endif
