/* check.c - prints, as torn.c alone does beside it: a broken invariant has no caller to tell. */
// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "air-classifier: broken invariant at %s:%d: %s\n", file, line, condition);
    abort();
}
