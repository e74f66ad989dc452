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
    const struct recipe_size *size;
    enum recipe_kind recipe;
    struct course_way way;
    struct history history;
};

/* Checks them, before anything is read or learnt, and that the output can be written; arms
 * Ctrl-C. */
MUST_CHECK enum error_code learning_open(struct learning *out_learning,
                                         const struct options *options, struct error *err);
void learning_close(struct learning *learning);

/* Checks that the output can be written, and is none of the files to be read: to learn for an hour
 * and then fail, or to take the cases away, would be rude. */
MUST_CHECK enum error_code learning_output(const struct options *options, struct error *err);

/* Checks --language and --tokenizer. */
MUST_CHECK enum error_code learning_words(const struct options *options, struct error *err);

#endif
