/* prior.h - a language model of other texts, to begin from.
 *
 * In      a file that pretrain or import --language-model made
 * Out     its layers as they are, its words' rows for the words of a new vocabulary
 * Errors  a file that is no language model is refused
 * Memory  mapped; prior_close gives it back
 * Threads any number once open
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_PRIOR_H
#define TRAIN_PRIOR_H

#include "model/language.h"
#include "model/net.h"
#include "train/recipe.h"
#include "train/texts.h"
#include "vocab/vocab.h"

struct prior {
    struct bundle bundle;
    struct weights weights;
    struct vocab vocab;
    const char *language, *tokenizer; /* how its texts were cut */
};

/* What somebody asked for; NULL: as the model has it. */
struct prior_wish {
    const struct recipe_size *size;
    const char *language, *tokenizer;
};

MUST_CHECK enum error_code prior_open(struct prior *out_prior, const char *path, struct error *err);
/* Opens it to learn from, where path is not NULL. What it cannot be is refused: another size, or
 * one of words that were cut otherwise; what was left open of these is then as it has them. */
MUST_CHECK enum error_code prior_begin(struct prior *out_prior, const char *path,
                                       struct prior_wish *wish, struct error *err);
void prior_close(struct prior *prior);

/* Whether these are texts of its kind: whether it knows most of their words. tell: what is done
 * about it where not, for people; or NULL. */
MUST_CHECK enum error_code prior_serves(const struct prior *prior, const struct texts *texts,
                                        void (*tell)(const char *sentence), bool *out_serves,
                                        struct error *err);

/* Into the parameters of a language model of its width, hidden units and layers. Returns how many
 * words of the vocabulary it knew. */
size_t prior_fill(const struct prior *prior, const struct vocab *vocab, struct net *net);

#endif
