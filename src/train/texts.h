/* texts.h - texts as the ids of their words, in a nameless file that is mapped.
 *
 * One walk: texts are cut into tokens by all threads, and, in their order, words are
 * counted and written down by their place among the words seen so far. Once the
 * vocabulary is chosen the places become ids. Texts themselves are never held.
 *
 * In      a source of texts, one after another
 * Out     ids of every text, and the vocabulary as fastai makes it of them
 * Memory  the words seen, eight bytes a text; ids lie in files, twice for a while. texts_close
 * gives it back Threads one caller, who brings the crew; the same result for any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_TEXTS_H
#define TRAIN_TEXTS_H

#include "base/crew.h"
#include "base/spill.h"
#include "train/recipe.h"
#include "vocab/vocab.h"

/* Gives text after text; a slice lives until the next call. */
struct texts_source {
    void *context;
    enum error_code (*next)(void *context, struct slice *out_text, bool *out_end,
                            struct error *err);
};

struct texts_options {
    const char *beside; /* a path in the folder of the temporary file */
    struct token_way way;
    struct vocab_options vocab;
    bool pieces; /* unknown words are read as those they are made of (vocab/pieces.h) */
};

struct texts {
    struct spill spill;
    const uint32_t *ids;
    uint64_t *start; /* [count + 1]: text i is ids[start[i]] .. ids[start[i + 1]] */
    size_t count, start_room;
    char *image; /* the vocabulary (vocab/vocab.h) */
    size_t image_bytes;
    struct vocab vocab;
};

/* As a recipe reads texts of this language: fastai's whole words, or pieces. */
struct texts_options texts_options_of(enum recipe_kind recipe, const char *language,
                                      const char *tokenizer, size_t words_max, const char *beside);

MUST_CHECK enum error_code texts_open(struct texts *out_texts, const struct texts_options *options,
                                      const struct texts_source *source, struct crew *crew,
                                      struct progress *progress, struct error *err);
void texts_close(struct texts *texts);

static inline uint64_t texts_size(const struct texts *texts, size_t text)
{
    return texts->start[text + 1] - texts->start[text];
}

#endif
