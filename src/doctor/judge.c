/* judge.c - each check reads a few facts and says what they mean.
 *
 * Grades: CAUSE where something was refused or killed, or the next fork, mapping or
 * allocation would be; WARNING where little is missing; NOTE for what misleads.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/overcommit.h"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static bool limited(int64_t limit) { return limit >= 0 && limit != FACTS_UNLIMITED; }

/* part in hundredths of whole. */
static int64_t percent(int64_t part, int64_t whole)
{
    return whole > 0 ? (int64_t)((double)part / (double)whole * 100) : 100;
}

bool judge_host_memory(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->mem_total < 0) return false;
    finding_read(f, "MemTotal %s, MemFree %s, MemAvailable %s", facts_bytes(facts->mem_total),
                 facts_bytes(facts->mem_free), facts_bytes(facts->mem_available));
    if (facts->mem_available < 0) return true;
    int64_t left = percent(facts->mem_available, facts->mem_total);
    if (left >= 10) return true;
    finding_grade(f, left < 3 ? FINDING_WARNING : FINDING_NOTE);
    finding_means(f,
                  "%" PRId64 " %% of memory is available; but MemAvailable is not what fork is "
                  "judged by in any overcommit mode",
                  left);
    return true;
}

bool judge_host_overcommit(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    enum overcommit_rule rule = overcommit_rule(facts);
    if (rule == OVERCOMMIT_UNKNOWN) return false;
    finding_read(f, "vm.overcommit_memory = %" PRId64 ", kernel %s", facts->overcommit_memory,
                 facts->kernel_release);
    finding_means(f, "%s", overcommit_rule_text(rule));
    if (rule == OVERCOMMIT_NEW || rule == OVERCOMMIT_ALWAYS) return true;
    int64_t allowed = overcommit_allowed(facts, rule == OVERCOMMIT_EITHER ? OVERCOMMIT_OLD : rule,
                                         facts->vm_size);
    if (allowed == FACTS_UNSEEN) return true;
    bool strict = rule == OVERCOMMIT_STRICT;
    finding_means(f, "; now at most %s%s", facts_bytes(allowed),
                  strict                   ? " for all forks together"
                  : rule == OVERCOMMIT_OLD ? " in one mapping"
                                           : " in one mapping under the older rule");
    finding_grade(f, allowed < GIB ? FINDING_WARNING : FINDING_NOTE);
    if (allowed < GIB)
        finding_means(f, ": a process with a model on its heap cannot fork, while it runs on");
    return true;
}

bool judge_host_commit(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->commit_limit < 0 || facts->committed_as < 0) return false;
    finding_read(f, "Committed_AS %s of CommitLimit %s", facts_bytes(facts->committed_as),
                 facts_bytes(facts->commit_limit));
    if (facts->overcommit_memory != 2) {
        finding_means(f, "counts only in overcommit mode 2");
        return true;
    }
    int64_t used = percent(facts->committed_as, facts->commit_limit);
    finding_means(f, "%" PRId64 " %% of all that may be promised is promised", used);
    if (used >= 75) finding_grade(f, used >= 90 ? FINDING_CAUSE : FINDING_WARNING);
    return true;
}

bool judge_host_swap(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->swap_total < 0) return false;
    finding_read(f, "SwapTotal %s, SwapFree %s", facts_bytes(facts->swap_total),
                 facts_bytes(facts->swap_free));
    if (facts->swap_total == 0) {
        finding_means(f, "no swap: what is promised must fit into memory in modes 0 and 2");
        if (overcommit_rule(facts) == OVERCOMMIT_STRICT) finding_grade(f, FINDING_NOTE);
    } else if (percent(facts->swap_free, facts->swap_total) < 10) {
        finding_grade(f, FINDING_WARNING);
        finding_means(f, "swap is nearly full");
    }
    return true;
}

bool judge_host_huge(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->huge_pages_total < 0 || facts->huge_page_size < 0 || facts->mem_total <= 0)
        return false;
    int64_t pool = facts_times(facts->huge_pages_total, facts->huge_page_size);
    finding_read(f, "%" PRId64 " pages of %s = %s, %" PRId64 " free", facts->huge_pages_total,
                 facts_bytes(facts->huge_page_size), facts_bytes(pool), facts->huge_pages_free);
    if (percent(pool, facts->mem_total) < 10) return true;
    finding_grade(f, facts->huge_pages_free > facts->huge_pages_total / 2 ? FINDING_WARNING
                                                                          : FINDING_NOTE);
    finding_means(f, "the pool is taken from memory and from the commit limit, used or not");
    return true;
}

