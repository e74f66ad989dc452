/* overcommit.h - would the kernel promise this much memory? Its own rule, and an oracle.
 *
 * Source  mm/util.c __vm_enough_memory, before and after commit 8c7829b04c52 (5.2);
 *         Documentation/mm/overcommit-accounting.rst
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_OVERCOMMIT_H
#define DOCTOR_OVERCOMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "doctor/facts.h"

enum overcommit_rule {
    OVERCOMMIT_ALWAYS, /* mode 1: never refused */
    OVERCOMMIT_NEW,    /* mode 0 since 5.2: one mapping against RAM and swap */
    OVERCOMMIT_OLD,    /* mode 0 before: one mapping against what is free now */
    OVERCOMMIT_EITHER, /* mode 0, a vendor's 4.18: one of the two */
    OVERCOMMIT_STRICT, /* mode 2: the sum against the commit limit */
    OVERCOMMIT_UNKNOWN /* the mode could not be seen */
};

enum overcommit_rule overcommit_rule(const struct facts *facts);
const char *overcommit_rule_text(enum overcommit_rule rule);

/* What one mapping (NEW, OLD) or the sum (STRICT, on top of Committed_AS) may be at
 * most, in bytes; FACTS_UNLIMITED under ALWAYS; FACTS_UNSEEN where a term is missing.
 * vm_size is the asking process's, for mode 2's reserve. */
int64_t overcommit_allowed(const struct facts *facts, enum overcommit_rule rule, int64_t vm_size);

/* Asks the running kernel: maps so much, never touches it, unmaps it. */
enum overcommit_answer { OVERCOMMIT_YES, OVERCOMMIT_NO, OVERCOMMIT_LIMITED };
enum overcommit_answer overcommit_ask(int64_t bytes);

#endif
