/* ngram.h - the linear member's features: hashes of pieces of a case.
 *
 * In       a checked case (text/case.h)
 * Out      64-bit hashes, in text order, in blocks, to the caller's sink: of
 *          words and pairs of words, of 3 to 5 characters inside a word (its
 *          edges count as blanks), and of field values. The lowest two bits tell
 *          the kind. Letters are lowered; a CJK character is a word of its own.
 * Bound    time linear in the text, memory constant
 * Threads  any number
 * Source   scikit-learn's char_wb and word analysers, whose features these are
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef VOCAB_NGRAM_H
#define VOCAB_NGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/case.h"

enum ngram_kind { NGRAM_CHARS, NGRAM_WORDS, NGRAM_VALUE, NGRAM_KINDS };

enum { NGRAM_BLOCK = 256, NGRAM_SHORTEST = 3, NGRAM_LONGEST = 5 };

static inline enum ngram_kind ngram_kind_of(uint64_t hash) { return (enum ngram_kind)(hash & 3); }

/* Takes up to NGRAM_BLOCK hashes. */
typedef void ngram_sink(void *context, const uint64_t *hashes, size_t count);

void ngram_scan(const struct case_text *text, ngram_sink *sink, void *context);

/* Where the last code point of an n-gram stands; of a value only the field. */
struct ngram_place {
    enum case_field field;
    size_t at; /* byte of the field */
    bool pair; /* of words: the second one stands there */
};
typedef void ngram_visitor(void *context, uint64_t hash, const struct ngram_place *place);

/* The same hashes in the same order, one at a time, and where each of them is. */
void ngram_visit(const struct case_text *text, ngram_visitor *visitor, void *context);

/* The next word as people see it: a run without blanks, broken behind a character that is a word
 * of its own and before it has more than bytes_max bytes. *at, where to look from, becomes its
 * first byte; returns the byte behind it, *at where there is none. */
size_t ngram_word(struct slice text, size_t bytes_max, size_t *at);

#endif
