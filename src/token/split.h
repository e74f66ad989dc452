/* split.h - a text cut into tokens as spaCy cuts it.
 *
 * In      valid UTF-8
 * Out     tokens as places in the text, in order; a single blank between two
 *         words leaves none
 * Bound   what does not fit into the caller's tokens is left out, and told. The
 *         tokens returned are then the first of all, exactly: TOKEN_MARGIN
 *         places are held back, because a later token can change earlier ones
 *         so far and no farther
 * Time    linear in the text, whatever it is
 * Memory  the caller's
 * Threads any number, nothing shared
 * Source  spaCy's Tokenizer: ULMFiT, section 2
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_SPLIT_H
#define TOKEN_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct token {
    uint32_t at, size; /* bytes */
};

enum {
    /* A phrase of n tokens can be put off by a longer one that begins inside it, that by
     * a longer one again, up to the longest, 11: 2 + 3 + ... + 11 = 65; and a phrase can
     * give three tokens for two. */
    TOKEN_MARGIN = 99,
};

struct split {
    unsigned rule_set; /* enum tables_rule_set */
    bool words;        /* by words.h in place of prefixes, suffixes and infixes */
    struct token *tokens;
    uint16_t *marks; /* as many */
    size_t tokens_max, count;
    char *starts; /* scratch, as many bytes as the text */
    bool cut;
    bool blanks; /* some token is white space of several bytes */
};

/* Fills split->tokens, count and cut. text.size < 4 GiB. */
void split_text(struct split *split, struct slice text);

#endif
