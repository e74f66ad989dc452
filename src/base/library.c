/* library.c - dlopen, and a dlsym for each function. */
// SPDX-License-Identifier: Apache-2.0
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/fault.h"

enum error_code library_open(const char *file, const struct library_call *calls, size_t count,
                             struct error *err)
{
    void *library = fault_hit() ? NULL : dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return error_set(err, ERR_UNAVAILABLE, 0, "%s cannot be opened", file);
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(library, calls[i].name);
        if (address == NULL)
            return error_set(err, ERR_UNAVAILABLE, 0, "%s has no %s", file, calls[i].name);
        memcpy(calls[i].address, &address, sizeof address);
    }
    return ERR_NONE;
}
