/* lower.h - lower case as Python's str.lower has it.
 *
 * In      valid UTF-8
 * Out     at most LOWER_CHAR_MAX bytes a character, and never more than 3/2 of the text
 * Time    looking around a sigma is linear in the text for all of them together
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_LOWER_H
#define TEXT_LOWER_H

#include <stddef.h>

enum { LOWER_CHAR_MAX = 4 };

/* Writes the lower case of the character at *at, which moves behind it; returns the
 * bytes written. A capital sigma becomes a final one at the end of its word in
 * the text [begin, end). */
size_t lower_char(const char *begin, const char **at, const char *end, char *out);

#endif
