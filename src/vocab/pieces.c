/* pieces.c - runs of letters and digits, and in each the longest words first.
 *
 * Signs join words and are none: "_", "-", "::" end a run. A number is one: "1778006" is not
 * made of "177". Beyond ASCII everything counts as a letter. */
// SPDX-License-Identifier: Apache-2.0
#include "vocab/pieces.h"

#include "text/clean.h"
#include "vocab/vocab.h"

static bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte & 0x80);
}

/* A place between characters, and not within a number. */
static bool is_place(struct slice run, size_t at)
{
    if (at == 0 || at == run.size) return true;
    return (run.data[at] & 0xC0) != 0x80 && !(is_digit(run.data[at - 1]) && is_digit(run.data[at]));
}

static size_t characters(const char *data, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += (data[i] & 0xC0) != 0x80;
    return count;
}

/* The longest known word that begins at `at`: its bytes, 0 where there is none. */
static size_t longest(const struct vocab *vocab, struct slice run, size_t at, uint32_t *out_id)
{
    size_t size = run.size - at < PIECE_BYTES ? run.size - at : PIECE_BYTES;
    for (; size >= PIECE_CHARACTERS; size--) {
        struct slice word = {run.data + at, size};
        if (!is_place(run, at + size)) continue;
        *out_id = vocab_id(vocab, word);
        if (*out_id < SPECIAL_COUNT) continue;
        return characters(word.data, size) >= PIECE_CHARACTERS ? size : 0;
    }
    return 0;
}

struct finding {
    const struct vocab *vocab;
    uint32_t *ids;
    size_t count, covered;
};

static void look_into(struct finding *finding, struct slice run)
{
    for (size_t at = 0; at < run.size;) {
        uint32_t id;
        size_t size = is_place(run, at) ? longest(finding->vocab, run, at, &id) : 0;
        if (size > 0) finding->ids[finding->count++] = id;
        finding->covered += size;
        at += size > 0 ? size : 1;
    }
}

size_t pieces_find(const struct vocab *vocab, struct slice word, uint32_t out_ids[PIECES_MAX])
{
    struct finding finding = {.vocab = vocab, .ids = out_ids};
    size_t letters = 0;
    if (word.size > PIECES_WORD_BYTES) return 0;
    for (size_t at = 0, end; at < word.size; at = end) {
        for (end = at; end < word.size && (is_letter(word.data[end]) || is_digit(word.data[end]));)
            end++;
        look_into(&finding, (struct slice){word.data + at, end - at});
        letters += end - at;
        if (end < word.size) end++;
    }
    return 2 * finding.covered >= letters ? finding.count : 0;
}
