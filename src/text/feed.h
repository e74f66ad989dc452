/* feed.h - cases from a file or pipe, whatever its form.
 *
 * In       one JSON object, JSON Lines, or CSV; told apart by the first
 *          character (after a BOM and white space): '{' is JSON; an array is refused, and what
 *          is no text
 * Out      a case, or why this one can not be used; slices live until the next call
 * Bound    a JSON text at most FEED_LINE_MAX bytes; CSV as csv.h
 * Memory   grows to the longest case; feed_close frees it
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_FEED_H
#define TEXT_FEED_H

#include "text/csv.h"

enum { FEED_LINE_MAX = 8 * 1024 * 1024 };

struct feed;

struct feed_options {
    const char *path;          /* "-" is standard input */
    const struct names *names; /* NULL: their own */
    bool *met; /* [CASE_FIELDS] or NULL: becomes true of each that names has and some case, too */
    bool need_label; /* a case without one is at fault */
};

MUST_CHECK enum error_code feed_open(struct feed **out_feed, const struct feed_options *options,
                                     struct error *err);

/* The next case as a row of csv.h; *out_end after the last. */
MUST_CHECK enum error_code feed_next(struct feed *feed, struct csv_row *out_row, bool *out_end,
                                     struct error *err);
void feed_close(struct feed *feed);

/* How far the file is read, and its size (0: unknown, a pipe), in bytes. */
size_t feed_consumed(const struct feed *feed);
size_t feed_size(const struct feed *feed);

#endif
