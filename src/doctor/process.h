/* process.h - one process: its state, limits, capabilities, namespace, family.
 *
 * In      /proc/PID/status, limits, fd, ns, uid_map, mountinfo; /proc/N/status of others
 * Out     the process's rows of facts.def
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_PROCESS_H
#define DOCTOR_PROCESS_H

#include "base/root.h"
#include "doctor/facts.h"

/* pid is a number or "self". False where there is no such process. */
bool process_read(struct root *root, const char *pid, struct facts *facts);

/* Calls visit for each process that can be seen. */
struct process_brief {
    int64_t pid, parent, uid, threads;
    int64_t inner_pid, levels; /* the last of NSpid, and how many there are */
    char state;
};
void process_each(struct root *root, void (*visit)(void *context, const struct process_brief *one),
                  void *context);

#endif
