/* clean.c - each rule reads the text once and writes it anew, or leaves it where it is.
 *
 * Two buffers take turns: a rule that finds nothing to do does not copy, so the
 * usual case touches each byte four or five times, mostly by memchr and eight
 * at once. Later rules see what earlier ones wrote, as in fastai; two pairs are
 * merged where the second can not tell the difference (blanks; capitals, which
 * are decided for one word at a time).
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/clean.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/eight.h"
#include "text/chars.h"
#include "text/lower.h"
#include "text/unescape.h"
#include "text/utf8.h"

struct slice clean_special(enum special_id id)
{
    static const struct slice TEXTS[] = {
#define SPECIAL(name, text, meaning) {text, sizeof text - 1},
#include "text/special.def"
#undef SPECIAL
    };
    check(id < SPECIAL_COUNT);
    return TEXTS[id];
}

/* ---- output into the next buffer ---- */

struct out {
    char *at, *end;
    bool cut;
};

static struct out out_open(const struct clean *clean)
{
    char *data = clean->buffers[clean->next];
    return (struct out){data, data + clean->size, false};
}

static inline void put(struct out *out, const char *data, size_t size)
{
    if (size > (size_t)(out->end - out->at)) { /* cut at a whole character */
        size = (size_t)(out->end - out->at);
        while (size > 0 && (data[size] & 0xC0) == 0x80) size--;
        out->end = out->at + size;
        out->cut = true;
    }
    if (size > 0) memcpy(out->at, data, size);
    out->at += size;
}

static void put_number(struct out *out, size_t number)
{
    char digits[24], *first = digits + sizeof digits;
    do *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(out, first, (size_t)(digits + sizeof digits - first));
}

static void out_close(struct clean *clean, const struct out *out)
{
    char *data = clean->buffers[clean->next];
    clean->text = (struct slice){data, (size_t)(out->at - data)};
    clean->next ^= 1;
    clean->cut |= out->cut;
}

/* ---- fix_html ---- */

/* A literal to replace, found by its rarest character. */
struct replacement {
    struct slice from, to;
    size_t anchor;
};

/* In order; each sees what the one before left. */
static const struct replacement REPLACEMENTS[] = {
#define REPLACE(from, to, anchor)                                                                  \
    {                                                                                              \
        {from, sizeof from - 1}, {to, sizeof to - 1}, anchor                                       \
    }
    REPLACE("#39;", "'", 0),      REPLACE("amp;", "&", 3),    REPLACE("#146;", "'", 0),
    REPLACE("nbsp;", " ", 4),     REPLACE("#36;", "$", 0),    REPLACE("\\n", "\n", 0),
    REPLACE("quot;", "'", 4),     REPLACE("<br />", "\n", 0), REPLACE("\\\"", "\"", 0),
    REPLACE("<unk>", "xxunk", 0), REPLACE(" @.@ ", ".", 1),   REPLACE(" @-@ ", "-", 1),
    REPLACE("...", " \u2026", 0),
#undef REPLACE
};

static void replace(struct clean *clean, const struct replacement *row)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *at = from;
    struct out out = out_open(clean);
    bool found = false;
    while (at < end && (at = memchr(at, row->from.data[row->anchor], (size_t)(end - at))) != NULL) {
        const char *start = at - row->anchor;
        at++;
        if (start < from || (size_t)(end - start) < row->from.size ||
            memcmp(start, row->from.data, row->from.size) != 0)
            continue;
        put(&out, from, (size_t)(start - from));
        put(&out, row->to.data, row->to.size);
        at = from = start + row->from.size;
        found = true;
    }
    if (!found) return;
    put(&out, from, (size_t)(end - from));
    out_close(clean, &out);
}

static void unescape(struct clean *clean)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *at = from;
    struct out out = out_open(clean);
    bool found = false;
    while (at < end && (at = memchr(at, '&', (size_t)(end - at))) != NULL) {
        struct unescape_hit hit = unescape_at(at, end);
        if (hit.taken == 0) {
            at++;
            continue;
        }
        put(&out, from, (size_t)(at - from));
        put(&out, hit.value, hit.size);
        at = from = at + hit.taken;
        found = true;
    }
    if (!found) return;
    put(&out, from, (size_t)(end - from));
    out_close(clean, &out);
}

void clean_html(struct clean *clean)
{
    for (size_t i = 0; i < sizeof REPLACEMENTS / sizeof *REPLACEMENTS; i++)
        replace(clean, &REPLACEMENTS[i]);
    unescape(clean);
}

