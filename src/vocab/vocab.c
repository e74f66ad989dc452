/* vocab.c - open addressing over a list that is never changed again.
 *
 * The image is a header of eight words of 32 bits, the offsets, the slots, the
 * bytes. Half of the slots are empty. vocab_open reads all of it once (a
 * megabyte for 60,000 words): after that no look-up can leave the image.
 */
// SPDX-License-Identifier: Apache-2.0
#include "vocab/vocab.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mem.h"
#include "text/clean.h"
#include "text/utf8.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an image is used as it is");

enum { MAGIC = 0x56434241, HEADER_WORDS = 8, MULTIPLE = 8 };

/* A program that knows nothing of pieces must not read what was learnt with them. */
enum { VERSION = 1, VERSION_PIECES = 2 };

static const char FILLER[] = "xxfake";

struct header {
    uint32_t magic, version, count, slot_count, bytes, unused[3];
};
_Static_assert(sizeof(struct header) == HEADER_WORDS * 4, "eight words");

static uint32_t hash_of(struct slice word) { return (uint32_t)XXH64(word.data, word.size, 0); }

/* ---- look-up ---- */

struct slice vocab_word(const struct vocab *vocab, uint32_t id)
{
    check(id < vocab->count);
    uint32_t at = vocab->offsets[id];
    return (struct slice){vocab->bytes + at, vocab->offsets[id + 1] - at};
}

uint32_t vocab_id(const struct vocab *vocab, struct slice word)
{
    uint32_t mask = vocab->slot_count - 1;
    for (uint32_t slot = hash_of(word) & mask; vocab->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t id = vocab->slots[slot] - 1;
        uint32_t at = vocab->offsets[id], size = vocab->offsets[id + 1] - at;
        if (size == word.size && memcmp(vocab->bytes + at, word.data, size) == 0) return id;
    }
    return SPECIAL_UNKNOWN;
}

size_t vocab_read(const struct vocab *vocab, struct slice word, uint32_t out_ids[PIECES_MAX])
{
    uint32_t id = vocab_id(vocab, word);
    size_t count = id == SPECIAL_UNKNOWN && vocab->pieces ? pieces_find(vocab, word, out_ids) : 0;
    if (count > 0) return count;
    out_ids[0] = id;
    return 1;
}

size_t vocab_ids(const struct vocab *vocab, const struct token_list *tokens, uint32_t *out_ids,
                 size_t max, bool *out_cut)
{
    size_t count = 0;
    *out_cut = false;
    for (size_t i = 0; i < tokens->count && !*out_cut; i++) {
        uint32_t ids[PIECES_MAX];
        size_t some = vocab_read(vocab, token_slice(tokens, i), ids);
        *out_cut = some > max - count;
        if (*out_cut) some = max - count;
        memcpy(out_ids + count, ids, some * sizeof *ids);
        count += some;
    }
    return count;
}

/* ---- the image ---- */

static enum error_code damaged(struct error *err, const char *what)
{
    return error_set(err, ERR_MODEL, 0, "the vocabulary is damaged: %s", what);
}

static enum error_code check_content(const struct vocab *vocab, uint32_t bytes, struct error *err)
{
    for (uint32_t i = 0; i < vocab->count; i++)
        if (vocab->offsets[i] > vocab->offsets[i + 1])
            return damaged(err, "a word ends before it begins");
    if (vocab->offsets[0] != 0 || vocab->offsets[vocab->count] != bytes)
        return damaged(err, "its words are not its bytes");
    if (!utf8_valid((struct slice){vocab->bytes, bytes}, NULL))
        return damaged(err, "its words are not UTF-8");
    uint32_t empty = 0;
    for (uint32_t i = 0; i < vocab->slot_count; i++) {
        empty += vocab->slots[i] == 0;
        if (vocab->slots[i] > vocab->count) return damaged(err, "a place leads beyond its words");
    }
    /* A look-up ends at an empty place. */
    return empty > 0 ? ERR_NONE : damaged(err, "its table has no end");
}

