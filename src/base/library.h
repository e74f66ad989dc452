/* library.h - a library that few commands need, opened when one of them does.
 *
 * So that others do not carry it: a library linked to the program is in the memory of every
 * process of it, with all libraries that it needs itself (`serve --plan`).
 *
 * In       its name, and the names of its functions
 * Out      their addresses
 * Memory   the library stays open until the process ends
 * Threads  any number
 * Errors   ERR_UNAVAILABLE names what is missing
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

struct library_call {
    const char *name;
    void *address; /* of the pointer to a function that is filled in */
};

MUST_CHECK enum error_code library_open(const char *file, const struct library_call *calls,
                                        size_t count, struct error *err);

#endif
