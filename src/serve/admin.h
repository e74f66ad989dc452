/* admin.h - the token that may give orders to the service.
 *
 * In       a file of one line, read once before the service listens
 * Errors   a file that holds no token is refused; one that all may read is told
 * Threads  any number once it is open
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_ADMIN_H
#define SERVE_ADMIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { ADMIN_TOKEN_MAX = 512, ADMIN_TOKEN_MIN = 16 };

struct admin {
    char token[ADMIN_TOKEN_MAX + 1];
    size_t size; /* 0: none is set, and nobody may */
};

/* path NULL: none is set. */
MUST_CHECK enum error_code admin_open(struct admin *out_admin, const char *path, struct error *err);

/* Of a request's header Authorization, NULL where there is none: ERR_FORBIDDEN where no token
 * is set, ERR_UNAUTHORIZED where it is another. */
MUST_CHECK enum error_code admin_check(const struct admin *admin, const char *authorization,
                                       struct error *err);

#endif
