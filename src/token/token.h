/* token.h - the tokens of one text: clean it, cut it, mark blanks inside tokens.
 *
 * In      valid UTF-8
 * Out     tokens, in order, as fastai's tokenize1 gives them (or, without the
 *         text rules, as spaCy alone does)
 * Bound   at most tokens_max tokens of a text of at most text_max bytes; more
 *         tokens are left out, and told. A text longer than text_max is the
 *         caller's mistake
 * Time    linear in the text
 * Memory  the scratch; tokens live until it is used again
 * Threads any number, each with its own scratch
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_TOKEN_H
#define TOKEN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/slice.h"
#include "token/split.h"

/* Which spaCy; named in the model file. */
enum token_profile { TOKEN_SPACY3, TOKEN_SPACY2 };

/* How a text is cut. */
struct token_way {
    unsigned rule_set;
    bool words;    /* by Unicode's word boundaries */
    bool no_rules; /* fastai's text rules and post rule left out */
    bool no_post;  /* the post rule alone left out, as fastai's predict does */
};

/* "spacy3" or "spacy2"; false if name is neither. */
bool token_profile_of(struct slice name, enum token_profile *out_profile);
const char *token_profile_name(enum token_profile profile);

/* The way for a language: a code such as "de", "pt-BR", "ZH_cn". What is not
 * known or empty is English. */
struct token_way token_way_of(struct slice language, enum token_profile profile);

struct token_scratch {
    char *buffers[2];
    struct token *tokens;
    uint16_t *marks;
    size_t text_max, buffer_size, tokens_max;
};

/* Takes the scratch for texts of text_max bytes and tokens_max tokens from an arena. */
void token_lay(struct token_scratch *scratch, size_t text_max, size_t tokens_max,
               struct arena *arena);

/* Enough tokens for any text of so many bytes. */
size_t token_count_bound(size_t text_bytes);

struct token_list {
    const char *text; /* what tokens are places in */
    const struct token *tokens;
    size_t count;
    bool cut; /* there were more */
};

/* Never fails; out lives in scratch (and, without rules, in text). */
void token_one(const struct token_way *way, struct slice text, struct token_scratch *scratch,
               struct token_list *out);

static inline struct slice token_slice(const struct token_list *list, size_t i)
{
    return (struct slice){list->text + list->tokens[i].at, list->tokens[i].size};
}

#endif
