/* split.c - white space first, then each piece from both ends, then its middle.
 *
 * A piece loses prefixes and suffixes round by round until it is an exception,
 * an address, or has none left; the rest is cut at infixes. All tokens are
 * places in the text, so prefixes are written as they come off. Suffixes come
 * off from the back: where they begin is marked in `starts`, one byte for each
 * byte of text, and read off forwards in the end.
 *
 * Most pieces are small letters only: such a piece can have no affix, so the
 * flags collected while looking for its end spare it everything but the look-up
 * among the exceptions.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/split.h"

#include <string.h>

#include "base/check.h"
#include "base/eight.h"
#include "text/chars.h"
#include "token/affix.h"
#include "token/phrase.h"
#include "token/tables.h"
#include "token/weburl.h"
#include "token/words.h"

enum {
    AFFIX_FLAGS = TABLES_PREFIX | TABLES_PREFIX_MANY | TABLES_SUFFIX | TABLES_INFIX,
};

struct piece {
    const char *base; /* of the text */
    const char *begin, *end;
};

static void emit(struct split *split, const char *base, const char *begin, const char *end)
{
    if (begin == end) return;
    if (split->count == split->tokens_max) {
        split->cut = true;
        return;
    }
    split->tokens[split->count++] =
        (struct token){(uint32_t)(begin - base), (uint32_t)(end - begin)};
}

static const struct exception *find(const struct split *split, const char *begin, const char *end)
{
    return tables_exception(split->rule_set, begin, (size_t)(end - begin));
}

static void emit_exception(struct split *split, const char *base, const char *begin,
                           const struct exception *row)
{
    uint32_t starts = row->starts & ~1u;
    const char *from = begin;
    while (starts != 0) {
        const char *next = begin + __builtin_ctz(starts);
        emit(split, base, from, next);
        from = next;
        starts &= starts - 1;
    }
    emit(split, base, from, begin + row->size);
}

/* Takes a suffix off and remembers where it begins. */
static void take_suffix(struct split *split, struct piece *piece, size_t size)
{
    piece->end -= size;
    char *starts = split->starts + (piece->end - piece->base);
    memset(starts, 0, size);
    starts[0] = 1;
}

static void take_prefix(struct split *split, struct piece *piece, size_t size)
{
    emit(split, piece->base, piece->begin, piece->begin + size);
    piece->begin += size;
}

/* Affixes off, until there are none or an exception is left. */
static void strip(struct split *split, struct piece *piece)
{
    unsigned rules = split->rule_set;
    bool old = rules >= RULES_ENGLISH_2; /* spaCy 2 looks for suffixes with the prefix still on */
    while (piece->begin < piece->end) {
        if (find(split, piece->begin, piece->end) != NULL) return;
        const char *begin = piece->begin, *end = piece->end;
        size_t prefix = affix_prefix(rules, begin, end);
        if (prefix > 0 && find(split, begin + prefix, end) != NULL) {
            take_prefix(split, piece, prefix);
            return;
        }
        size_t suffix = 0;
        if (old || begin + prefix < end)
            suffix = affix_suffix(rules, old ? begin : begin + prefix, end);
        if (suffix > 0 && find(split, begin, end - suffix) != NULL) {
            take_suffix(split, piece, suffix);
            return;
        }
        if (prefix == 0 && suffix == 0) return;
        if (suffix > 0 && prefix + suffix <= (size_t)(end - begin))
            take_suffix(split, piece, suffix);
        if (prefix > 0) take_prefix(split, piece, prefix);
    }
}

static void emit_infixes(struct split *split, const struct piece *piece)
{
    const char *from = piece->begin, *at = piece->begin;
    for (;;) {
        size_t size = affix_infix(split->rule_set, piece->begin, piece->end, &at);
        if (size == 0) break;
        if (at > piece->begin) { /* one at the very start is passed over */
            emit(split, piece->base, from, at);
            emit(split, piece->base, at, at + size);
            from = at + size;
        }
        at += size;
    }
    emit(split, piece->base, from, piece->end);
}

static void emit_suffixes(struct split *split, const char *base, const char *from, const char *end)
{
    for (const char *at = from; at < end;) {
        const char *next = at + 1;
        while (next < end && split->starts[next - base] == 0) next++;
        emit(split, base, at, next);
        at = next;
    }
}

static void split_piece(struct split *split, struct piece piece)
{
    const char *end = piece.end;
    strip(split, &piece);
    if (piece.begin < piece.end) {
        const struct exception *row = find(split, piece.begin, piece.end);
        if (row != NULL)
            emit_exception(split, piece.base, piece.begin, row);
        else if (weburl_matches(split->rule_set, piece.begin, piece.end))
            emit(split, piece.base, piece.begin, piece.end);
        else
            emit_infixes(split, &piece);
    }
    emit_suffixes(split, piece.base, piece.end, end);
}

static void split_words(struct split *split, const struct piece *piece)
{
    for (const char *at = piece->begin; at < piece->end;) {
        const char *next = words_next(at, piece->end);
        emit(split, piece->base, at, next);
        at = next;
    }
}

/* A piece without white space; flags are those of all its characters. */
static void split_chunk(struct split *split, struct piece piece, uint32_t flags)
{
    if (split->words) {
        split_words(split, &piece);
        return;
    }
    const struct exception *row = find(split, piece.begin, piece.end);
    if (row != NULL) {
        emit_exception(split, piece.base, piece.begin, row);
        return;
    }
    if ((flags & (AFFIX_FLAGS | TABLES_DIGIT)) == 0) /* without a digit there is no unit */
        emit(split, piece.base, piece.begin, piece.end);
    else
        split_piece(split, piece);
}

/* The end of what is no white space from `at` on, and the flags of all of it;
 * small letters a-z count as having none. */
static const char *chunk_end(unsigned rule_set, const char *at, const char *end,
                             uint32_t *out_flags)
{
    const uint32_t *ascii = tables_ascii[rule_set];
    uint32_t flags = 0;
    while (at < end) {
        if (end - at >= 8) {
            uint64_t other = ~eight_between(eight_load(at), 'a', 'z') & EIGHT_HIGH;
            if (other == 0) {
                at += 8;
                continue;
            }
            at += eight_first(other);
            if (*at == ' ') break;
        }
        unsigned char c = (unsigned char)*at;
        const char *next = at + 1;
        uint32_t one = c < 0x80 ? ascii[c] : (next = at, tables_next(rule_set, &next));
        if (one & TABLES_SPACE) break;
        flags |= one;
        at = next;
    }
    *out_flags = flags;
    return at;
}

void split_text(struct split *split, struct slice text)
{
    check(text.size < UINT32_MAX);
    const char *base = text.data, *end = base + text.size, *at = base;
    split->count = 0;
    split->cut = split->blanks = false;
    bool first = true;
    while (at < end && !split->cut) {
        if (chars_space(at, end) > 0) {
            const char *next = chars_skip_spaces(at, end);
            /* One blank belongs to the word before it. */
            if (*at == ' ' && !first) at++;
            if (next - at > 1) split->blanks = true;
            emit(split, base, at, next);
            at = next;
        } else {
            uint32_t flags;
            const char *next = chunk_end(split->rule_set, at, end, &flags);
            split_chunk(split, (struct piece){base, at, next}, flags);
            at = next;
        }
        first = false;
    }
    if (split->rule_set < RULES_ENGLISH_2 && !split->words) phrase_pass(split, base);
    if (split->cut && split->count > 0)
        split->count -= split->count < TOKEN_MARGIN ? split->count : TOKEN_MARGIN;
}
