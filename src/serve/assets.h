/* assets.h - the pages under /apidocs/, embedded by the build (tools/assets.py).
 *
 * Out      bytes that live as long as the program; the longer ones are gzip
 * Memory   none: they are part of the program
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_ASSETS_H
#define SERVE_ASSETS_H

#include <stdbool.h>

#include "base/slice.h"

struct assets_row {
    const char *path;
    const char *type;
    const char *tag; /* for the header ETag, quotes included */
    bool packed;     /* by gzip */
    struct slice bytes;
};

/* NULL where nothing is embedded under this path. */
const struct assets_row *assets_find(const char *path);

/* Whether Swagger UI was there when the program was built; else there is a plain page. */
bool assets_have_ui(void);

#endif