/* ---- replace_rep ---- */

static inline size_t char_size(const char *at)
{
    unsigned char c = (unsigned char)*at;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

void clean_repeats(struct clean *clean)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *at = from;
    struct out out = out_open(clean);
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
        size_t size = char_size(at);
        const char *next = at + size;
        while ((size_t)(end - next) >= size && memcmp(next, at, size) == 0) next += size;
        size_t count = (size_t)(next - at) / size;
        if (count >= 3 && chars_space(at, end) == 0) {
            put(&out, from, (size_t)(at - from));
            put(&out, " xxrep ", 7);
            put_number(&out, count);
            put(&out, " ", 1);
            put(&out, at, size);
            put(&out, " ", 1);
            from = next;
            found = true;
        }
        at = next;
    }
    if (!found) return;
    put(&out, from, (size_t)(end - from));
    out_close(clean, &out);
}

/* ---- replace_wrep ---- */

enum { KIND_SPACE = 1, KIND_WORD = 2, KIND_UPPER = 4, KIND_SMALL = 8, KIND_HIGH = 16 };

#define LETTERS(kind)                                                                              \
    kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind,      \
        kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind
#define HIGH16 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16

/* What a byte is; of a high one only its code point tells. */
static const uint8_t KINDS[256] = {
    [9] = KIND_SPACE,
    KIND_SPACE,
    KIND_SPACE,
    KIND_SPACE,
    KIND_SPACE,
    [28] = KIND_SPACE,
    KIND_SPACE,
    KIND_SPACE,
    KIND_SPACE,
    KIND_SPACE,
    ['0'] = KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    KIND_WORD,
    ['A'] = LETTERS(KIND_WORD | KIND_UPPER),
    ['_'] = KIND_WORD,
    ['a'] = LETTERS(KIND_WORD | KIND_SMALL),
    [128] = HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
};

static inline unsigned kind_of(char c) { return KINDS[(unsigned char)c]; }

/* Bytes of the word character at `at`, 0 if it is none. */
static inline size_t word_at(const char *at)
{
    if (kind_of(*at) != KIND_HIGH) return (kind_of(*at) & KIND_WORD) != 0;
    const char *next = at;
    return chars_of(utf8_next(&next)) & CHARS_WORD ? (size_t)(next - at) : 0;
}

static const char *word_end(const char *at, const char *end)
{
    size_t size;
    while (at < end && (size = word_at(at)) > 0) at += size;
    return at;
}

static const char *skip_spaces(const char *at, const char *end)
{
    size_t size;
    while (at < end && (size = chars_space(at, end)) > 0) at += size;
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
    const char *next = skip_spaces(at, end), *copy_end = NULL;
    if (next == at) return false;
    size_t copies = 0;
    while (starts(next, end, word, size)) {
        const char *behind = skip_spaces(next + size, end);
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
void clean_wrepeats(struct clean *clean)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *begin = from;
    struct out out = out_open(clean);
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
        put(&out, from, (size_t)(space - from));
        put(&out, " xxwrep ", 8);
        put_number(&out, hit.count);
        put(&out, " ", 1);
        put(&out, hit.word, hit.size);
        put(&out, " ", 1);
        from = hit.rest;
        if (from < end) { /* the character behind goes along, and is passed */
            size_t size = char_size(from);
            put(&out, from, size);
            from += size;
        }
        found = true;
        space = find_space(from, end);
        word = space < end ? space + chars_space(space, end) : end;
    }
    if (!found) return;
    put(&out, from, (size_t)(end - from));
    out_close(clean, &out);
}

/* ---- spec_add_spaces, rm_useless_spaces ---- */

/* Writing a blank only behind something else is the same as writing all and
 * folding them afterwards. */
