/* affix.c - three matchers, each looking at a character's flags before any row.
 *
 * spaCy joins its rules to regular expressions. All of them are strings,
 * classes of one character, runs of dots, and conditions on the one or two
 * characters around: that needs no engine. A prefix is the first rule that fits;
 * a suffix the one that begins leftmost, so the longest; an infix the leftmost,
 * then the first row.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/affix.h"

#include <stdbool.h>
#include <string.h>

#include "token/tables.h"

static const char ELLIPSIS[] = "\xE2\x80\xA6";

static bool in_set(uint8_t mask, unsigned rule_set) { return (mask >> rule_set & 1) != 0; }

static bool digit(char c) { return c >= '0' && c <= '9'; }

size_t affix_prefix(unsigned rule_set, const char *text, const char *end)
{
    const char *next = text;
    uint32_t flags = tables_next(rule_set, &next);
    if (flags & TABLES_PREFIX_MANY) {
        if (*text == '.') {
            while (next < end && *next == '.') next++;
            return next - text >= 2 ? (size_t)(next - text) : 0;
        }
        if (*text == '+') return next == end || !digit(*next);
        size_t room = (size_t)(end - text);
        for (size_t i = 0; i < tables_prefixes.count; i++) {
            const struct affix_string *row = &tables_prefixes.rows[i];
            if (in_set(row->rule_sets, rule_set) && row->size <= room &&
                memcmp(row->text, text, row->size) == 0)
                return row->size;
        }
    }
    return flags & TABLES_PREFIX ? (size_t)(next - text) : 0;
}

/* The dot at end - 1: a run of them, or one by what stands before it. */
static size_t dot_suffix(unsigned rule_set, const char *text, const char *end)
{
    const char *at = end - 1;
    while (at > text && at[-1] == '.') at--;
    if (end - at >= 2) return (size_t)(end - at);
    if (at == text) return 0;
    uint32_t flags = tables_previous(rule_set, text, &at);
    if (flags & TABLES_BEFORE_DOT) return 1;
    if (at == text) return 0;
    bool scale = strchr("FfCcKk", *at) != NULL && *at != '\0';
    if (scale && at - text >= 2 && memcmp(at - 2, "\xC2\xB0", 2) == 0) return 1; /* of degrees */
    if ((flags & TABLES_UPPER) == 0) return 0;
    return (tables_previous(rule_set, text, &at) & TABLES_UPPER) != 0;
}

/* A unit or currency behind a digit. None holds a digit, so it must be all that
 * stands behind the last one. */
static size_t unit_suffix(unsigned rule_set, const char *text, const char *end)
{
    enum { UNIT_BYTES_MAX = sizeof tables_digit_suffixes.rows->text };
    const char *at = end;
    while (at > text && !digit(at[-1]) && end - at <= UNIT_BYTES_MAX) at--;
    size_t size = (size_t)(end - at);
    if (at == text || size > UNIT_BYTES_MAX) return 0;
    size_t low = 0, high = tables_digit_suffixes.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct affix_string *row = &tables_digit_suffixes.rows[middle];
        int order = memcmp(row->text, at, row->size < size ? row->size : size);
        if (order == 0) order = (row->size > size) - (row->size < size);
        if (order == 0) return in_set(row->rule_sets, rule_set) ? size : 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static size_t many_suffix(unsigned rule_set, const char *text, const char *end)
{
    if (end[-1] == '.') return dot_suffix(rule_set, text, end);
    if (end[-1] == '+') return end - text >= 2 && digit(end[-2]);
    size_t longest = 0;
    for (size_t i = 0; i < tables_suffixes.count; i++) {
        const struct affix_string *row = &tables_suffixes.rows[i];
        if (in_set(row->rule_sets, rule_set) && row->size > longest &&
            row->size <= (size_t)(end - text) && memcmp(row->text, end - row->size, row->size) == 0)
            longest = row->size;
    }
    return longest;
}

size_t affix_suffix(unsigned rule_set, const char *text, const char *end)
{
    const char *at = end;
    uint32_t flags = tables_previous(rule_set, text, &at);
    size_t longest = flags & TABLES_SUFFIX ? (size_t)(end - at) : 0;
    if (flags & TABLES_SUFFIX_MANY) {
        size_t size = many_suffix(rule_set, text, end);
        if (size > longest) longest = size;
    }
    if (flags & TABLES_UNIT_END) {
        size_t size = unit_suffix(rule_set, text, end);
        if (size > longest) longest = size;
    }
    return longest;
}

/* The infix that begins at `at`, whose flags say that one may. */
static size_t infix_at(unsigned rule_set, const char *text, const char *end, const char *at,
                       uint32_t flags)
{
    size_t room = (size_t)(end - at);
    if (*at == '.' && room >= 2 && at[1] == '.') {
        size_t dots = 2;
        while (dots < room && at[dots] == '.') dots++;
        return dots;
    }
    if (room >= 3 && memcmp(at, ELLIPSIS, 3) == 0) return 3;
    if (flags & TABLES_ICON) {
        const char *next = at;
        utf8_next(&next);
        return (size_t)(next - at);
    }
    if (at == text) return 0; /* every row wants something before it */
    unsigned byte = (unsigned char)*at;
    const char *before = at;
    uint32_t before_flags = tables_previous(rule_set, text, &before);
    for (size_t i = tables_infix_first[byte]; i < tables_infix_first[byte + 1]; i++) {
        const struct affix_infix *row = &tables_infixes[i];
        if (!in_set(row->rule_sets, rule_set) || (row->before & before_flags) == 0 ||
            row->size >= room || memcmp(row->text, at, row->size) != 0)
            continue;
        const char *after = at + row->size;
        if (tables_next(rule_set, &after) & row->after) return row->size;
    }
    return 0;
}

size_t affix_infix(unsigned rule_set, const char *text, const char *end, const char **at)
{
    const char *here = *at;
    while (here < end) {
        const char *next = here;
        uint32_t flags = tables_next(rule_set, &next);
        if (flags & TABLES_INFIX) {
            size_t size = infix_at(rule_set, text, end, here, flags);
            if (size > 0) {
                *at = here;
                return size;
            }
        }
        here = next;
    }
    *at = end;
    return 0;
}
