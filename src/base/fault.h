/* fault.h - lets tests make the n-th allocation, read or write fail.
 *
 * Every allocation and file operation of base asks fault_hit() first. Tests arm
 * it through fault_arm() or, for whole commands, through the environment
 * variable AIR_CLASSIFIER_FAULT=N (read by main only); an unarmed counter costs
 * one relaxed load. This is how every error path is walked (SQLite's method).
 *
 * A member of the ensemble can be made to answer wrongly as well, and rightly again,
 * or a thread to hang, and to go on, while the service runs: AIR_CLASSIFIER_BEND=PLACE
 * names it, SIGUSR1 turns it.
 *
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

/* The n-th call of fault_hit() from now on fails, once; 0 disarms. */
void fault_arm(long nth);

/* Whether an armed fault has struck. */
bool fault_struck(void);

bool fault_hit(void);

/* Names the place that fault_turn() bends; it lives on. NULL: none. */
void fault_name(const char *place);
void fault_turn(void);

/* Whether what comes from this place shall be wrong now. */
bool fault_bent(const char *place);

/* Returns once it shall not: whoever passes here hangs meanwhile. */
void fault_hang(const char *place);

#endif