bool judge_host_oom(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->host_oom_kills < 0) return false;
    finding_read(f, "oom_kill %" PRId64 " since boot", facts->host_oom_kills);
    if (facts->host_oom_kills == 0) return true;
    finding_grade(f, facts->memory_oom_kills == 0 ? FINDING_NOTE : FINDING_WARNING);
    finding_means(f, "the kernel has killed processes somewhere on this host%s",
                  facts->memory_oom_kills == 0  ? ", none of them in this group"
                  : facts->memory_oom_kills > 0 ? ", some of them in this group"
                                                : "");
    return true;
}

bool judge_host_pressure(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->host_pressure_full < 0) return false;
    finding_read(f, "some %.2f %%, full %.2f %% of the last 10 s",
                 (double)facts->host_pressure_some / 100, (double)facts->host_pressure_full / 100);
    if (facts->host_pressure_full < 1000) return true;
    finding_grade(f, FINDING_WARNING);
    finding_means(f, "everything waits for memory: slow answers, nothing dies");
    return true;
}

bool judge_cgroup_memory(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->memory_limit < 0) return false;
    finding_read(f, "lowest limit %s at %s, used %s", facts_bytes(facts->memory_limit),
                 facts->memory_limit_at, facts_bytes(facts->memory_used));
    if (limited(facts->memory_headroom))
        finding_read(f, "; least room %s at %s, of %" PRId64 " groups seen",
                     facts_bytes(facts->memory_headroom), facts->memory_headroom_at,
                     facts->memory_levels);
    if (!limited(facts->memory_headroom) || !limited(facts->memory_limit)) return true;
    int64_t left = percent(facts->memory_headroom, facts->memory_limit);
    finding_means(f, "reaching it means an OOM kill (exit 137), seldom a refused fork");
    if (left < 10) finding_grade(f, FINDING_WARNING);
    return true;
}

bool judge_cgroup_oom(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->memory_oom_kills < 0) return false;
    finding_read(f, "oom_kill %" PRId64 ", limit reached %s times", facts->memory_oom_kills,
                 facts_count(facts->memory_refusals));
    if (facts->memory_oom_kills > 0) {
        finding_grade(f, FINDING_CAUSE);
        finding_title(f, "processes of this container were killed for memory");
        finding_means(f,
                      "the kernel killed %" PRId64
                      " here: a worker or the whole service ended with "
                      "exit 137 while health checks may have stayed green",
                      facts->memory_oom_kills);
    } else if (facts->memory_refusals > 0) {
        finding_grade(f, FINDING_NOTE);
        finding_means(f, "the limit was reached and memory reclaimed in time");
    }
    return true;
}

bool judge_cgroup_oom_group(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->memory_oom_group < 0) return false;
    finding_read(f, "memory.oom.group %" PRId64, facts->memory_oom_group);
    if (facts->memory_oom_group != 1) return true;
    finding_grade(f, FINDING_NOTE);
    finding_means(f, "an OOM kill ends all processes of the container together (Kubernetes since "
                     "1.28): no half-dead service, but every worker at once");
    return true;
}

bool judge_cgroup_hang(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->memory_oom_disabled < 0) return false;
    finding_read(f, "oom_kill_disable %" PRId64, facts->memory_oom_disabled);
    if (facts->memory_oom_disabled != 1) return true;
    finding_grade(f, FINDING_WARNING);
    finding_means(f, "at the limit processes hang for ever instead of being killed");
    return true;
}

bool judge_cgroup_throttle(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->memory_throttles < 0 && facts->memory_pressure_full < 0) return false;
    finding_read(f, "memory.high %s, throttled %s times, full pressure %.2f %% of the last 10 s",
                 facts_bytes(facts->memory_high), facts_count(facts->memory_throttles),
                 facts->memory_pressure_full < 0 ? 0.0 : (double)facts->memory_pressure_full / 100);
    if (facts->memory_pressure_full < 1000) return true;
    finding_grade(f, FINDING_WARNING);
    finding_means(f, "the group waits for memory: requests are slow, nothing dies");
    return true;
}

bool judge_cgroup_kmem(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (!limited(facts->kmem_limit)) return facts->kmem_limit == FACTS_UNLIMITED;
    int64_t room = facts->kmem_limit - (facts->kmem_used > 0 ? facts->kmem_used : 0);
    finding_read(f, "kernel memory %s of %s", facts_bytes(facts->kmem_used),
                 facts_bytes(facts->kmem_limit));
    finding_grade(f, percent(room, facts->kmem_limit) < 10 ? FINDING_CAUSE : FINDING_WARNING);
    finding_means(f, "at this limit fork fails with ENOMEM without any OOM line");
    return true;
}

