/* ngram.c - one walk over the text; every code point enters three small machines.
 *
 * The word machine hashes the current word and remembers the last one's hash for
 * the pair. The character machine keeps the last four code points of the current
 * run of non-blanks, so that the three hashes ending at a character are at hand.
 * A run shorter than n gives itself, with its blanks, once.
 */
// SPDX-License-Identifier: Apache-2.0
#include "vocab/ngram.h"

#include <stdbool.h>
#include <utf8proc.h>

#include "base/rng.h"
#include "text/utf8.h"

static const uint64_t multiplier = 0x9FB21C651E98DF25u; /* odd, well mixed */

enum { SEED_CHARS = 0x51, SEED_WORD = 0xA7, SEED_PAIR = 0xD3, SEED_VALUE = 0x3B };

struct scan {
    ngram_sink *sink;
    void *context;
    size_t used;
    uint64_t block[NGRAM_BLOCK];
    /* the character machine */
    uint32_t last[NGRAM_LONGEST]; /* the newest code points of the run, newest first */
    size_t run;                   /* code points of the run so far, its leading blank included */
    /* the word machine */
    uint64_t word, previous_word;
    size_t word_size;
    bool have_previous;
    /* where it is, if a visitor wants to know */
    ngram_visitor *visitor;
    struct ngram_place place;
};

/* Everything below is compiled twice: a walk that tells where it is takes longer. */
#define BOTH_WAYS static inline __attribute__((always_inline))

static inline uint64_t step(uint64_t hash, uint64_t value) { return (hash ^ value) * multiplier; }

BOTH_WAYS void emit(struct scan *scan, bool placed, uint64_t hash, enum ngram_kind kind)
{
    hash = (hash ^ (hash >> 32)) * multiplier;
    hash ^= hash >> 29;
    hash = (hash & ~(uint64_t)3) | kind;
    if (placed) {
        scan->visitor(scan->context, hash, &scan->place);
        return;
    }
    scan->block[scan->used++] = hash;
    if (scan->used == NGRAM_BLOCK) {
        scan->sink(scan->context, scan->block, scan->used);
        scan->used = 0;
    }
}

/* What a code point is, for both machines. */
enum { BLANK = 1, WORD = 2, ALONE = 4 };

BOTH_WAYS unsigned char ascii_class(uint32_t c)
{
    if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F)) return BLANK;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') return WORD;
    return 0;
}

static bool is_alone(uint32_t c)
{
    return (c >= 0x2E80 && c <= 0x9FFF && !(c >= 0x3000 && c <= 0x303F)) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF) ||
           (c >= 0x0E00 && c <= 0x0EFF); /* CJK, kana; Thai and Lao */
}

static unsigned char other_class(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return is_alone(c) ? WORD | ALONE : WORD;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return BLANK;
    default:
        return c == 0x85 ? BLANK : 0;
    }
}

/* The newest n code points of the run as one hash. */
BOTH_WAYS void emit_chars(struct scan *scan, bool placed, size_t n)
{
    uint64_t hash = SEED_CHARS + n;
    for (size_t i = n; i-- > 0;) hash = step(hash, scan->last[i]);
    emit(scan, placed, hash, NGRAM_CHARS);
}

BOTH_WAYS void push_char(struct scan *scan, bool placed, uint32_t c)
{
    for (size_t i = NGRAM_LONGEST - 1; i > 0; i--) scan->last[i] = scan->last[i - 1];
    scan->last[0] = c;
    scan->run++;
    if (scan->run >= 3) emit_chars(scan, placed, 3);
    if (scan->run >= 4) emit_chars(scan, placed, 4);
    if (scan->run >= 5) emit_chars(scan, placed, 5);
}

BOTH_WAYS void end_run(struct scan *scan, bool placed)
{
    if (scan->run == 0) return;
    push_char(scan, placed, ' ');
    scan->run = 0;
}

