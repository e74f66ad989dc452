/* words.h - word boundaries for scripts that write no blanks.
 *
 * The default rules of UAX #29 (WB3 to WB999): Latin and digits come out as
 * words, katakana as runs, and characters without a word-break property of
 * their own (han, hiragana, Thai) one by one with their combining marks.
 *
 * In      a piece of valid UTF-8 without white space
 * Time    linear
 * Threads any number
 * Source  Unicode Standard Annex #29, revision 43
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_WORDS_H
#define TOKEN_WORDS_H

/* The end of the word that begins at text; text < end. */
const char *words_next(const char *text, const char *end);

#endif
