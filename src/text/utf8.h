/* utf8.h - bytes to code points and back.
 *
 * Text is checked once, where it enters (CSV, JSON, tokenize); everything after
 * reads it with utf8_next, which trusts it.
 *
 * Source   RFC 3629; surrogates and overlong forms are errors
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/writer.h"

/* Whether text is UTF-8; if not, *out_bad is the offset of the first byte that is wrong. */
bool utf8_valid(struct slice text, size_t *out_bad);

/* Bytes that belong to no character become '?': of text that only may be one, a file's name or a
 * sentence cut inside a character, before it goes out as JSON. */
void utf8_mend(char *text, size_t size);

/* The longest beginning of a valid text that has most bytes at most and ends with a character. */
struct slice utf8_cut(struct slice text, size_t most);

/* Code points in a valid text. */
size_t utf8_count(struct slice text);

/* Bytes at the start of a text, which is not empty, that belong together: a character, or one that
 * is none; and whether they may be shown: Unicode's controls, C1 included, steer some terminals. */
size_t utf8_piece(struct slice text, bool *out_plain);

enum { UTF8_SHOWN_MAX = 12 };

/* Takes such a piece away from text and writes it as it is or, where it may not be shown, as \xHH
 * for each byte; at most UTF8_SHOWN_MAX bytes. Returns the columns it fills. */
size_t utf8_show(struct slice *text, struct writer *writer);

/* Writes code_point, at most 4 bytes; returns their number. */
unsigned utf8_put(uint32_t code_point, char *out);

/* The code point at *at, which moves behind it. The text is valid and *at < its end. */
static inline uint32_t utf8_next(const char **at)
{
    const unsigned char *b = (const unsigned char *)*at;
    if (b[0] < 0x80) {
        *at += 1;
        return b[0];
    }
    if (b[0] < 0xE0) {
        *at += 2;
        return (uint32_t)(b[0] & 0x1F) << 6 | (b[1] & 0x3F);
    }
    if (b[0] < 0xF0) {
        *at += 3;
        return (uint32_t)(b[0] & 0x0F) << 12 | (uint32_t)(b[1] & 0x3F) << 6 | (b[2] & 0x3F);
    }
    *at += 4;
    return (uint32_t)(b[0] & 0x07) << 18 | (uint32_t)(b[1] & 0x3F) << 12 |
           (uint32_t)(b[2] & 0x3F) << 6 | (b[3] & 0x3F);
}

#endif
