/* rewrite.h - how a text rule writes: into the buffer whose turn it is, never over its end.
 *
 * A rule that changes something opens, puts the pieces, and closes; one that
 * finds nothing to do does not close, and the text stays where it is.
 *
 * Memory   the buffers of struct clean
 * Threads  as struct clean
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_REWRITE_H
#define TEXT_REWRITE_H

#include <string.h>

#include "text/clean.h"
#include "text/utf8.h"

struct rewrite {
    char *at, *end;
    bool cut;
};

static inline struct rewrite rewrite_open(const struct clean *clean)
{
    char *data = clean->buffers[clean->next];
    return (struct rewrite){data, data + clean->size, false};
}

static inline void rewrite_put(struct rewrite *out, const char *data, size_t size)
{
    if (size > (size_t)(out->end - out->at)) { /* cut at a whole character */
        size = utf8_cut((struct slice){data, size}, (size_t)(out->end - out->at)).size;
        out->end = out->at + size;
        out->cut = true;
    }
    if (size > 0) memcpy(out->at, data, size);
    out->at += size;
}

static inline void rewrite_number(struct rewrite *out, size_t number)
{
    char digits[24], *first = digits + sizeof digits;
    do *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    rewrite_put(out, first, (size_t)(digits + sizeof digits - first));
}

static inline void rewrite_close(struct clean *clean, const struct rewrite *out)
{
    char *data = clean->buffers[clean->next];
    clean->text = (struct slice){data, (size_t)(out->at - data)};
    clean->next ^= 1;
    clean->cut |= out->cut;
}

#endif