bool judge_cgroup_pids(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->pids_limit < 0) return false;
    finding_read(f, "pids.current %s of pids.max %s at %s, refused %s times",
                 facts_count(facts->pids_used), facts_count(facts->pids_limit),
                 facts->pids_limit_at, facts_count(facts->pids_refusals));
    if (facts->pids_refusals > 0) {
        finding_grade(f, FINDING_CAUSE);
        finding_means(f, "forks were refused with EAGAIN; ");
    }
    if (!limited(facts->pids_limit) || facts->pids_used < 0) return true;
    int64_t room = facts->pids_limit - facts->pids_used;
    if (room <= 0)
        finding_grade(f, FINDING_CAUSE);
    else if (room < 4)
        finding_grade(f, FINDING_WARNING);
    finding_means(f, "%" PRId64 " more task%s may be made", room > 0 ? room : 0,
                  room == 1 ? "" : "s");
    return true;
}

bool judge_host_tasks(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->tasks < 0 || (facts->pid_max < 0 && facts->threads_max < 0)) return false;
    finding_read(f, "%" PRId64 " tasks, kernel.pid_max %s, kernel.threads-max %s", facts->tasks,
                 facts_count(facts->pid_max), facts_count(facts->threads_max));
    int64_t lowest = facts->pid_max;
    if (lowest < 0 || (facts->threads_max >= 0 && facts->threads_max < lowest))
        lowest = facts->threads_max;
    int64_t used = percent(facts->tasks, lowest);
    if (used >= 80) finding_grade(f, used >= 98 ? FINDING_CAUSE : FINDING_WARNING);
    if (used >= 80) finding_means(f, "new tasks will be refused (on kernels 3.x as ENOMEM)");
    return true;
}

bool judge_rlimit_nproc(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->limit_nproc < 0 || facts->uid < 0) return false;
    finding_read(f, "Max processes %s, uid %" PRId64 ", tasks of this user %s",
                 facts_count(facts->limit_nproc), facts->uid, facts_count(facts->user_tasks));
    if (!facts_bound_by_nproc(facts)) {
        finding_means(f, "does not bind this process");
        return true;
    }
    if (!limited(facts->limit_nproc) || facts->user_tasks < 0) return true;
    int64_t room = facts->limit_nproc - facts->user_tasks;
    if (room <= 0)
        finding_grade(f, FINDING_CAUSE);
    else if (percent(room, facts->limit_nproc) < 10)
        finding_grade(f, FINDING_WARNING);
    finding_means(f,
                  "%" PRId64 " more before fork gives EAGAIN; counted over all containers of the "
                  "same user",
                  room > 0 ? room : 0);
    return true;
}

bool judge_rlimit_space(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->limit_as < 0 || facts->limit_data < 0) return false;
    finding_read(f, "Max address space %s, Max data size %s, VmSize %s",
                 facts_bytes(facts->limit_as), facts_bytes(facts->limit_data),
                 facts_bytes(facts->vm_size));
    if (!limited(facts->limit_as) && !limited(facts->limit_data)) return true;
    finding_grade(f, FINDING_WARNING);
    finding_means(f, "malloc and new threads fail at this size; fork is not affected by it");
    return true;
}

bool judge_rlimit_files(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->limit_nofile < 0) return false;
    finding_read(f, "Max open files %s, open %s", facts_count(facts->limit_nofile),
                 facts_count(facts->open_files));
    if (facts->open_files < 0 || !limited(facts->limit_nofile)) return true;
    if (percent(facts->open_files, facts->limit_nofile) < 90) return true;
    finding_grade(f, FINDING_WARNING);
    finding_means(f, "new connections and files will be refused");
    return true;
}

bool judge_shared_memory(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->shm_size < 0) return false;
    finding_read(f, "size %s, free %s", facts_bytes(facts->shm_size), facts_bytes(facts->shm_free));
    if (facts->shm_free >= 0 && percent(facts->shm_free, facts->shm_size) < 10) {
        finding_grade(f, FINDING_WARNING);
        finding_means(f, "nearly full: workers that share tensors die of SIGBUS");
    } else if (facts->shm_size <= 64 * MIB) {
        finding_grade(f, FINDING_NOTE);
        finding_means(f,
                      "a container's default: too little for PyTorch's loader processes (SIGBUS); "
                      "air-classifier needs none");
    }
    return true;
}

bool judge_map_count(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->maps < 0 || facts->max_map_count <= 0) return false;
    finding_read(f, "%" PRId64 " mappings of at most %" PRId64, facts->maps, facts->max_map_count);
    int64_t used = percent(facts->maps, facts->max_map_count);
    if (used < 80) return true;
    finding_grade(f, used >= 98 ? FINDING_CAUSE : FINDING_WARNING);
    finding_means(f, "mmap and malloc fail with ENOMEM while memory is free");
    return true;
}