BOTH_WAYS void end_word(struct scan *scan, bool placed)
{
    if (scan->word_size >= 2) {
        emit(scan, placed, scan->word, NGRAM_WORDS);
        if (placed) scan->place.pair = true;
        if (scan->have_previous)
            emit(scan, placed, step(step(SEED_PAIR, scan->previous_word), scan->word), NGRAM_WORDS);
        if (placed) scan->place.pair = false;
        scan->previous_word = scan->word;
        scan->have_previous = true;
    }
    scan->word = SEED_WORD;
    scan->word_size = 0;
}

/* The class of a code point, which becomes lower case. */
BOTH_WAYS unsigned char classify(uint32_t *c)
{
    if (*c < 0x80) {
        if (*c >= 'A' && *c <= 'Z') *c += 'a' - 'A';
        return ascii_class(*c);
    }
    *c = (uint32_t)utf8proc_tolower((utf8proc_int32_t)*c);
    return other_class(*c);
}

BOTH_WAYS void scan_text(struct scan *scan, bool placed, struct slice text)
{
    const char *at = text.data, *end = text.data + text.size;
    while (at < end) {
        size_t offset = (size_t)(at - text.data);
        uint32_t c = utf8_next(&at);
        unsigned char class = classify(&c);
        if (class & BLANK) {
            end_run(scan, placed);
        } else {
            if (placed) scan->place.at = offset;
            if (scan->run == 0) {
                scan->last[0] = ' ';
                scan->run = 1;
            }
            push_char(scan, placed, c);
        }
        if (class & ALONE) {
            end_word(scan, placed);
            scan->word = step(scan->word, c);
            scan->word_size = 2; /* counts as a word */
            end_word(scan, placed);
        } else if (class & WORD) {
            scan->word = step(scan->word, c);
            scan->word_size++;
        } else {
            end_word(scan, placed);
        }
    }
    end_run(scan, placed);
    end_word(scan, placed);
}

BOTH_WAYS void scan_value(struct scan *scan, bool placed, enum case_field field, struct slice value)
{
    uint64_t hash = SEED_VALUE + (uint64_t)field * 0x100;
    value = slice_trim(value);
    if (value.size == 0) return;
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c + 'a' - 'A');
        hash = step(hash, c);
    }
    emit(scan, placed, hash, NGRAM_VALUE);
}

BOTH_WAYS void scan_case(struct scan *scan, bool placed, const struct case_text *text)
{
    static const enum case_field texts[] = {CASE_SUBJECT, CASE_DESCRIPTION};
    scan->word = SEED_WORD;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (placed) scan->place = (struct ngram_place){.field = texts[i]};
        scan_text(scan, placed, text->field[texts[i]]);
    }
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        if (case_rows[f].linear != CASE_LINEAR_VALUE) continue;
        if (placed) scan->place = (struct ngram_place){.field = f};
        scan_value(scan, placed, f, text->field[f]);
    }
}

void ngram_scan(const struct case_text *text, ngram_sink *sink, void *context)
{
    struct scan scan = {.sink = sink, .context = context};
    scan_case(&scan, false, text);
    if (scan.used > 0) sink(context, scan.block, scan.used);
}

void ngram_visit(const struct case_text *text, ngram_visitor *visitor, void *context)
{
    struct scan scan = {.visitor = visitor, .context = context};
    scan_case(&scan, true, text);
}

size_t ngram_word(struct slice text, size_t bytes_max, size_t *at)
{
    const char *next = text.data + *at, *end = text.data + text.size, *start = next;
    while (next < end) {
        const char *here = next;
        uint32_t c = utf8_next(&next);
        unsigned char class = classify(&c);
        if (class & BLANK) {
            if (here > start) {
                next = here;
                break;
            }
            start = next;
        } else if ((class & ALONE) || (size_t)(next - start) + 4 > bytes_max) {
            break;
        }
    }
    *at = (size_t)(start - text.data);
    return (size_t)(next - text.data);
}
