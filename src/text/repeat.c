/* repeat.c - runs of one character, and of one word, without backtracking.
 *
 * The originals are regular expressions with back references. Both have one way
 * to match: a run ends where another character stands, and a word's copies are
 * counted from the first one on. Nearly no text repeats, so both look first at
 * what tells most places apart: eight bytes beside the ones behind them, and the
 * first letter of the next word.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/repeat.h"

#include <stdint.h>
#include <string.h>

#include "base/eight.h"
#include "text/chars.h"
#include "text/rewrite.h"
#include "text/utf8.h"

void repeat_chars(struct clean *clean)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *at = from;
    struct rewrite out = rewrite_open(clean);
    bool found = false;
    while (at < end) {
        if (end - at >= 10) { /* ASCII, and no byte equal to the two behind it */
            uint64_t word = eight_load(at);
            uint64_t same = eight_zeros((word ^ eight_load(at + 1)) | (word ^ eight_load(at + 2)));
            if (((word & EIGHT_HIGH) | same) == 0) {
                at += 8;
                continue;
            }
        }
        size_t size = chars_size(at);
        const char *next = at + size;
        while ((size_t)(end - next) >= size && memcmp(next, at, size) == 0) next += size;
        size_t count = (size_t)(next - at) / size;
        if (count >= 3 && chars_space(at, end) == 0) {
            rewrite_put(&out, from, (size_t)(at - from));
            rewrite_put(&out, " xxrep ", 7);
            rewrite_number(&out, count);
            rewrite_put(&out, " ", 1);
            rewrite_put(&out, at, size);
            rewrite_put(&out, " ", 1);
            from = next;
            found = true;
        }
        at = next;
    }
    if (!found) return;
    rewrite_put(&out, from, (size_t)(end - from));
    rewrite_close(clean, &out);
}

/* Bytes of the word character at `at`, 0 if it is none. */
static inline size_t word_at(const char *at)
{
    if (chars_kind(*at) != CHARS_KIND_HIGH) return (chars_kind(*at) & CHARS_KIND_WORD) != 0;
    const char *next = at;
    return chars_of(utf8_next(&next)) & CHARS_WORD ? (size_t)(next - at) : 0;
}

static const char *word_end(const char *at, const char *end)
{
    size_t size;
    while (at < end && (size = word_at(at)) > 0) at += size;
    return at;
}

static inline bool starts(const char *at, const char *end, const char *word, size_t size)
{
    return (size_t)(end - at) >= size && *at == *word && memcmp(at, word, size) == 0;
}

/* A word, and how often it stands from `word` on; behind the last copy is `rest`. */
struct wrepeat {
    const char *word, *rest;
    size_t size, count;
};

/* Whether a repetition begins at `word`. */
static bool wrepeat_at(const char *word, const char *end, struct wrepeat *out)
{
    const char *at = word_end(word, end);
    size_t size = (size_t)(at - word);
    if (size == 0) return false;
    const char *next = chars_skip_spaces(at, end), *copy_end = NULL;
    if (next == at) return false;
    size_t copies = 0;
    while (starts(next, end, word, size)) {
        const char *behind = chars_skip_spaces(next + size, end);
        if (behind == next + size) break;
        copies++;
        copy_end = next + size;
        next = behind;
    }
    if (copies == 0) return false;
    *out = (struct wrepeat){word, copy_end, size, copies + 1};
    if (starts(next, end, word, size)) {
        const char *behind = next + size;
        if (behind == end || word_at(behind) == 0) {
            out->rest = behind;
            out->count = copies + 2;
            return true;
        }
    }
    return copies >= 2;
}

/* The first white space from `at` on, or end. */
static const char *find_space(const char *at, const char *end)
{
    while (at < end) {
        if (end - at >= 8) { /* control characters and blanks, or beyond ASCII */
            uint64_t word = eight_load(at);
            uint64_t hit = eight_between(word, 0, ' ') | (word & EIGHT_HIGH);
            if (hit == 0) {
                at += 8;
                continue;
            }
            at += eight_first(hit);
        }
        if (chars_space(at, end) > 0) break;
        at++;
    }
    return at;
}

/* A candidate is a word right behind white space, or at the very beginning. The
 * word behind it must begin alike, which tells nearly all apart at one glance. */
void repeat_words(struct clean *clean)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *begin = from;
    struct rewrite out = rewrite_open(clean);
    bool found = false;
    const char *space = begin, *word = begin; /* the white space before the word, and the word */
    if (word < end) word += chars_space(word, end);
    while (word < end) {
        struct wrepeat hit;
        const char *next = find_space(word, end), *last = next;
        const char *behind = next;
        for (size_t size; behind < end && (size = chars_space(behind, end)) > 0; behind += size)
            last = behind;
        if (behind == end) break;
        if (next == word || *behind != *word || !wrepeat_at(word, end, &hit)) {
            space = last;
            word = behind;
            continue;
        }
        rewrite_put(&out, from, (size_t)(space - from));
        rewrite_put(&out, " xxwrep ", 8);
        rewrite_number(&out, hit.count);
        rewrite_put(&out, " ", 1);
        rewrite_put(&out, hit.word, hit.size);
        rewrite_put(&out, " ", 1);
        from = hit.rest;
        if (from < end) { /* the character behind goes along, and is passed */
            size_t size = chars_size(from);
            rewrite_put(&out, from, size);
            from += size;
        }
        found = true;
        space = find_space(from, end);
        word = space < end ? space + chars_space(space, end) : end;
    }
    if (!found) return;
    rewrite_put(&out, from, (size_t)(end - from));
    rewrite_close(clean, &out);
}
