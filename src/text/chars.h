/* chars.h - what a code point is: white space, word character, cased, ...
 *
 * One trie for the whole program: it gives a class, and whoever needs to know
 * more keeps a row of flags for each class (token/tables.h).
 *
 * Source   Python 3.11's str and re, Unicode 14, and UAX #29: text/tables, made
 *          into C by tools/tables.py
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_CHARS_H
#define TEXT_CHARS_H

#include <stddef.h>
#include <stdint.h>

enum { CHARS_BLOCK_BITS = 6, CHARS_INDEX_SIZE = 14345 };

enum chars_prop {
    CHARS_SPACE = 1,
    CHARS_WORD = 2,
    CHARS_CASED = 4,
    CHARS_IGNORABLE = 8, /* by the rule of the final sigma */
    CHARS_LOWERS = 16,   /* its lower case is another */
    CHARS_PICTOGRAPHIC = 32,
    CHARS_BREAK_SHIFT = 8, /* above: enum chars_break */
};

/* The property Word_Break of UAX #29, in the order of tools/tables.py. */
enum chars_break {
    BREAK_OTHER,
    BREAK_CR,
    BREAK_LF,
    BREAK_NEWLINE,
    BREAK_EXTEND,
    BREAK_ZWJ,
    BREAK_FORMAT,
    BREAK_REGIONAL_INDICATOR,
    BREAK_KATAKANA,
    BREAK_HEBREW_LETTER,
    BREAK_ALETTER,
    BREAK_SINGLE_QUOTE,
    BREAK_DOUBLE_QUOTE,
    BREAK_MID_NUM_LET,
    BREAK_MID_LETTER,
    BREAK_MID_NUM,
    BREAK_NUMERIC,
    BREAK_EXTEND_NUM_LET,
    BREAK_WSEG_SPACE,
};

extern const uint16_t chars_index[CHARS_INDEX_SIZE], chars_props[];
extern const uint8_t chars_blocks[];

static inline unsigned chars_class(uint32_t code_point)
{
    uint32_t block = code_point >> CHARS_BLOCK_BITS;
    if (block >= CHARS_INDEX_SIZE) block = CHARS_INDEX_SIZE - 1; /* the rest repeats it */
    return chars_blocks[(uint32_t)chars_index[block] << CHARS_BLOCK_BITS |
                        (code_point & ((1u << CHARS_BLOCK_BITS) - 1))];
}

static inline unsigned chars_of(uint32_t code_point)
{
    return chars_props[chars_class(code_point)];
}

/* Bytes of the white space that starts at `at`, 0 if none does; at < end. */
static inline size_t chars_space(const char *at, const char *end)
{
    unsigned char c = (unsigned char)*at;
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    if (c == 0xC2) return at[1] == '\x85' || at[1] == '\xA0' ? 2 : 0;
    if (c < 0xE1 || c > 0xE3 || end - at < 3) return 0;
    uint32_t code_point =
        (c & 0x0Fu) << 12 | ((unsigned char)at[1] & 0x3Fu) << 6 | ((unsigned char)at[2] & 0x3Fu);
    return chars_of(code_point) & CHARS_SPACE ? 3 : 0;
}

/* What a byte is by itself; of a high one only its code point tells more. */
enum chars_kind {
    CHARS_KIND_SPACE = 1,
    CHARS_KIND_WORD = 2,
    CHARS_KIND_UPPER = 4,
    CHARS_KIND_SMALL = 8,
    CHARS_KIND_HIGH = 16,
};
extern const uint8_t chars_kinds[256];

static inline unsigned chars_kind(char c) { return chars_kinds[(unsigned char)c]; }

/* Bytes of the character that starts at `at`. */
static inline size_t chars_size(const char *at)
{
    unsigned char c = (unsigned char)*at;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* The end of the white space that starts at `at`, which it is where there is none. */
static inline const char *chars_skip_spaces(const char *at, const char *end)
{
    size_t size;
    while (at < end && (size = chars_space(at, end)) > 0) at += size;
    return at;
}

/* The lower case of a code point without regard to its place, one or two code
 * points; returns their number. A capital sigma gives the small one. */
unsigned chars_lower(uint32_t code_point, uint32_t out[2]);

/* Bytes of tables behind this header. */
size_t chars_bytes(void);

#endif
