/* assets.c - rows made by tools/assets.py; the assembler puts the files' bytes behind them. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/assets.h"

#include <string.h>

#include "assets_gen.h"

const struct assets_row *assets_find(const char *path)
{
    for (size_t i = 0; i < sizeof assets / sizeof *assets; i++)
        if (strcmp(assets[i].path, path) == 0) return &assets[i];
    return NULL;
}

bool assets_have_ui(void) { return ASSETS_HAVE_UI; }
