/* strings.h - a list of strings from a file: a JSON array, or fastai's pickled list.
 *
 * Bound   STRINGS_FILE_MAX bytes, STRINGS_MAX strings
 * Memory  heap; strings_close gives it back
 * Errors  ERR_WEIGHTS, with the path and the place
 * Threads one a struct
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_STRINGS_H
#define MODEL_STRINGS_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum { STRINGS_FILE_MAX = 64 * 1024 * 1024, STRINGS_MAX = 1 << 20 };

/* String i is text[start[i] .. start[i + 1]): as a model file holds them. */
struct strings {
    size_t count;
    uint32_t *start; /* [count + 1] */
    char *text;
    size_t start_room, text_room;
};

MUST_CHECK enum error_code strings_open(struct strings *out_strings, const char *path,
                                        struct error *err);
/* The same over bytes; name is for messages. */
MUST_CHECK enum error_code strings_read(struct strings *out_strings, struct slice bytes,
                                        const char *name, struct error *err);
void strings_close(struct strings *strings);

static inline struct slice strings_at(const struct strings *strings, size_t i)
{
    return (struct slice){strings->text + strings->start[i],
                          strings->start[i + 1] - strings->start[i]};
}

/* Adds one string. */
MUST_CHECK enum error_code strings_add(struct strings *strings, struct slice text,
                                       struct error *err);

#endif
