/* region.h - blocks of any size from one region that is had beforehand.
 *
 * In      sizes that are known late, such as those of bodies that arrive in pieces
 * Bound   the region; who finds no room is told, and nothing grows. A block's memory
 *         is touched by its first user only, lowest addresses first
 * Memory  one mapping, from region_open to region_close
 * Threads any number; one lock, held for a walk over the gaps
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_REGION_H
#define BASE_REGION_H

#include <pthread.h>
#include <stddef.h>

#include "base/error.h"

enum { REGION_ALIGN = 64 };

struct region {
    pthread_mutex_t lock;
    char *base;
    size_t size;
    struct region_piece *gaps; /* free, by address, no two adjacent */
};

/* size_bytes in whole pages; region_bytes tells what that comes to. */
size_t region_bytes(size_t size_bytes);
MUST_CHECK enum error_code region_open(struct region *out_pool, size_t size_bytes,
                                       struct error *err);
void region_close(struct region *region);

/* At least size bytes; NULL where no gap is that long. */
void *region_take(struct region *region, size_t size);

/* The block with its first used bytes, now of at least size bytes, perhaps elsewhere; NULL
 * where there is no room: then it is as it was. A smaller size gives the rest back. */
void *region_resize(struct region *region, void *block, size_t used, size_t size);

/* NULL does nothing. */
void region_give(struct region *region, void *block);

#endif
