/* learning.h - the options that commands which train a network, or import one, have alike.
 *
 * Memory  learning_close ends the history
 * Threads one
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_LEARNING_H
#define CLI_LEARNING_H

#include "cli/options.h"
#include "train/course.h"

struct learning {
    /* Of the network; NULL where a model to begin from has its own, and none was asked for. */
    const struct recipe_size *size;
    const char *language, *tokenizer;
    enum recipe_kind recipe;
    struct course_way way;
    struct history history;
};

/* Checks them, before anything is read or learnt, and that the output can be written. */
MUST_CHECK enum error_code learning_open(struct learning *out_learning,
                                         const struct options *options, struct error *err);
void learning_close(struct learning *learning);

/* Checks that the output can be written, and is none of the files to be read: to learn for an hour
 * and then fail, or to take the cases away, would be rude. */
MUST_CHECK enum error_code learning_output(const struct options *options, struct error *err);

/* Refuses options of learning ULMFiT where it is not learnt: they would have no effect. why: "which
 * --with keeps as it is" */
MUST_CHECK enum error_code learning_none(const struct options *options, const char *why,
                                         struct error *err);

/* Checks --language and --tokenizer. */
MUST_CHECK enum error_code learning_words(const struct options *options, struct error *err);

#endif
