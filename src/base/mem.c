/* mem.c - calloc and realloc behind one door, where a test can make them fail. */
// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"

static enum error_code refused(size_t count, size_t size, struct error *err)
{
    return error_set(err, ERR_MEMORY, 0, "%zu items of %zu bytes could not be had", count, size);
}

enum error_code mem_take(void *out_pointer, size_t count, size_t size, struct error *err)
{
    check(out_pointer != NULL && size > 0);
    void *taken = fault_hit() ? NULL : calloc(count > 0 ? count : 1, size);
    if (taken == NULL) return refused(count, size, err);
    memcpy(out_pointer, &taken, sizeof taken);
    return ERR_NONE;
}

enum error_code mem_grow(void *pointer, size_t *capacity, size_t need, size_t size,
                         struct error *err)
{
    check(pointer != NULL && size > 0);
    if (need <= *capacity) return ERR_NONE;
    size_t target = *capacity < 8 ? 16 : *capacity * 2;
    if (target < need) target = need;
    if (target > SIZE_MAX / size) return refused(need, size, err);
    void *old;
    memcpy(&old, pointer, sizeof old);
    void *grown = fault_hit() ? NULL : realloc(old, target * size);
    if (grown == NULL) return refused(target, size, err);
    memcpy(pointer, &grown, sizeof grown);
    *capacity = target;
    return ERR_NONE;
}

void mem_free(void *pointer) { free(pointer); }
