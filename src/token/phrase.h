/* phrase.h - the second pass of spaCy 3: exceptions found again as sequences of tokens.
 *
 * `foo:)` was cut to `foo`, `:`, `)`; this joins the last two. Changes the
 * tokens of a split in place.
 *
 * Time    linear in the number of tokens
 * Threads any number
 * Source  ULMFiT, section 2.3
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_PHRASE_H
#define TOKEN_PHRASE_H

struct split;

/* base is the text that the tokens are places in. */
void phrase_pass(struct split *split, const char *base);

#endif
