/* checks.c - one row, one function of judge.c, one finding. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/checks.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "doctor/judge.h"

static const struct check_row rows[] = {
    {"pid.namespace", "pid namespace", judge_pid_namespace, "/proc/PID/ns, /proc/*/status",
     "restart the container; a process entered by exec or unshare after its init died cannot fork"},
    {"host.overcommit", "overcommit mode", judge_host_overcommit,
     "/proc/sys/vm/overcommit_memory, osrelease",
     "do not fork from a large process: tokenize in process; or vm.overcommit_memory=1, or swap"},
    {"host.commit", "commit limit", judge_host_commit, "/proc/meminfo",
     "add swap, raise vm.overcommit_ratio, or use vm.overcommit_memory=0"},
    {"cgroup.pids", "pids limit", judge_cgroup_pids, "pids.max, pids.current, pids.events",
     "raise TasksMax=, --pids-limit or podPidsLimit; or make fewer processes"},
    {"cgroup.oom", "kills in this container", judge_cgroup_oom, "memory.events, memory.oom_control",
     "raise the memory limit, or run fewer workers; weights mapped read-only are shared"},
    {"cgroup.memory", "memory limit", judge_cgroup_memory,
     "memory.max and its kin, all groups above",
     "raise the memory limit of that group, or run fewer workers"},
    {"cgroup.kmem", "kernel memory limit", judge_cgroup_kmem, "memory.kmem.*",
     "start the container without --kernel-memory"},
    {"cgroup.throttle", "throttling", judge_cgroup_throttle,
     "memory.high, memory.events, memory.pressure", "raise memory.high (MemoryHigh=)"},
    {"cgroup.oom_group", "what an OOM kill ends", judge_cgroup_oom_group, "memory.oom.group",
     "singleProcessOOMKill (Kubernetes 1.32) restores single kills, if workers are wanted"},
    {"cgroup.hang", "OOM killer disabled", judge_cgroup_hang, "memory.oom_control",
     "start the container without --oom-kill-disable"},
    {"limits.nproc", "processes of the user", judge_rlimit_nproc,
     "/proc/PID/limits, /proc/*/status",
     "raise LimitNPROC=, or give the service a user of its own"},
    {"limits.space", "address space", judge_rlimit_space, "/proc/PID/limits",
     "remove LimitAS= and LimitDATA=; a memory limit of the group does what they are meant for"},
    {"limits.files", "open files", judge_rlimit_files, "/proc/PID/limits, /proc/PID/fd",
     "raise LimitNOFILE="},
    {"host.memory", "host memory", judge_host_memory, "/proc/meminfo",
     "find who holds it: ps --sort -rss"},
    {"host.swap", "swap", judge_host_swap, "/proc/meminfo",
     "add swap: modes 0 and 2 count it, used or not"},
    {"host.huge", "huge pages", judge_host_huge, "/proc/meminfo", "lower vm.nr_hugepages"},
    {"host.oom", "kills on the host", judge_host_oom, "/proc/vmstat",
     "see the kernel's log: journalctl -k -g oom"},
    {"host.pressure", "memory pressure", judge_host_pressure, "/proc/pressure/memory",
     "fewer or smaller services on this host"},
    {"host.tasks", "tasks of the machine", judge_host_tasks, "/proc/loadavg, /proc/sys/kernel",
     "find who makes them; raise kernel.pid_max and kernel.threads-max"},
    {"host.maps", "mappings", judge_map_count, "/proc/PID/maps, /proc/sys/vm/max_map_count",
     "raise vm.max_map_count"},
    {"host.shm", "/dev/shm", judge_shared_memory, "/dev/shm",
     "docker --shm-size, or an emptyDir of memory"},
    {"host.kernel", "kernel", judge_kernel_release, "/proc/sys/kernel/osrelease",
     "a kernel of 5.2 or later"},
    {"pid.seccomp", "seccomp", judge_seccomp_filter, "/proc/PID/status",
     "see the container's profile"},
    {"own.plan", "our own model", judge_own_plan, "serve --plan",
     "give it more, or serve with the options that 'serve' names when it refuses to start"},
};

size_t checks_count(void) { return sizeof rows / sizeof rows[0]; }

const struct check_row *checks_row(size_t index)
{
    check(index < checks_count());
    return &rows[index];
}

/* What could not be seen, and which checks therefore said nothing. */
static void add_sight(const struct checkup *checkup, struct finding_list *list, const char *silent)
{
    const struct root *root = checkup->root;
    struct finding *f = finding_add(list, "sight", "what could not be seen");
    for (size_t i = 0; i < root->unseen_count; i++)
        finding_read(f, "%s%s: %s", i > 0 ? "; " : "", root->unseen[i].path,
                     strerror(root->unseen[i].reason));
    if (silent[0] != '\0') finding_means(f, "not judged:%s", silent);
    if (root->unseen_count == 0) return;
    finding_grade(f, FINDING_NOTE);
    finding_todo(f, "run as root, or on the host, to see all");
}

void checks_run(const struct checkup *checkup, struct finding_list *list)
{
    char silent[512] = "";
    for (size_t i = 0; i < checks_count(); i++) {
        struct finding *f = finding_add(list, rows[i].id, rows[i].title);
        if (!rows[i].run(checkup, f)) {
            list->count--;
            bool asked = rows[i].run != judge_own_plan;
            size_t used = strlen(silent);
            if (asked) snprintf(silent + used, sizeof silent - used, " %s", rows[i].id);
            continue;
        }
        finding_read(f, "%s(%s)", f->read[0] != '\0' ? " " : "", rows[i].reads);
        if (f->severity >= FINDING_WARNING && f->todo[0] == '\0')
            finding_todo(f, "%s", rows[i].hint);
    }
    add_sight(checkup, list, silent);
}
