/* needles.h - many strings looked for at once, one step a byte.
 *
 * Source   Aho, Corasick, "Efficient string matching", CACM 18(6), 1975, as a table
 * Bound    NEEDLES_STATES_MAX bytes of needles in all
 * Memory   one block of about 130 KiB, given back by needles_close
 * Threads  any number once opened
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_NEEDLES_H
#define DOCTOR_NEEDLES_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum { NEEDLES_STATES_MAX = 1024, NEEDLES_CLASSES_MAX = 64 };

struct needles {
    uint8_t class_of[256]; /* bytes that stand in no needle share class 0 */
    uint16_t (*next)[NEEDLES_CLASSES_MAX];
    uint64_t *found; /* per state: bit n, needle n ends here */
};

/* At most 64 needles, told apart by their bit. */
MUST_CHECK enum error_code needles_open(struct needles *out, const char *const *needles,
                                        size_t count, struct error *err);
void needles_close(struct needles *needles);

/* The bits of all needles in text. */
uint64_t needles_find(const struct needles *needles, struct slice text);

#endif
