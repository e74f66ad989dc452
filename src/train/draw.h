/* draw.h - a rand() of our own, because liblinear draws from the C library's.
 *
 * The C library keeps one state for the process: with threads the numbers each
 * problem sees would depend on timing. This program defines rand() itself, with
 * a state a thread, and exports it, so that liblinear's calls land here.
 *
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_DRAW_H
#define TRAIN_DRAW_H

#include <stdint.h>

/* Sets what this thread's rand() gives from now on. */
void draw_seed(uint64_t seed);

/* How often this thread's rand() was asked since draw_seed. */
uint64_t draw_count(void);

#endif
