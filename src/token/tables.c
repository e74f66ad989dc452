/* tables.c - one hash table of exceptions, asked only for what could be one.
 *
 * Nearly every word is looked up and hardly any is an exception. Two small
 * tables say which sizes occur with a first byte and with a last one; both agree
 * for few ordinary words, and a slot holds 16 bits of the hash beside the row, so
 * that hardly any row is read in vain. The hash reads the first and the last
 * eight bytes, so its time does not depend on the size; tools/tables.py computes
 * the same.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/tables.h"

#include <string.h>

#include "token_gen.h"

_Static_assert((int)EXCEPTION_SIZE_MAX == (int)TABLES_EXCEPTION_BYTES_MAX, "tables.h states it");
_Static_assert((int)PHRASE_TOKENS_MAX == (int)TABLES_PHRASE_TOKENS_MAX, "tables.h states it");

#define ROWS(array)                                                                                \
    {                                                                                              \
        array, sizeof array / sizeof *array                                                        \
    }
const struct affix_rows tables_prefixes = ROWS(prefix_strings);
const struct affix_rows tables_suffixes = ROWS(suffix_strings);
const struct affix_rows tables_digit_suffixes = ROWS(digit_strings);

static inline uint64_t load(const char *at, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, at, size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static uint32_t spread(const char *text, size_t size)
{
    uint64_t a, b = 0;
    if (size >= 8) {
        a = load(text, 8);
        b = load(text + size - 8, 8);
    } else if (size >= 4) {
        a = load(text, 4);
        b = load(text + size - 4, 4);
    } else {
        const unsigned char *bytes = (const unsigned char *)text;
        a = bytes[0] | (uint64_t)bytes[size >> 1] << 8 | (uint64_t)bytes[size - 1] << 16;
    }
    return (uint32_t)(((a ^ b * 0x9E3779B97F4A7C15u ^ size) * 0xD6E8FEB86659FD93u) >> 32);
}

const struct exception *tables_look_up(unsigned rule_set, const char *text, size_t size)
{
    uint32_t hash = spread(text, size), tag = hash >> 16;
    for (uint32_t slot = hash % EXCEPTION_SLOTS; exception_slots[slot] != EXCEPTION_NONE;
         slot = (slot + 1) % EXCEPTION_SLOTS) {
        if (exception_slots[slot] >> 16 != tag) continue;
        const struct exception *row = &exceptions[exception_slots[slot] & 0xFFFF];
        if (row->size == size && (row->rule_sets >> rule_set & 1) != 0 &&
            memcmp(exception_pool + row->at, text, size) == 0)
            return row;
    }
    return NULL;
}

uint32_t tables_flags_of_class(unsigned rule_set, unsigned class_)
{
    return class_flags[rule_set][class_];
}

size_t tables_bytes(void)
{
    return sizeof class_flags + sizeof tables_ascii + sizeof exception_pool + sizeof exceptions +
           sizeof exception_slots + sizeof tables_exception_first + sizeof tables_exception_last +
           sizeof tables_phrase_first + sizeof tables_phrase_second + sizeof prefix_strings +
           sizeof suffix_strings + sizeof digit_strings + sizeof tables_infixes +
           sizeof tables_infix_first;
}
