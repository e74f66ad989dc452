/* arena.c - a bump pointer over one block. */
// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"

struct arena arena_measure(void) { return (struct arena){.size = SIZE_MAX}; }

enum error_code arena_open(struct arena *arena, size_t size_bytes, struct error *err)
{
    check(arena != NULL);
    size_t rounded = (size_bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (size_bytes == 0) rounded = ARENA_ALIGN;
    bool sane = size_bytes <= SIZE_MAX / 2; /* beyond, the rounding could wrap */
    char *base = fault_hit() || !sane ? NULL : aligned_alloc(ARENA_ALIGN, rounded);
    if (base == NULL)
        return error_set(err, ERR_MEMORY, 0, "%zu bytes could not be had", size_bytes);
    memset(base, 0, rounded);
    *arena = (struct arena){.base = base, .size = rounded};
    return ERR_NONE;
}

void arena_close(struct arena *arena)
{
    free(arena->base);
    *arena = (struct arena){0};
}

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    check(!arena->sealed);
    check(size > 0 && count <= (SIZE_MAX / 2) / size);
    size_t bytes = (count * size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    check(bytes <= arena->size - arena->used);
    void *taken = arena->base == NULL ? NULL : arena->base + arena->used;
    arena->used += bytes;
    return taken;
}

size_t arena_mark(const struct arena *arena) { return arena->used; }

void arena_rewind(struct arena *arena, size_t mark)
{
    check(mark <= arena->used);
    arena->used = mark;
}

void arena_seal(struct arena *arena) { arena->sealed = true; }
