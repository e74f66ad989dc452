/* tile_amx.h - the piece of tile.h in AMX's tile registers: 32 rows and columns of pairs.
 *
 * Processors with AMX (Intel since Sapphire Rapids) multiply pairs of bf16 sixteen by sixteen.
 * Rows of the left operand lie one after the other (work.packed is false). Of x86-64 alone.
 *
 * Errors  none; tile_amx() where tile_amx_here() is false is an illegal instruction
 * Threads any number
 * Source  Intel 64 and IA-32 Architectures Software Developer's Manual, TDPBF16PS
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_TILE_AMX_H
#define NN_TILE_AMX_H

#include <stdbool.h>

#include "nn/tile.h"

/* Asks the kernel, which keeps room for the registers of processes that want them. */
bool tile_amx_here(void);

void tile_amx(const struct tile_work *work);

#endif
