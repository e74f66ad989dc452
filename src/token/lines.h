/* lines.h - tokens of a stream of JSON lines: `{"text": ...}` in, `["...", ...]` out.
 *
 * In       one JSON object a line with a string `text`; other members are ignored,
 *          lines of white space passed over; any line end
 * Out      one JSON array of strings a line, in order, in UTF-8
 * Bound    one block a thread, which grows to the longest line; no text is too
 *          long but by memory
 * Errors   the file and the line; the lines before it are written
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_LINES_H
#define TOKEN_LINES_H

#include <stdint.h>

#include "token/many.h"

struct lines_options {
    struct token_way way;
    const char *path; /* for messages */
    int input, output;
    uint64_t total_bytes; /* of the input, 0 where it is not known */
    struct progress *progress;
};

MUST_CHECK enum error_code lines_tokenize(const struct lines_options *options, struct crew *crew,
                                          struct error *err);

#endif
