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
};

static inline uint64_t step(uint64_t hash, uint64_t value) { return (hash ^ value) * multiplier; }

static inline void emit(struct scan *scan, uint64_t hash, enum ngram_kind kind)
{
    hash = (hash ^ (hash >> 32)) * multiplier;
    hash ^= hash >> 29;
    scan->block[scan->used++] = (hash & ~(uint64_t)3) | kind;
    if (scan->used == NGRAM_BLOCK) {
        scan->sink(scan->context, scan->block, scan->used);
        scan->used = 0;
    }
}

/* What a code point is, for both machines. */
enum { BLANK = 1, WORD = 2, ALONE = 4 };

static unsigned char ascii_class(uint32_t c)
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
static inline void emit_chars(struct scan *scan, size_t n)
{
    uint64_t hash = SEED_CHARS + n;
    for (size_t i = n; i-- > 0;) hash = step(hash, scan->last[i]);
    emit(scan, hash, NGRAM_CHARS);
}

static inline void push_char(struct scan *scan, uint32_t c)
{
    for (size_t i = NGRAM_LONGEST - 1; i > 0; i--) scan->last[i] = scan->last[i - 1];
    scan->last[0] = c;
    scan->run++;
    if (scan->run >= 3) emit_chars(scan, 3);
    if (scan->run >= 4) emit_chars(scan, 4);
    if (scan->run >= 5) emit_chars(scan, 5);
}

static void end_run(struct scan *scan)
{
    if (scan->run == 0) return;
    push_char(scan, ' ');
    scan->run = 0;
}

static void end_word(struct scan *scan)
{
    if (scan->word_size >= 2) {
        emit(scan, scan->word, NGRAM_WORDS);
        if (scan->have_previous)
            emit(scan, step(step(SEED_PAIR, scan->previous_word), scan->word), NGRAM_WORDS);
        scan->previous_word = scan->word;
        scan->have_previous = true;
    }
    scan->word = SEED_WORD;
    scan->word_size = 0;
}

static void scan_text(struct scan *scan, struct slice text)
{
    const char *at = text.data, *end = text.data + text.size;
    while (at < end) {
        uint32_t c = utf8_next(&at);
        unsigned char class;
        if (c < 0x80) {
            if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
            class = ascii_class(c);
        } else {
            c = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
            class = other_class(c);
        }
        if (class & BLANK) {
            end_run(scan);
        } else {
            if (scan->run == 0) {
                scan->last[0] = ' ';
                scan->run = 1;
            }
            push_char(scan, c);
        }
        if (class & ALONE) {
            end_word(scan);
            scan->word = step(scan->word, c);
            scan->word_size = 2; /* counts as a word */
            end_word(scan);
        } else if (class & WORD) {
            scan->word = step(scan->word, c);
            scan->word_size++;
        } else {
            end_word(scan);
        }
    }
    end_run(scan);
    end_word(scan);
}

static void scan_value(struct scan *scan, enum case_field field, struct slice value)
{
    uint64_t hash = SEED_VALUE + (uint64_t)field * 0x100;
    value = slice_trim(value);
    if (value.size == 0) return;
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c + 'a' - 'A');
        hash = step(hash, c);
    }
    emit(scan, hash, NGRAM_VALUE);
}

void ngram_scan(const struct case_text *text, ngram_sink *sink, void *context)
{
    struct scan scan = {.sink = sink, .context = context, .word = SEED_WORD};
    static const enum case_field texts[] = {CASE_SUBJECT, CASE_DESCRIPTION};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        scan_text(&scan, text->field[texts[i]]);
    for (enum case_field f = 0; f < CASE_FIELDS; f++)
        if (case_rows[f].linear == CASE_LINEAR_VALUE) scan_value(&scan, f, text->field[f]);
    if (scan.used > 0) sink(context, scan.block, scan.used);
}
