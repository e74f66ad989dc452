/* affix.h - what comes off a word at its ends and between.
 *
 * In      a piece [text, end) of valid UTF-8 without white space, not empty
 * Out     sizes in bytes
 * Time    of affix_prefix and affix_suffix: bounded, but for a run of dots, which
 *         they hand back; of affix_infix: linear in what it passes
 * Threads any number
 * Source  spaCy's punctuation rules: ULMFiT, section 2.4; rows in token/tables/
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_AFFIX_H
#define TOKEN_AFFIX_H

#include <stddef.h>

/* The prefix of the piece, 0 if it has none. */
size_t affix_prefix(unsigned rule_set, const char *text, const char *end);

/* The longest suffix; only what lies inside the piece counts as standing before it. */
size_t affix_suffix(unsigned rule_set, const char *text, const char *end);

/* The first infix at or behind *at; its size, 0 if there is none. *at moves to it. */
size_t affix_infix(unsigned rule_set, const char *text, const char *end, const char **at);

#endif