void clean_spaces(struct clean *clean)
{
    const char *at = clean->text.data, *end = at + clean->text.size;
    struct out out = out_open(clean);
    bool blank = false; /* the last byte written is one */
    while (at < end) {
        while (end - at >= 9 && out.end - out.at >= 8 && !(blank && *at == ' ')) {
            uint64_t word = eight_load(at);
            uint64_t hit = eight_equal(word, '/') | eight_equal(word, '#') |
                           eight_equal(word, '\\') |
                           (eight_equal(word, ' ') & eight_equal(eight_load(at + 1), ' '));
            size_t plain = hit == 0 ? 8 : eight_first(hit);
            memcpy(out.at, at, 8);
            out.at += plain;
            at += plain;
            if (plain > 0) blank = at[-1] == ' ';
            if (hit != 0) break;
        }
        char c = *at++;
        if (c == '/' || c == '#' || c == '\\') {
            char spaced[3] = {' ', c, ' '};
            put(&out, spaced + blank, 3 - (size_t)blank);
            blank = true;
        } else if (c != ' ' || !blank) {
            if (out.at == out.end) { /* back to a whole character */
                out.cut = true;
                break;
            }
            *out.at++ = c;
            blank = c == ' ';
        }
    }
    if (out.cut) /* a sequence may be cut inside */
        while (out.at > clean->buffers[clean->next] && (unsigned char)out.at[-1] >= 0x80) out.at--;
    out_close(clean, &out);
}

/* ---- replace_all_caps, replace_maj, lowercase ---- */

/* The end of the run of characters that are not white space, and the kinds of
 * all of them but the first. */
static const char *run_end(const char *at, const char *end, unsigned *out_kinds)
{
    unsigned kinds = 0;
    for (at++; at < end; at++) {
        unsigned kind = kind_of(*at);
        if (kind == KIND_SPACE || (kind == KIND_HIGH && chars_space(at, end) > 0)) break;
        kinds |= kind;
    }
    *out_kinds = kinds;
    return at;
}

/* replace_all_caps, then replace_maj, for a run that begins with A-Z; both look
 * at nothing but ASCII. */
static void put_marker(struct out *out, size_t size, unsigned kinds)
{
    if (size < 2) return;
    if ((kinds & KIND_SMALL) == 0)
        put(out, "xxup ", 5);
    else if ((kinds & KIND_UPPER) == 0)
        put(out, "xxmaj ", 6);
}

static bool space_before(const char *begin, const char *at)
{
    if (at == begin) return true;
    const char *before = at - 1;
    while (before > begin && (*before & 0xC0) == 0x80) before--;
    return chars_space(before, at) > 0;
}

/* The bytes of eight ASCII ones that are not A-Z, as those of a copy; stops at
 * the first that is A-Z or not ASCII. */
static inline size_t plain_bytes(uint64_t word)
{
    uint64_t hit = eight_between(word, 'A', 'Z') | (word & EIGHT_HIGH);
    return hit == 0 ? 8 : eight_first(hit);
}

/* Most text is small letters and blanks, which stay: only a capital or a
 * character beyond ASCII is looked at, and a marker is due only where a capital
 * begins a run. */
void clean_case(struct clean *clean)
{
    const char *begin = skip_spaces(clean->text.data, clean->text.data + clean->text.size);
    const char *at = begin, *end = clean->text.data + clean->text.size;
    while (end > begin && space_before(begin, end) && end > at) { /* trim */
        do end--;
        while (end > begin && (*end & 0xC0) == 0x80);
    }
    struct out out = out_open(clean);
    put(&out, "xxbos ", 6);
    while (at < end) {
        if (end - at >= 8 && out.end - out.at >= 8) {
            size_t plain = plain_bytes(eight_load(at));
            memcpy(out.at, at, 8);
            out.at += plain;
            at += plain;
            if (plain == 8) continue;
        }
        unsigned kind = kind_of(*at), kinds;
        if ((kind & KIND_UPPER) != 0 && space_before(begin, at)) {
            const char *next = run_end(at, end, &kinds);
            put_marker(&out, (size_t)(next - at), kinds);
        }
        if (out.end - out.at < LOWER_CHAR_MAX) {
            out.cut = true;
            break;
        }
        if (kind != KIND_HIGH)
            *out.at++ = (char)(*at++ | (kind & KIND_UPPER ? 0x20 : 0));
        else
            out.at += lower_char(begin, &at, end, out.at);
    }
    out_close(clean, &out);
}

struct slice clean_text(struct clean *clean, struct slice text, unsigned *out_buffer)
{
    check(clean->size >= 64);
    clean->text = text;
    clean->next = 0;
    clean->cut = false;
    clean_html(clean);
    clean_repeats(clean);
    clean_wrepeats(clean);
    clean_spaces(clean);
    clean_case(clean);
    *out_buffer = clean->next ^ 1;
    return clean->text;
}

void clean_join(struct writer *out, const struct slice *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) writer_char(out, ' ');
        if (count > 1) writer_format(out, "xxfld %zu ", i + 1);
        writer_add(out, fields[i]);
    }
}
