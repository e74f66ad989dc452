/* tables.h - the tokenizer's data: rule sets, flags of characters, exceptions, affixes.
 *
 * A rule set is a language under a version of spaCy; all share one set of rows,
 * each with a mask of the rule sets it belongs to. The rows are token/tables/,
 * made into C by tools/tables.py.
 *
 * Source   spaCy 3.8.18 and 2.3.5, blank English, German and multi-language
 *          (MIT licence, see NOTICE)
 * Bound    all tables, those of text/ included, stay under TABLES_BYTES_MAX
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_TABLES_H
#define TOKEN_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/chars.h"
#include "text/utf8.h"

enum { TABLES_BYTES_MAX = 256 * 1024 };

/* In the order of tools/tables.py. */
enum tables_rule_set {
    RULES_ENGLISH_3,
    RULES_GERMAN_3,
    RULES_NEUTRAL_3, /* spaCy's "xx": no language's own */
    RULES_ENGLISH_2,
    RULES_GERMAN_2,
    RULES_NEUTRAL_2,
    TABLES_RULE_SETS
};

/* What a character is to a rule set. */
enum tables_flag {
    TABLES_SPACE = 1 << 0,
    TABLES_WORD = 1 << 1,    /* \w */
    TABLES_DECIMAL = 1 << 2, /* \d */
    TABLES_DIGIT = 1 << 3,   /* 0-9 */
    TABLES_ALPHA = 1 << 4,
    TABLES_LOWER = 1 << 5,
    TABLES_UPPER = 1 << 6,
    TABLES_QUOTE = 1 << 7,
    TABLES_MINUS = 1 << 8,
    TABLES_ICON = 1 << 9,
    TABLES_HOST = 1 << 10,        /* may begin and end a label of a host name */
    TABLES_BEFORE_DOT = 1 << 11,  /* a dot at the end comes off behind it */
    TABLES_PREFIX = 1 << 12,      /* is a prefix */
    TABLES_PREFIX_MANY = 1 << 13, /* may begin a longer or conditional one */
    TABLES_SUFFIX = 1 << 14,
    TABLES_SUFFIX_MANY = 1 << 15, /* may end a longer or conditional one */
    TABLES_UNIT_END = 1 << 16,    /* may end a unit or a currency */
    TABLES_INFIX = 1 << 17,       /* may begin an infix */
};

/* A string with tokens of its own; `starts` has bit i where a token begins at byte i. */
struct exception {
    uint16_t at; /* in the pool */
    uint8_t size, rule_sets;
    uint32_t starts, phrase; /* phrase: the same for what affix rules make of it, or 0 */
};

/* A string that is a prefix, a suffix, or a suffix behind a digit. */
struct affix_string {
    uint8_t rule_sets, size;
    char text[14];
};

/* A string that is an infix where the characters around it have one of these flags. */
struct affix_infix {
    uint8_t rule_sets, size;
    char text[6];
    uint32_t before, after;
};

struct affix_rows {
    const struct affix_string *rows;
    size_t count;
};

extern const struct affix_rows tables_prefixes, tables_suffixes, tables_digit_suffixes;

/* Rows whose text begins with this byte are [first[byte], first[byte + 1]). */
extern const struct affix_infix tables_infixes[];
extern const uint16_t tables_infix_first[257];

extern const uint32_t tables_ascii[TABLES_RULE_SETS][128];

enum { TABLES_EXCEPTION_BYTES_MAX = 29, TABLES_PHRASE_TOKENS_MAX = 11 };

/* Sizes, as bits, of exceptions with this first byte, with this last byte. */
extern const uint32_t tables_exception_first[256], tables_exception_last[256];

/* The first bytes of second tokens of phrases, numbered; which of them follow a
 * first token with this first byte. */
extern const uint8_t tables_phrase_second[256];
extern const uint64_t tables_phrase_first[256];

/* Whether a phrase may begin with two tokens that begin with these bytes. */
static inline bool tables_phrase_begins(char first, char second)
{
    return (tables_phrase_first[(unsigned char)first] >>
                tables_phrase_second[(unsigned char)second] &
            1) != 0;
}

/* The size of the longest exception with this first byte, 0 if there is none. */
static inline size_t tables_exception_longest(char first)
{
    uint32_t sizes = tables_exception_first[(unsigned char)first];
    return sizes != 0 ? 31 - (unsigned)__builtin_clz(sizes) : 0;
}

const struct exception *tables_look_up(unsigned rule_set, const char *text, size_t size);

/* The exception that text is in this rule set, or NULL. */
static inline const struct exception *tables_exception(unsigned rule_set, const char *text,
                                                       size_t size)
{
    if (size == 0 || size > TABLES_EXCEPTION_BYTES_MAX) return NULL;
    uint32_t sizes = tables_exception_first[(unsigned char)text[0]] &
                     tables_exception_last[(unsigned char)text[size - 1]];
    return (sizes >> size & 1) != 0 ? tables_look_up(rule_set, text, size) : NULL;
}

uint32_t tables_flags_of_class(unsigned rule_set, unsigned class_);

/* Bytes of tables behind this header. */
size_t tables_bytes(void);

/* The flags of the character at *at, which moves behind it. */
static inline uint32_t tables_next(unsigned rule_set, const char **at)
{
    unsigned char c = (unsigned char)**at;
    if (c < 0x80) {
        *at += 1;
        return tables_ascii[rule_set][c];
    }
    return tables_flags_of_class(rule_set, chars_class(utf8_next(at)));
}

/* The flags of the character before *at, which moves to it; begin < *at. */
static inline uint32_t tables_previous(unsigned rule_set, const char *begin, const char **at)
{
    const char *here = *at;
    do here--;
    while (here > begin && (*here & 0xC0) == 0x80);
    *at = here;
    return tables_next(rule_set, &here);
}

#endif
