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

#endif
