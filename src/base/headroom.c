/* headroom.c - a minimum over everybody who may refuse.
 *
 * Page cache that a container is charged for could be taken back; it is not counted as
 * room, because taking it back is not ours to promise. */
// SPDX-License-Identifier: Apache-2.0
#include "base/headroom.h"

#include <stdio.h>
#include <sys/resource.h>

#include "base/cgroup.h"

struct host {
    int64_t available, commit_limit, committed; /* /proc/meminfo */
    int64_t mapped, data, resident;             /* /proc/self/status */
};

static const struct root_field MEMORY[] = {
    {"MemAvailable", offsetof(struct host, available), 1024},
    {"CommitLimit", offsetof(struct host, commit_limit), 1024},
    {"Committed_AS", offsetof(struct host, committed), 1024},
};

static const struct root_field STATUS[] = {
    {"VmSize", offsetof(struct host, mapped), 1024},
    {"VmData", offsetof(struct host, data), 1024},
    {"VmRSS", offsetof(struct host, resident), 1024},
};

enum { OVERCOMMIT_NEVER = 2 };

void headroom_bound(struct headroom *headroom, int64_t bytes, const char *who)
{
    if (bytes < 0) bytes = 0;
    if (bytes >= headroom->bytes) return;
    headroom->bytes = bytes;
    snprintf(headroom->who, sizeof headroom->who, "%s", who);
}

static void bound_process(const struct host *host, struct headroom *headroom)
{
    const struct {
        int resource;
        int64_t used;
        const char *who;
    } limits[] = {
        {RLIMIT_AS, host->mapped, "this process' limit of address space (ulimit -v)"},
        {RLIMIT_DATA, host->data, "this process' limit of data (ulimit -d)"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)limits[i].resource, &limit) != 0) continue;
        if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > (rlim_t)ROOT_MOST) continue;
        if (limits[i].used == ROOT_UNSEEN) continue;
        headroom_bound(headroom, (int64_t)limit.rlim_cur - limits[i].used, limits[i].who);
    }
}

bool headroom_within(struct root *root, int64_t bytes, const char *who,
                     struct headroom *out_headroom)
{
    struct headroom headroom = {.bytes = ROOT_UNLIMITED};
    struct host host = {.resident = ROOT_UNSEEN};
    root_fields(root, "/proc/self/status", STATUS, sizeof STATUS / sizeof *STATUS, &host);
    if (host.resident == ROOT_UNSEEN) return false;
    headroom.resident = host.resident;
    headroom_bound(&headroom, bytes - host.resident, who);
    *out_headroom = headroom;
    return true;
}

void headroom_read(struct root *root, struct headroom *out_headroom)
{
    struct headroom headroom = {.bytes = ROOT_UNLIMITED};
    struct host host = {ROOT_UNSEEN, ROOT_UNSEEN, ROOT_UNSEEN,
                        ROOT_UNSEEN, ROOT_UNSEEN, ROOT_UNSEEN};
    struct cgroup group;
    root_fields(root, "/proc/meminfo", MEMORY, sizeof MEMORY / sizeof *MEMORY, &host);
    root_fields(root, "/proc/self/status", STATUS, sizeof STATUS / sizeof *STATUS, &host);
    headroom.resident = host.resident;
    if (host.available != ROOT_UNSEEN)
        headroom_bound(&headroom, host.available, "the host's available memory");
    if (root_number(root, "/proc/sys/vm/overcommit_memory", 1) == OVERCOMMIT_NEVER &&
        host.commit_limit != ROOT_UNSEEN && host.committed != ROOT_UNSEEN)
        headroom_bound(&headroom, host.commit_limit - host.committed,
                       "what the host still promises (vm.overcommit_memory=2)");
    cgroup_read(root, "self", &group);
    if (group.memory_headroom != ROOT_UNSEEN && group.memory_headroom != ROOT_UNLIMITED)
        headroom_bound(&headroom, group.memory_headroom, "the container's memory limit");
    if (root->live) bound_process(&host, &headroom);
    *out_headroom = headroom;
}
