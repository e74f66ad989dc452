/* tables.c - one hash table of exceptions, asked only for what could be one.
 *
 * Nearly every word is looked up and hardly any is an exception. Two small
 * tables say which sizes occur with a first byte and with a last one; both agree
 * for few ordinary words. The hash reads the first and the last eight bytes, so
 * its time does not depend on the size; tools/tables.py computes the same.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/tables.h"

#include <string.h>

#include "token_gen.h"

_Static_assert((int)EXCEPTION_SIZE_MAX == (int)TABLES_EXCEPTION_BYTES_MAX, "tables.h states it");
_Static_assert((int)PHRASE_TOKENS_MAX == (int)TABLES_PHRASE_TOKENS_MAX, "tables.h states it");

#define ROWS(array) {array, sizeof array / sizeof *array}
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

const struct exception *tables_exception(unsigned rule_set, const char *text, size_t size)
{
    if (size == 0 || size > EXCEPTION_SIZE_MAX) return NULL;
    uint32_t sizes = exception_first[(unsigned char)text[0]] &
                     exception_last[(unsigned char)text[size - 1]];
    if ((sizes >> size & 1) == 0) return NULL;
    for (uint32_t slot = spread(text, size) % EXCEPTION_SLOTS; exception_slots[slot] != 0xFFFF;
         slot = (slot + 1) % EXCEPTION_SLOTS) {
        const struct exception *row = &exceptions[exception_slots[slot]];
        if (row->size == size && (row->rule_sets >> rule_set & 1) != 0 &&
            memcmp(exception_pool + row->at, text, size) == 0)
            return row;
    }
    return NULL;
}

bool tables_phrase_begins(const char *token, size_t size)
{
    return size < 32 && (phrase_first[(unsigned char)token[0]] >> size & 1) != 0;
}

uint32_t tables_flags_of_class(unsigned rule_set, unsigned class_)
{
    return class_flags[rule_set][class_];
}

size_t tables_bytes(void)
{
    return sizeof class_flags + sizeof tables_ascii + sizeof exception_pool + sizeof exceptions +
           sizeof exception_slots + sizeof exception_first + sizeof exception_last +
           sizeof phrase_first + sizeof prefix_strings + sizeof suffix_strings +
           sizeof digit_strings + sizeof tables_infixes + sizeof tables_infix_first;
}
