/* mem.h - heap memory for commands that learn; the road of a case uses arenas.
 *
 * Every taking can fail and says how much was asked for. Sizes that overflow
 * fail as well.
 *
 * Memory  the caller frees with mem_free()
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/error.h"

/* Zeroed memory for count items of size bytes. count may be 0. */
MUST_CHECK enum error_code mem_take(void *out_pointer, size_t count, size_t size,
                                    struct error *err);

/* Grows *pointer (NULL at first) so that it holds at least need items; capacity
 * at least doubles. New items are not zeroed. On failure nothing changes. */
MUST_CHECK enum error_code mem_grow(void *pointer, size_t *capacity, size_t need, size_t size,
                                    struct error *err);

void mem_free(void *pointer);

#endif