enum error_code vocab_open(struct vocab *out_vocab, struct slice image, struct error *err)
{
    struct header header;
    if (image.size < sizeof header || (uintptr_t)image.data % sizeof(uint32_t) != 0)
        return damaged(err, "it is too short");
    memcpy(&header, image.data, sizeof header);
    if (header.magic != MAGIC) return damaged(err, "it does not begin as one");
    if (header.version != VERSION && header.version != VERSION_PIECES)
        return error_set(err, ERR_MODEL_NEWER, 0, "the vocabulary has version %u, not %d or %d",
                         header.version, VERSION, VERSION_PIECES);
    uint64_t size =
        sizeof header + ((uint64_t)header.count + 1 + header.slot_count) * 4 + header.bytes;
    bool power = header.slot_count > 0 && (header.slot_count & (header.slot_count - 1)) == 0;
    if (size != image.size || !power || header.count == 0)
        return damaged(err, "its sizes do not fit together");
    struct vocab vocab = {.pieces = header.version == VERSION_PIECES,
                          .count = header.count,
                          .slot_count = header.slot_count};
    vocab.offsets = (const uint32_t *)(const void *)(image.data + sizeof header);
    vocab.slots = vocab.offsets + vocab.count + 1;
    vocab.bytes = (const char *)(vocab.slots + vocab.slot_count);
    TRY(check_content(&vocab, header.bytes, err));
    *out_vocab = vocab;
    return ERR_NONE;
}

static void insert(const struct vocab *vocab, uint32_t *slots, uint32_t id)
{
    struct slice word = vocab_word(vocab, id);
    uint32_t mask = vocab->slot_count - 1, slot = hash_of(word) & mask;
    for (; slots[slot] != 0; slot = (slot + 1) & mask)
        if (slice_equal(vocab_word(vocab, slots[slot] - 1), word)) break;
    slots[slot] = id + 1;
}

enum error_code vocab_lay(char **out_image, size_t *out_size, const struct slice *words,
                          size_t count, struct vocab_layout layout, struct error *err)
{
    struct header header = {.magic = MAGIC, .version = layout.pieces ? VERSION_PIECES : VERSION};
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += words[i].size;
    if (count == 0 || count > UINT32_MAX / 8 || bytes > UINT32_MAX)
        return error_set(err, ERR_DATA, 0, "a vocabulary of %zu words and %llu bytes", count,
                         (unsigned long long)bytes);
    header.count = (uint32_t)count;
    header.bytes = (uint32_t)bytes;
    header.slot_count = 2;
    while (header.slot_count < 2 * header.count) header.slot_count *= 2;
    size_t size = sizeof header + (count + 1 + header.slot_count) * 4 + header.bytes;
    char *image;
    TRY(mem_take(&image, size, 1, err));
    memcpy(image, &header, sizeof header);
    uint32_t *offsets = (uint32_t *)(void *)(image + sizeof header);
    uint32_t *slots = offsets + count + 1;
    char *pool = (char *)(slots + header.slot_count);
    struct vocab vocab = {layout.pieces, header.count, header.slot_count, offsets, slots, pool};
    for (size_t i = 0; i < count; i++) {
        if (words[i].size > 0) memcpy(pool + offsets[i], words[i].data, words[i].size);
        offsets[i + 1] = offsets[i] + (uint32_t)words[i].size;
    }
    for (uint32_t i = 0; i < header.count; i++)
        if (layout.filler == VOCAB_FILLER_LAST || !slice_equal(words[i], slice_of(FILLER)))
            insert(&vocab, slots, i);
    *out_image = image;
    *out_size = size;
    return ERR_NONE;
}

/* ---- counting ---- */

