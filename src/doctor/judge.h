/* judge.h - the functions of the table of checks (checks.h).
 *
 * Each judges into finding and returns false where its facts were not seen.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_JUDGE_H
#define DOCTOR_JUDGE_H

#include "doctor/checks.h"

bool judge_host_memory(const struct checkup *c, struct finding *f);
bool judge_host_overcommit(const struct checkup *c, struct finding *f);
bool judge_host_commit(const struct checkup *c, struct finding *f);
bool judge_host_swap(const struct checkup *c, struct finding *f);
bool judge_host_huge(const struct checkup *c, struct finding *f);
bool judge_host_oom(const struct checkup *c, struct finding *f);
bool judge_host_pressure(const struct checkup *c, struct finding *f);
bool judge_cgroup_memory(const struct checkup *c, struct finding *f);
bool judge_cgroup_oom(const struct checkup *c, struct finding *f);
bool judge_cgroup_oom_group(const struct checkup *c, struct finding *f);
bool judge_cgroup_hang(const struct checkup *c, struct finding *f);
bool judge_cgroup_throttle(const struct checkup *c, struct finding *f);
bool judge_cgroup_kmem(const struct checkup *c, struct finding *f);
bool judge_cgroup_pids(const struct checkup *c, struct finding *f);
bool judge_host_tasks(const struct checkup *c, struct finding *f);
bool judge_rlimit_nproc(const struct checkup *c, struct finding *f);
bool judge_rlimit_space(const struct checkup *c, struct finding *f);
bool judge_rlimit_files(const struct checkup *c, struct finding *f);
bool judge_shared_memory(const struct checkup *c, struct finding *f);
bool judge_map_count(const struct checkup *c, struct finding *f);
bool judge_kernel_release(const struct checkup *c, struct finding *f);
bool judge_pid_namespace(const struct checkup *c, struct finding *f);
bool judge_seccomp_filter(const struct checkup *c, struct finding *f);
bool judge_own_plan(const struct checkup *c, struct finding *f);

#endif
