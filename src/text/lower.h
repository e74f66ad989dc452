/* lower.h - one word into lower case, as Python's str.lower does it.
 *
 * In      a word: valid UTF-8 without white space
 * Out     at most LOWER_BOUND(size) bytes; out does not overlap the word
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_LOWER_H
#define TEXT_LOWER_H

#include <stddef.h>

/* U+0130 and U+023A: two bytes become three. */
#define LOWER_BOUND(bytes) ((bytes) + (bytes) / 2)

/* Returns the bytes written. A capital sigma at the end of the word becomes a final one. */
size_t lower_word(const char *word, size_t size, char *out);

/* The same for ASCII, where the size stays. */
void lower_ascii(const char *word, size_t size, char *out);

#endif