bool judge_kernel_release(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    unsigned long major, minor;
    if (!facts_release(facts, &major, &minor)) return false;
    finding_read(f, "%s", facts->kernel_release);
    if (major > 3) return true;
    finding_grade(f, FINDING_NOTE);
    finding_means(f, "a kernel 3.x answers ENOMEM, not EAGAIN, when pids run out, and its kernel "
                     "memory limit refuses forks silently");
    return true;
}

bool judge_pid_namespace(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->namespace_dead < 0) return false;
    finding_read(f, "the init of the namespace that children are born into %s",
                 facts->namespace_dead == 1 ? "is not alive" : "lives");
    if (facts->namespace_dead != 1) return true;
    finding_grade(f, FINDING_CAUSE);
    finding_means(f, "every fork fails with ENOMEM, whatever memory is free");
    return true;
}

bool judge_seccomp_filter(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (facts->seccomp < 0) return false;
    finding_read(f, "Seccomp %" PRId64, facts->seccomp);
    if (facts->seccomp != 2) return true;
    finding_means(f,
                  "a filter may refuse clone with an errno of its choice (EPERM, ENOSYS); what it "
                  "refuses cannot be read");
    return true;
}

struct plan_limit {
    int64_t need, limit;
    const char *(*show)(int64_t value);
    enum finding_severity severity;
    const char *where, *means;
};

static void judge_plan_limit(const struct plan_limit *row, struct finding *f)
{
    if (!limited(row->limit) || row->need <= row->limit) return;
    finding_grade(f, row->severity);
    finding_means(f, "; %s is %s: %s", row->where, row->show(row->limit), row->means);
    finding_todo(f, "%sbring %s to %s or more", f->todo[0] != '\0' ? "; " : "", row->where,
                 row->show(row->need));
}

/* Those of the user beside the process looked at: doctor itself, which ends before serving begins,
 * or one whose place serving takes. In a tree they are not seen. */
static int64_t tasks_beside(const struct facts *facts)
{
    int64_t tasks = facts_term(facts->user_tasks), own = facts_term(facts->threads);
    return tasks > own ? tasks - own : 0;
}

/* The sum that serving itself refuses to start by, held against what is seen here. */
bool judge_own_plan(const struct checkup *c, struct finding *f)
{
    const struct facts *facts = c->facts;
    if (c->plan_refused != NULL) {
        finding_grade(f, FINDING_CAUSE);
        finding_read(f, "%s", c->plan_refused);
        finding_means(f, "the service would not start with this model");
        finding_todo(f, "train, import or copy it again; 'inspect' tells more of it");
        return true;
    }
    if (facts->plan_memory < 0) return false;
    const char *stays = "serving would not start", *dies = "its threads could not be made";
    bool few =
        limited(facts->limit_nofile_hard) && facts->limit_nofile_hard < facts->plan_files_least;
    const struct plan_limit limits[] = {
        {facts->plan_memory, facts->memory_limit, facts_bytes, FINDING_CAUSE, "the memory limit",
         stays},
        {facts->plan_memory, facts->mem_total, facts_bytes, FINDING_CAUSE, "all memory of the host",
         stays},
        {facts->plan_address, facts->limit_as, facts_bytes, FINDING_CAUSE,
         "the limit of address space", stays},
        {facts->plan_tasks, facts->pids_limit, facts_count, FINDING_CAUSE, "the limit of pids",
         dies},
        {facts_term(facts->plan_tasks) + tasks_beside(facts),
         facts_bound_by_nproc(facts) ? facts->limit_nproc : FACTS_UNLIMITED, facts_count,
         FINDING_CAUSE, "the limit of processes of the user", dies},
        {facts->plan_memory, facts->memory_headroom, facts_bytes, FINDING_WARNING,
         "what the group has left now", "others in it must give way first"},
        {facts->plan_memory, facts->mem_available, facts_bytes, FINDING_WARNING,
         "what the host has available now", "others must give way first"},
        {facts->plan_reloading, facts->memory_limit, facts_bytes, FINDING_WARNING,
         "the memory limit", "a reload would be refused"},
        {facts->plan_files, facts->limit_nofile_hard, facts_count,
         few ? FINDING_CAUSE : FINDING_WARNING, "the hard limit of open files",
         few ? stays : "there would be fewer places for clients"},
    };
    finding_read(f,
                 "memory %s serving, %s while a reload is rehearsed; address space %s; %s threads",
                 facts_bytes(facts->plan_memory), facts_bytes(facts->plan_reloading),
                 facts_bytes(facts->plan_address), facts_count(facts->plan_tasks));
    finding_means(f, "what serving takes at most, weights included; mapped read-only, they are no "
                     "fork charge");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) judge_plan_limit(&limits[i], f);
    if (f->severity >= FINDING_WARNING)
        finding_todo(f, "; or serve with less: --connections, --queue-bytes, --threads");
    return true;
}
