/* arena.h - memory measured, then taken once, then only handed out.
 *
 * A part lays itself out by taking its pieces from an arena. Run on an arena
 * without memory (arena_measure) the same code only counts, so the plan printed
 * beforehand and the lay-out can not drift apart.
 *
 *   struct arena a = arena_measure();   part_lay(&part, config, &a);
 *   TRY(arena_open(&a, a.used, err));   part_lay(&part, config, &a);
 *   arena_seal(&a);                     taking later is a broken invariant
 *
 * Memory  arena_open takes one block from the heap, zeroed; arena_close frees it
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { ARENA_ALIGN = 64 }; /* a cache line; enough for every vector load */

struct arena {
    char *base; /* NULL while measuring */
    size_t size, used;
    bool sealed;
};

struct arena arena_measure(void);
MUST_CHECK enum error_code arena_open(struct arena *arena, size_t size_bytes, struct error *err);
void arena_close(struct arena *arena);

/* count items of size bytes, aligned to ARENA_ALIGN; NULL while measuring. */
void *arena_take(struct arena *arena, size_t count, size_t size);

size_t arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, size_t mark);
void arena_seal(struct arena *arena);

#endif
