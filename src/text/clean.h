/* clean.h - fastai's text rules: what a text goes through before it is cut into tokens.
 *
 * In      valid UTF-8, NUL included
 * Out     "xxbos ..." in lower case, with markers for repetition and capitals
 * Bound   CLEAN_BOUND(bytes in) holds every result. A smaller buffer is allowed:
 *         what does not fit is dropped, `cut` says so, and the result is right
 *         but for its last words.
 * Time    linear in the input, whatever it is
 * Memory  the caller's two buffers; the result lies in one of them
 * Threads any number, nothing shared
 * Source  fastai 2.8.12, default rules and their order: ULMFiT, section 1
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_CLEAN_H
#define TEXT_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/writer.h"

/* The worst is `aaaBc`: 5 bytes become the 19 of `xxrep 3 a xxmaj bc `. */
#define CLEAN_BOUND(bytes) (4 * (bytes) + 64)

enum special_id {
#define SPECIAL(name, text, meaning) SPECIAL_##name,
#include "text/special.def"
#undef SPECIAL
    SPECIAL_COUNT
};

/* The marker's text. */
struct slice clean_special(enum special_id id);

struct clean {
    char *buffers[2]; /* of size bytes each; they do not overlap the input */
    size_t size;
    struct slice text; /* what the rules so far made; the input at first */
    unsigned next;     /* the buffer that the next rule writes */
    bool cut;
};

/* All rules in order. Returns the clean text, which lies in clean->buffers[*out_buffer]. */
struct slice clean_text(struct clean *clean, struct slice text, unsigned *out_buffer);

/* The rules of this file one by one, from clean->text to clean->text; the others are
 * in text/repeat.h and text/capital.h. */
void clean_html(struct clean *clean);   /* thirteen replacements, then character references */
void clean_spaces(struct clean *clean); /* blanks around / # \, then one blank for many */

/* Joins fields as fastai joins columns: `xxfld 1 A xxfld 2 B`; one field is itself. */
void clean_join(struct writer *out, const struct slice *fields, size_t count);

#endif
