/* eight.h - eight bytes of text looked at in one word.
 *
 * Marks are the high bits of bytes; the lowest marked byte is the first in memory.
 *
 * Source   Warren, Hacker's Delight, chapter 6
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_EIGHT_H
#define BASE_EIGHT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EIGHT_ONES 0x0101010101010101u
#define EIGHT_HIGH 0x8080808080808080u

static inline uint64_t eight_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The place of the first marked byte; marks is not 0. */
static inline size_t eight_first(uint64_t marks) { return (size_t)__builtin_ctzll(marks) / 8; }

/* Marks zero bytes, and sometimes one above a zero byte: the first mark is right. */
static inline uint64_t eight_zeros(uint64_t word)
{
    return (word - EIGHT_ONES) & ~word & EIGHT_HIGH;
}

static inline uint64_t eight_equal(uint64_t word, char c)
{
    return eight_zeros(word ^ (EIGHT_ONES * (unsigned char)c));
}

/* Marks exactly the bytes from low to high, both ASCII. */
static inline uint64_t eight_between(uint64_t word, char low, char high)
{
    uint64_t seven = word & ~EIGHT_HIGH;
    uint64_t from = seven + EIGHT_ONES * (unsigned char)(0x80 - low);
    uint64_t past = seven + EIGHT_ONES * (unsigned char)(0x7F - high);
    return from & ~past & ~word & EIGHT_HIGH;
}

#endif
