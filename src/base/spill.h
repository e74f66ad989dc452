/* spill.h - bytes that need not lie in memory: a file without a name, written once, then mapped.
 *
 * The file has no name from its first byte on, so nothing is left behind however the
 * program ends. Its pages belong to the kernel, which may write them out and take them back.
 *
 * Errors   a full disk says how much there was, and where
 * Memory   a buffer of SPILL_BUFFER bytes until it is mapped; spill_close gives all back
 * Threads  one at a time; the mapping may be read by any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_SPILL_H
#define BASE_SPILL_H

#include <stddef.h>

#include "base/error.h"

enum { SPILL_BUFFER = 256 * 1024 };

struct spill {
    int fd; /* -1 when closed */
    char *buffer;
    size_t buffered, size;
    void *map;
};

/* In the folder of this path, which is a file that is, or will be, there. */
MUST_CHECK enum error_code spill_open(struct spill *out_spill, const char *beside,
                                      struct error *err);
MUST_CHECK enum error_code spill_add(struct spill *spill, const void *data, size_t size,
                                     struct error *err);

/* Nothing is added afterwards. The bytes may be changed in place. *out_data is the address of a
 * pointer; it stays untouched where nothing was added. */
MUST_CHECK enum error_code spill_map(struct spill *spill, void *out_data, struct error *err);
void spill_close(struct spill *spill);

#endif
