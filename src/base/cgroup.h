/* cgroup.h - the limits of the container: the tightest of the own group and all above.
 *
 * In      /proc/PID/cgroup, /proc/self/mountinfo, the group's files and its ancestors'
 * Out     the rows of cgroup.def; a limit is in bytes, ROOT_UNLIMITED where there is none
 * Bound   CGROUP_LEVELS_MAX groups upwards
 * Threads one at a time
 *
 * Inside a container only the part of the tree that is mounted there is seen;
 * v1's hierarchical_memory_limit shows what lies above.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include "base/root.h"

enum { CGROUP_LEVELS_MAX = 32, CGROUP_V1 = 1, CGROUP_V2 = 2, CGROUP_HYBRID = 3 };

struct cgroup {
#define NUMBER(name) int64_t name;
#define TEXT(name)   char name[ROOT_TEXT_MAX];
#include "base/cgroup.def"
#undef NUMBER
#undef TEXT
};

/* pid is a number or "self". */
void cgroup_read(struct root *root, const char *pid, struct cgroup *out_cgroup);

#endif
