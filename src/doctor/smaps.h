/* smaps.h - the mappings of a process, as a fork would have to promise them.
 *
 * In      /proc/PID/smaps; where that is refused, /proc/PID/maps and status
 * Out     fork_charge, fork_largest, fork_exact, largest_mapping, maps, resident_private
 * Source  kernel/fork.c dup_mmap: every mapping with VM_ACCOUNT ("ac") and without
 *         VM_DONTCOPY ("dc") is charged with its whole size, one by one
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_SMAPS_H
#define DOCTOR_SMAPS_H

#include "base/root.h"
#include "doctor/facts.h"

void smaps_read(struct root *root, const char *pid, struct facts *facts);

#endif
