/* embed.c - a look-up; the pad row is a row like any other, as in fastai, but not learnt
 * from where it is read.
 *
 * Going back, a word's gradients are added in the order of its places. Members share
 * the columns, not the words: nobody waits, and the order is the same for any number. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/embed.h"

#include <string.h>

void embed_forward(const float *restrict table, size_t width, const uint32_t *restrict ids,
                   size_t count, float *restrict out)
{
    for (size_t t = 0; t < count; t++)
        memcpy(out + t * width, table + (size_t)ids[t] * width, width * sizeof *out);
}

void embed_backward(const struct embed_part *part, const float *restrict dout, const uint32_t *ids,
                    size_t count, const float *factors, uint32_t fixed, float *restrict dtable)
{
    for (size_t t = 0; t < count; t++) {
        if (ids[t] == fixed) continue;
        const float factor = factors == NULL ? 1 : factors[ids[t]];
        const float *from = dout + t * part->width;
        float *to = dtable + (size_t)ids[t] * part->width;
        for (size_t i = part->from; i < part->to; i++) to[i] += from[i] * factor;
    }
}
