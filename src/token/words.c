/* words.c - the rules look at two characters on either side of a boundary.
 *
 * Extend, Format and ZWJ are skipped (WB4): a word is walked as bases, each with
 * what extends it. Before and after a possible boundary stand at most two
 * bases, so three remembered properties and one look ahead decide.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/chars.h"
#include "text/utf8.h"

/* A base character, the last that extends it (or itself), and where that ends. */
struct base {
    unsigned kind, last, props;
    const char *end;
};

static bool extends(unsigned kind)
{
    return kind == BREAK_EXTEND || kind == BREAK_FORMAT || kind == BREAK_ZWJ;
}

static bool newline(unsigned kind)
{
    return kind == BREAK_CR || kind == BREAK_LF || kind == BREAK_NEWLINE;
}

static struct base base_at(const char *at, const char *end)
{
    unsigned props = chars_of(utf8_next(&at));
    unsigned kind = props >> CHARS_BREAK_SHIFT, last = kind;
    const char *base_end = at;
    while (!newline(kind) && at < end) {
        unsigned next = chars_of(utf8_next(&at)) >> CHARS_BREAK_SHIFT;
        if (!extends(next)) break;
        last = next;
        base_end = at;
    }
    return (struct base){
        .kind = kind,
        .last = last,
        .props = props,
        .end = base_end,
    };
}

static bool letter(unsigned kind) { return kind == BREAK_ALETTER || kind == BREAK_HEBREW_LETTER; }

static bool mid_letter(unsigned kind)
{
    return kind == BREAK_MID_LETTER || kind == BREAK_MID_NUM_LET || kind == BREAK_SINGLE_QUOTE;
}

static bool mid_number(unsigned kind)
{
    return kind == BREAK_MID_NUM || kind == BREAK_MID_NUM_LET || kind == BREAK_SINGLE_QUOTE;
}

/* Whether `a` and `b` stay together, whatever stands around them (WB5, 7a, 8-10, 13, 13a, 13b). */
static bool pair_joins(unsigned a, unsigned b)
{
    bool word_a = letter(a) || a == BREAK_NUMERIC, word_b = letter(b) || b == BREAK_NUMERIC;
    if (word_a && word_b) return true;
    if (a == BREAK_HEBREW_LETTER && b == BREAK_SINGLE_QUOTE) return true;
    if (a == BREAK_KATAKANA && b == BREAK_KATAKANA) return true;
    bool low_a = a == BREAK_EXTEND_NUM_LET, low_b = b == BREAK_EXTEND_NUM_LET;
    if (low_b) return word_a || low_a || a == BREAK_KATAKANA;
    return low_a && (word_b || b == BREAK_KATAKANA);
}

/* Whether `middle` joins `a` and `b` into one word (WB6, 7, 7b, 7c, 11, 12). */
static bool triple_joins(unsigned a, unsigned middle, unsigned b)
{
    if (letter(a) && letter(b) && mid_letter(middle)) return true;
    if (a == BREAK_HEBREW_LETTER && b == a && middle == BREAK_DOUBLE_QUOTE) return true;
    return a == BREAK_NUMERIC && b == BREAK_NUMERIC && mid_number(middle);
}

const char *words_next(const char *text, const char *end)
{
    struct base last = base_at(text, end), before = {.kind = BREAK_OTHER};
    unsigned indicators = last.kind == BREAK_REGIONAL_INDICATOR;
    while (last.end < end) {
        struct base next = base_at(last.end, end);
        bool joins = pair_joins(last.kind, next.kind);
        joins = joins || (last.kind == BREAK_CR && next.kind == BREAK_LF);
        joins =
            joins || (last.last == BREAK_ZWJ && (next.props & CHARS_PICTOGRAPHIC) != 0); /* WB3c */
        joins = joins || triple_joins(before.kind, last.kind, next.kind);       /* second half */
        if (!joins && next.kind == BREAK_REGIONAL_INDICATOR && indicators == 1) /* WB15, 16 */
            joins = last.kind == BREAK_REGIONAL_INDICATOR;
        if (!joins && next.end < end) /* first half */
            joins = triple_joins(last.kind, next.kind, base_at(next.end, end).kind);
        if (!joins) break;
        indicators = next.kind == BREAK_REGIONAL_INDICATOR ? indicators + 1 : 0;
        before = last;
        last = next;
    }
    return last.end;
}
