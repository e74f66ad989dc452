/* vocab.h - words and their ids, as fastai numbers them.
 *
 * Made by counting (vocab_count, vocab_make) or from a ready list; laid out as
 * one image: words, their places and a ready hash table, so that a mapped file
 * is used as it is. Ids are 32 bits; a word that is not there has id 0, xxunk.
 *
 * In      an image, checked whole by vocab_open, little-endian
 * Memory  struct vocab points into the image and owns nothing
 * Threads any number may look up; a counter belongs to one
 * Source  fastai's make_vocab and Numericalize: ULMFiT, section 3
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef VOCAB_VOCAB_H
#define VOCAB_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "token/token.h"
#include "vocab/pieces.h"

struct vocab {
    bool pieces; /* words that are not there are read as those they are made of (pieces.h) */
    uint32_t count, slot_count;
    const uint32_t *offsets; /* count + 1; word i is bytes [offsets[i], offsets[i + 1]) */
    const uint32_t *slots;   /* id + 1, or 0 */
    const char *bytes;
};

/* The id of a word, 0 (xxunk) if it is not in the vocabulary. */
uint32_t vocab_id(const struct vocab *vocab, struct slice word);
struct slice vocab_word(const struct vocab *vocab, uint32_t id);

/* The ids that a word is read as: its own, those of its pieces, or xxunk's. */
size_t vocab_read(const struct vocab *vocab, struct slice word, uint32_t out_ids[PIECES_MAX]);

/* The ids of tokens, at most max of them; returns how many. *out_cut tells that there were more. */
size_t vocab_ids(const struct vocab *vocab, const struct token_list *tokens, uint32_t *out_ids,
                 size_t max, bool *out_cut);

/* Uses an image of a mapped file or of vocab_lay; ERR_MODEL if it is damaged. The
 * image must be aligned to 4 bytes and stay as long as vocab is used. */
MUST_CHECK enum error_code vocab_open(struct vocab *out_vocab, struct slice image,
                                      struct error *err);

/* Where `xxfake`, the filler, leads: fastai leaves it out of a vocabulary it
 * counted, and of one that was handed in takes the last. */
enum vocab_filler { VOCAB_FILLER_UNKNOWN, VOCAB_FILLER_LAST };

struct vocab_layout {
    enum vocab_filler filler;
    bool pieces;
};

/* Lays words out as an image; the caller frees it with mem_free. Of a word that
 * stands there twice, the last place is its id. */
MUST_CHECK enum error_code vocab_lay(char **out_image, size_t *out_size, const struct slice *words,
                                     size_t count, struct vocab_layout layout, struct error *err);

/* ---- counting ---- */

struct vocab_counter {
    char *bytes;
    struct vocab_entry {
        size_t at;
        uint64_t count;
        uint32_t size, hash;
    } * entries; /* in the order of first occurrence, which decides ties */
    uint32_t *slots;
    size_t bytes_used, bytes_capacity, count, entry_capacity, slot_count;
};

/* Starts as {0}. *out_entry, which may be NULL, is the word's place among the entries. */
MUST_CHECK enum error_code vocab_count(struct vocab_counter *counter, struct slice word,
                                       uint64_t times, uint32_t *out_entry, struct error *err);
struct slice vocab_counted(const struct vocab_counter *counter, size_t entry);
void vocab_counter_close(struct vocab_counter *counter);

struct vocab_options {
    uint64_t min_freq; /* fastai: 3 */
    size_t words_max;  /* fastai: 60,000; the filler comes on top */
};

/* The markers, then the most frequent words, then filler up to the next multiple
 * of 8 (eight of it where there is nothing to fill). *out_words is freed with
 * mem_free; its slices live in the counter. */
MUST_CHECK enum error_code vocab_make(struct slice **out_words, size_t *out_count,
                                      const struct vocab_counter *counter,
                                      const struct vocab_options *options, struct error *err);

/* How many words that is at most, of words_max. */
size_t vocab_filled(size_t words_max);

#endif
