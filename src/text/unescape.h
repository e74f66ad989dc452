/* unescape.h - HTML's character references, as Python's html.unescape reads them.
 *
 * In      valid UTF-8
 * Out     the same with &name; &name &#10; &#xA; replaced; results are not read again
 * Bound   never more than 6/5 of the input
 * Memory  none of its own
 * Threads any number
 * Source  text/tables/entities.tsv and charrefs.tsv: HTML Living Standard, 13.5 and 13.2.5.80
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_UNESCAPE_H
#define TEXT_UNESCAPE_H

#include "base/slice.h"

/* What one reference stands for. */
struct unescape_hit {
    size_t taken; /* bytes of the input; 0: this is no reference, `&` stays */
    size_t size;
    char value[8];
};

/* The reference at `at`, which points to an '&'. */
struct unescape_hit unescape_at(const char *at, const char *end);

/* Bytes of tables behind this header. */
size_t unescape_bytes(void);

#endif
