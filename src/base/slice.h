/* slice.h - a piece of text that somebody else owns.
 *
 * It needs no NUL at its end, and may hold NULs.
 *
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *data;
    size_t size;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

struct slice slice_of(const char *zero_terminated);
bool slice_equal(struct slice a, struct slice b);
bool slice_equal_nocase(struct slice a, struct slice b); /* ASCII letters */
bool slice_starts(struct slice text, struct slice prefix);
int slice_compare(struct slice a, struct slice b); /* by bytes, as memcmp */
struct slice slice_from(struct slice text, size_t start);
struct slice slice_trim(struct slice text); /* ASCII white space at both ends */

/* Digits alone, 0 to 65535. */
bool slice_port(struct slice digits, uint16_t *out_port);

#endif