static enum error_code grow_slots(struct vocab_counter *counter, struct error *err)
{
    size_t slot_count = counter->slot_count > 0 ? counter->slot_count * 2 : 1024;
    uint32_t *slots;
    TRY(mem_take(&slots, slot_count, sizeof *slots, err));
    for (size_t i = 0; i < counter->count; i++) {
        size_t slot = counter->entries[i].hash & (slot_count - 1);
        while (slots[slot] != 0) slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    mem_free(counter->slots);
    counter->slots = slots;
    counter->slot_count = slot_count;
    return ERR_NONE;
}

struct slice vocab_counted(const struct vocab_counter *counter, size_t i)
{
    return (struct slice){counter->bytes + counter->entries[i].at, counter->entries[i].size};
}

enum error_code vocab_count(struct vocab_counter *counter, struct slice word, uint64_t times,
                            uint32_t *out_entry, struct error *err)
{
    if (2 * (counter->count + 1) > counter->slot_count) TRY(grow_slots(counter, err));
    uint32_t hash = hash_of(word);
    size_t mask = counter->slot_count - 1, slot = hash & mask;
    for (; counter->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t place = counter->slots[slot] - 1;
        struct vocab_entry *entry = &counter->entries[place];
        if (entry->hash != hash || !slice_equal(vocab_counted(counter, place), word)) continue;
        entry->count += times;
        if (out_entry != NULL) *out_entry = place;
        return ERR_NONE;
    }
    if (counter->count >= UINT32_MAX - 1 || word.size > UINT32_MAX)
        return error_set(err, ERR_DATA, 0, "more than %u different words", UINT32_MAX - 1);
    TRY(mem_grow(&counter->bytes, &counter->bytes_capacity, counter->bytes_used + word.size + 1, 1,
                 err));
    TRY(mem_grow(&counter->entries, &counter->entry_capacity, counter->count + 1,
                 sizeof *counter->entries, err));
    if (word.size > 0) memcpy(counter->bytes + counter->bytes_used, word.data, word.size);
    counter->entries[counter->count] = (struct vocab_entry){
        .at = counter->bytes_used, .count = times, .size = (uint32_t)word.size, .hash = hash};
    counter->bytes_used += word.size;
    if (out_entry != NULL) *out_entry = (uint32_t)counter->count;
    counter->slots[slot] = (uint32_t)++counter->count;
    return ERR_NONE;
}

void vocab_counter_close(struct vocab_counter *counter)
{
    mem_free(counter->bytes);
    mem_free(counter->entries);
    mem_free(counter->slots);
    *counter = (struct vocab_counter){0};
}

/* ---- choosing ---- */

struct ranked {
    uint64_t count;
    size_t place; /* of first occurrence */
};

static int by_frequency(const void *a_, const void *b_)
{
    const struct ranked *a = a_, *b = b_;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static bool is_special(struct slice word)
{
    for (enum special_id id = 0; id < SPECIAL_COUNT; id++)
        if (slice_equal(word, clean_special(id))) return true;
    return false;
}

size_t vocab_filled(size_t words_max) { return words_max / MULTIPLE * MULTIPLE + MULTIPLE; }

enum error_code vocab_make(struct slice **out_words, size_t *out_count,
                           const struct vocab_counter *counter, const struct vocab_options *options,
                           struct error *err)
{
    struct ranked *ranked;
    struct slice *words;
    TRY(mem_take(&ranked, counter->count, sizeof *ranked, err));
    for (size_t i = 0; i < counter->count; i++)
        ranked[i] = (struct ranked){counter->entries[i].count, i};
    if (counter->count > 0) qsort(ranked, counter->count, sizeof *ranked, by_frequency);
    /* The most frequent are chosen before the markers come in front, which push words out. */
    size_t chosen = counter->count < options->words_max ? counter->count : options->words_max;
    enum error_code code = mem_take(&words, SPECIAL_COUNT + chosen + MULTIPLE, sizeof *words, err);
    if (code != ERR_NONE) {
        mem_free(ranked);
        return code;
    }
    size_t count = 0;
    for (enum special_id id = 0; id < SPECIAL_COUNT; id++) words[count++] = clean_special(id);
    for (size_t i = 0; i < chosen && ranked[i].count >= options->min_freq; i++) {
        struct slice word = vocab_counted(counter, ranked[i].place);
        if (!is_special(word)) words[count++] = word;
    }
    if (count > options->words_max) count = options->words_max;
    for (size_t all = vocab_filled(count); count < all;) words[count++] = slice_of(FILLER);
    mem_free(ranked);
    *out_words = words;
    *out_count = count;
    return ERR_NONE;
}
