/* region.c - first fit over a list of gaps that lies in the gaps themselves.
 *
 * The lowest gap that is long enough is taken, so that pages once touched are used again
 * before others are. Blocks are few (one or two a connection), so the walk is short. */
// SPDX-License-Identifier: Apache-2.0
#include "base/region.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/fault.h"

enum { PAGE = 4096 };

/* Before every block, and at the begin of every gap. */
struct region_piece {
    size_t size; /* with this head */
    struct region_piece *next;
    char padding[REGION_ALIGN - sizeof(size_t) - sizeof(void *)];
};

_Static_assert(sizeof(struct region_piece) == REGION_ALIGN, "a block begins on its line");

size_t region_bytes(size_t size_bytes) { return (size_bytes + PAGE - 1) / PAGE * PAGE; }

enum error_code region_open(struct region *out_pool, size_t size_bytes, struct error *err)
{
    check(size_bytes > 0 && size_bytes <= SIZE_MAX / 2);
    size_t size = region_bytes(size_bytes);
    void *base = fault_hit()
                     ? MAP_FAILED
                     : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return error_set(err, ERR_MEMORY, 0, "%zu bytes for requests could not be had", size);
    *out_pool = (struct region){.lock = PTHREAD_MUTEX_INITIALIZER, .base = base, .size = size};
    out_pool->gaps = base;
    *out_pool->gaps = (struct region_piece){.size = size};
    return ERR_NONE;
}

void region_close(struct region *region)
{
    if (region->base != NULL) munmap(region->base, region->size);
    *region = (struct region){0};
}

/* Of a piece that holds so many bytes. */
static size_t piece_size(size_t size)
{
    return sizeof(struct region_piece) + (size + REGION_ALIGN - 1) / REGION_ALIGN * REGION_ALIGN;
}

static struct region_piece *behind(struct region_piece *piece)
{
    return (struct region_piece *)((char *)piece + piece->size);
}

static struct region_piece *piece_of(void *block) { return (struct region_piece *)block - 1; }

/* Takes the first wanted bytes of the gap at *link away from it. */
static struct region_piece *cut(struct region_piece **link, size_t wanted)
{
    struct region_piece *piece = *link;
    if (piece->size - wanted < 2 * sizeof *piece) {
        *link = piece->next;
        return piece;
    }
    struct region_piece *rest = (struct region_piece *)((char *)piece + wanted);
    *rest = (struct region_piece){.size = piece->size - wanted, .next = piece->next};
    *link = rest;
    piece->size = wanted;
    return piece;
}

static struct region_piece *take(struct region *region, size_t wanted)
{
    for (struct region_piece **link = &region->gaps; *link != NULL; link = &(*link)->next)
        if ((*link)->size >= wanted) return cut(link, wanted);
    return NULL;
}

/* Puts a piece among the gaps and makes one of it and its neighbours. */
static void give(struct region *region, struct region_piece *piece)
{
    struct region_piece *before = NULL, *after = region->gaps;
    while (after != NULL && after < piece) {
        before = after;
        after = after->next;
    }
    check(before == NULL || behind(before) <= piece);
    check(after == NULL || behind(piece) <= after);
    piece->next = after;
    if (after != NULL && behind(piece) == after) {
        piece->size += after->size;
        piece->next = after->next;
    }
    if (before != NULL && behind(before) == piece) {
        before->size += piece->size;
        before->next = piece->next;
    } else if (before != NULL) {
        before->next = piece;
    } else {
        region->gaps = piece;
    }
}

void *region_take(struct region *region, size_t size)
{
    if (fault_hit() || size > region->size) return NULL;
    pthread_mutex_lock(&region->lock);
    struct region_piece *piece = take(region, piece_size(size));
    pthread_mutex_unlock(&region->lock);
    return piece == NULL ? NULL : piece + 1;
}

static void shorten(struct region *region, struct region_piece *piece, size_t wanted)
{
    if (piece->size < wanted + 2 * sizeof *piece) return;
    struct region_piece *rest = (struct region_piece *)((char *)piece + wanted);
    *rest = (struct region_piece){.size = piece->size - wanted};
    piece->size = wanted;
    give(region, rest);
}

void *region_resize(struct region *region, void *block, size_t used, size_t size)
{
    struct region_piece *piece = piece_of(block);
    size_t wanted = piece_size(size);
    check(used <= size && used <= piece->size - sizeof *piece);
    if (wanted <= piece->size) {
        pthread_mutex_lock(&region->lock);
        shorten(region, piece, wanted);
        pthread_mutex_unlock(&region->lock);
        return block;
    }
    void *fresh = region_take(region, size);
    if (fresh == NULL) return NULL;
    memcpy(fresh, block, used);
    region_give(region, block);
    return fresh;
}

void region_give(struct region *region, void *block)
{
    if (block == NULL) return;
    struct region_piece *piece = piece_of(block);
    check((char *)piece >= region->base && (char *)behind(piece) <= region->base + region->size);
    pthread_mutex_lock(&region->lock);
    give(region, piece);
    pthread_mutex_unlock(&region->lock);
}
