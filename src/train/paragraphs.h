/* paragraphs.h - plain text files, a text a line.
 *
 * In      files, or "-" for standard input; blanks at both ends of a line and empty
 *         lines are left out
 * Bound   TEXT_BYTES_MAX a line
 * Errors  a line that is not UTF-8, or too long, is named
 * Memory  a buffer of the longest line; paragraphs_close gives it back
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_PARAGRAPHS_H
#define TRAIN_PARAGRAPHS_H

#include "base/error.h"
#include "base/slice.h"

struct paragraphs {
    const char *const *paths;
    size_t count, next; /* the path after the open one */
    int fd;             /* -1: none is open */
    char *buffer;
    size_t begin, end, room, line;
    size_t given; /* paragraphs so far */
};

void paragraphs_begin(struct paragraphs *out_paragraphs, const char *const *paths, size_t count);
void paragraphs_close(struct paragraphs *paragraphs);

/* As struct texts_source wants it; context is the struct. */
MUST_CHECK enum error_code paragraphs_next(void *context, struct slice *out_text, bool *out_end,
                                           struct error *err);

#endif
