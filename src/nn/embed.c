/* embed.c - a look-up; the pad row is a row like any other, as in fastai. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/embed.h"

#include <string.h>

void embed_forward(const float *restrict table, size_t width, const uint32_t *restrict ids,
                   size_t count, float *restrict out)
{
    for (size_t t = 0; t < count; t++)
        memcpy(out + t * width, table + (size_t)ids[t] * width, width * sizeof *out);
}
