/* embed.h - rows of a table, one a token.
 *
 * In      table [V, width], ids [count], each below V
 * Out     out [count, width]
 * Memory  the caller's
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_EMBED_H
#define NN_EMBED_H

#include <stddef.h>
#include <stdint.h>

void embed_forward(const float *table, size_t width, const uint32_t *ids, size_t count, float *out);

/* A member's part of the backward pass: columns [from, to). dtable[ids[i]] += dout[i], in the
 * order of i, times factors[ids[i]] unless factors is NULL; the id `fixed` gets none. */
struct embed_part {
    size_t width, from, to;
};
void embed_backward(const struct embed_part *part, const float *dout, const uint32_t *ids,
                    size_t count, const float *factors, uint32_t fixed, float *dtable);

#endif
