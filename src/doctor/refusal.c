/* refusal.c - each limit of fork names the first worker it refuses.
 *
 * The limits stand in the order in which copy_process asks them, so that of two
 * that refuse the same worker the one is named whose errno the program sees.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static void say(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

#define SAY(text, ...) say(text, sizeof(text), __VA_ARGS__)

static bool counted(int64_t limit) { return limit >= 0 && limit != FACTS_UNLIMITED; }

/* Of room free places the first worker without one, or 0. */
static int64_t first_without(int64_t room, int64_t workers)
{
    return facts_term(room) < workers ? facts_term(room) + 1 : 0;
}

static bool old_pid_errno(const struct facts *facts)
{
    unsigned long major, minor;
    return facts_release(facts, &major, &minor) && major <= 3;
}

static void ask_nproc(const struct question *q, struct refusal *out)
{
    const struct facts *facts = q->facts;
    bool bound = facts_bound_by_nproc(facts);
    if (!bound || !counted(facts->limit_nproc) || facts->user_tasks < 0) return;
    out->worker = first_without(facts->limit_nproc - facts->user_tasks, q->options->workers);
    out->errno_value = EAGAIN;
    SAY(out->inequality,
        "tasks of user %" PRId64 ": %" PRId64 " + %" PRId64 " > %" PRId64 " = RLIMIT_NPROC",
        facts->uid, facts->user_tasks, out->worker, facts->limit_nproc);
    SAY(out->change, "raise LimitNPROC= (ulimit -u), or run the service as a user of its own: "
                     "the count is of all containers that share the user");
}

static void ask_threads(const struct question *q, struct refusal *out)
{
    const struct facts *facts = q->facts;
    if (!counted(facts->threads_max) || facts->tasks < 0) return;
    out->worker = first_without(facts->threads_max - facts->tasks, q->options->workers);
    out->errno_value = EAGAIN;
    SAY(out->inequality,
        "tasks of the machine: %" PRId64 " + %" PRId64 " > %" PRId64 " = kernel.threads-max",
        facts->tasks, out->worker, facts->threads_max);
    SAY(out->change, "find who holds the threads; raise kernel.threads-max");
}

static void describe_new(const struct question *q, struct refusal *out, const char *sign)
{
    const struct facts *facts = q->facts;
    SAY(out->inequality, "one mapping of %s %s %s = MemTotal %s + SwapTotal %s",
        facts_bytes(q->cast->largest), sign, facts_bytes(q->cast->allowed),
        facts_bytes(facts->mem_total), facts_bytes(facts_term(facts->swap_total)));
    int64_t missing = q->cast->largest - facts_term(q->cast->allowed);
    SAY(out->change,
        "%s more swap; or vm.overcommit_memory=1; or weights mapped read-only; or no "
        "fork: tokenize in process",
        facts_bytes(facts_term(missing)));
}

static void describe_old(const struct question *q, struct refusal *out, const char *sign)
{
    const struct facts *facts = q->facts;
    SAY(out->inequality, "one mapping of %s %s %s = MemFree %s + Cached %s + Buffers %s",
        facts_bytes(q->cast->largest), sign,
        facts_bytes(overcommit_allowed(facts, OVERCOMMIT_OLD, facts->vm_size)),
        facts_bytes(facts->mem_free), facts_bytes(facts_term(facts->cached)),
        facts_bytes(facts_term(facts->buffers)));
    SAY(out->inequality, " + SwapCached %s - Shmem %s + SwapFree %s",
        facts_bytes(facts_term(facts->swap_cached)), facts_bytes(facts_term(facts->shmem)),
        facts_bytes(facts_term(facts->swap_free)));
    SAY(out->inequality, " + SReclaimable %s - reserves of the zones %s",
        facts_bytes(facts_term(facts->slab_reclaimable)),
        facts_bytes(facts_term(facts->total_reserve)));
    if (facts->cap_admin != 1)
        SAY(out->inequality, " - admin reserve %s", facts_bytes(facts_term(facts->admin_reserve)));
    SAY(out->change,
        "a kernel of 5.2 or later; or more free memory or swap; or "
        "vm.overcommit_memory=1; or weights mapped read-only; or no fork: tokenize in process");
}

static void describe_strict(const struct question *q, struct refusal *out, const char *sign)
{
    const struct facts *facts = q->facts;
    int64_t workers = out->worker > 0 ? out->worker : q->options->workers;
    int64_t share = facts_term(facts->vm_size) / 32, reserve = facts_term(facts->user_reserve);
    SAY(out->inequality, "Committed_AS %s + %" PRId64 " x %s %s CommitLimit %s",
        facts_bytes(facts->committed_as), workers, facts_bytes(q->cast->charge), sign,
        facts_bytes(facts->commit_limit));
    SAY(out->inequality, " - user reserve %s", facts_bytes(share < reserve ? share : reserve));
    if (facts->cap_admin != 1)
        SAY(out->inequality, " - admin reserve %s", facts_bytes(facts_term(facts->admin_reserve)));
    int64_t missing = facts_times(workers, q->cast->charge) - facts_term(q->cast->allowed);
    SAY(out->change,
        "%s more swap, or a larger vm.overcommit_ratio; or vm.overcommit_memory=0; or "
        "weights mapped read-only; or no fork: tokenize in process",
        facts_bytes(facts_term(missing)));
}

static void describe(const struct question *q, struct refusal *out)
{
    bool refused = out->worker > 0;
    switch (q->cast->rule) {
    case OVERCOMMIT_NEW:
        describe_new(q, out, refused ? ">" : "<=");
        break;
    case OVERCOMMIT_OLD:
        describe_old(q, out, refused ? ">" : "<=");
        break;
    case OVERCOMMIT_STRICT:
        describe_strict(q, out, refused ? ">=" : "<");
        break;
    case OVERCOMMIT_EITHER:
        describe_old(q, out, "against");
        break;
    case OVERCOMMIT_ALWAYS:
        SAY(out->inequality, "vm.overcommit_memory = 1 refuses no promise");
        break;
    case OVERCOMMIT_UNKNOWN:
        SAY(out->inequality, "vm.overcommit_memory could not be seen");
        break;
    }
}

/* By the rule alone: the first worker refused, 0 for none, -1 for unknown. */
static int64_t by_rule(const struct question *q)
{
    const struct forkcast *cast = q->cast;
    if (cast->rule == OVERCOMMIT_ALWAYS) return 0;
    if (cast->allowed == FACTS_UNSEEN) return -1;
    if (cast->rule == OVERCOMMIT_STRICT) {
        if (cast->charge == 0) return 0;
        return first_without(cast->allowed / cast->charge, q->options->workers);
    }
    return cast->largest > cast->allowed ? 1 : 0;
}

/* By the kernel itself. In mode 2 children add up: the first sum it refuses. */
static int64_t by_oracle(const struct question *q)
{
    struct forkcast *cast = q->cast;
    bool sum = cast->rule == OVERCOMMIT_STRICT;
    int64_t size = sum ? cast->charge : cast->largest;
    int64_t workers = sum ? q->options->workers : 1;
    if (size > (INT64_C(1) << 46) / workers) return -1; /* beyond any address space */
    enum overcommit_answer answer = overcommit_ask(size * workers);
    cast->oracle_asked = answer != OVERCOMMIT_LIMITED;
    cast->oracle_limited = answer == OVERCOMMIT_LIMITED;
    cast->oracle_accepts = answer == OVERCOMMIT_YES;
    if (answer == OVERCOMMIT_LIMITED) return -1;
    if (answer == OVERCOMMIT_YES) return 0;
    int64_t low = 1, high = workers;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (overcommit_ask(size * middle) == OVERCOMMIT_YES)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void ask_overcommit(const struct question *q, struct refusal *out)
{
    struct forkcast *cast = q->cast;
    const struct facts *facts = q->facts;
    int64_t old = overcommit_allowed(facts, OVERCOMMIT_OLD, facts->vm_size);
    int64_t worker = by_rule(q);
    int64_t asked = q->options->live ? by_oracle(q) : -1;
    if (asked >= 0 && cast->rule == OVERCOMMIT_EITHER && old >= 0 && cast->largest > old) {
        cast->rule = asked == 0 ? OVERCOMMIT_NEW : OVERCOMMIT_OLD;
        cast->allowed = overcommit_allowed(facts, cast->rule, facts->vm_size);
    }
    if (asked >= 0) worker = asked;
    if (worker < 0 && cast->rule == OVERCOMMIT_EITHER && old >= 0) {
        int64_t new = overcommit_allowed(facts, OVERCOMMIT_NEW, facts->vm_size);
        bool both = cast->largest > old && cast->largest > new;
        worker = both ? 1 : cast->largest <= old ? 0 : -1;
        if (worker < 0) cast->verdict = FORKCAST_DEPENDS;
    } else if (worker < 0) {
        cast->verdict = FORKCAST_UNKNOWN;
    }
    out->worker = facts_term(worker);
    out->errno_value = ENOMEM;
    describe(q, out);
}

static void ask_kmem(const struct question *q, struct refusal *out)
{
    const struct facts *facts = q->facts;
    if (!counted(facts->kmem_limit) || facts->kmem_used < 0) return;
    int64_t one = q->cast->page_tables / q->options->workers;
    int64_t room = facts->kmem_limit - facts->kmem_used;
    out->worker = first_without(room / (one > 0 ? one : 1), q->options->workers);
    out->errno_value = ENOMEM;
    SAY(out->inequality,
        "kernel memory of the group: %s + %" PRId64 " x %s > %s = "
        "memory.kmem.limit_in_bytes",
        facts_bytes(facts->kmem_used), out->worker, facts_bytes(one),
        facts_bytes(facts->kmem_limit));
    SAY(out->change, "start the container without --kernel-memory");
}

static void ask_namespace(const struct question *q, struct refusal *out)
{
    if (q->facts->namespace_dead != 1) return;
    out->worker = 1;
    out->errno_value = ENOMEM;
    SAY(out->inequality, "the init of the pid namespace that children are born into has died");
    SAY(out->change, "start the process anew in a namespace whose init lives (restart the "
                     "container); memory has nothing to do with it");
}

static void ask_pid_max(const struct question *q, struct refusal *out)
{
    const struct facts *facts = q->facts;
    if (!counted(facts->pid_max) || facts->tasks < 0) return;
    /* The first 300 numbers are not given again. */
    out->worker = first_without(facts->pid_max - 300 - facts->tasks, q->options->workers);
    out->errno_value = old_pid_errno(facts) ? ENOMEM : EAGAIN;
    SAY(out->inequality,
        "tasks of the machine: %" PRId64 " + %" PRId64 " > %" PRId64
        " = kernel.pid_max less the 300 reserved",
        facts->tasks, out->worker, facts->pid_max - 300);
    SAY(out->change, "find who holds the tasks; raise kernel.pid_max");
}

static void ask_pids(const struct question *q, struct refusal *out)
{
    const struct facts *facts = q->facts;
    if (!counted(facts->pids_limit) || facts->pids_used < 0) return;
    out->worker = first_without(facts->pids_limit - facts->pids_used, q->options->workers);
    out->errno_value = EAGAIN;
    SAY(out->inequality, "pids.current %" PRId64 " + %" PRId64 " > %" PRId64 " = pids.max of ",
        facts->pids_used, out->worker, facts->pids_limit);
    SAY(out->inequality, "%s", facts->pids_limit_at);
    SAY(out->change,
        "raise TasksMax= (systemd), --pids-limit (Docker) or podPidsLimit (Kubernetes)");
}

static const struct {
    enum forkcast_limit limit;
    void (*ask)(const struct question *q, struct refusal *out);
} limits[] = {
    {FORKCAST_NPROC, ask_nproc},
    {FORKCAST_THREADS, ask_threads},
    {FORKCAST_OVERCOMMIT, ask_overcommit},
    {FORKCAST_KMEM, ask_kmem},
    {FORKCAST_NAMESPACE, ask_namespace},
    {FORKCAST_PID_MAX, ask_pid_max},
    {FORKCAST_PIDS, ask_pids},
};

size_t refusal_count(void) { return sizeof limits / sizeof limits[0]; }

void refusal_ask(size_t index, const struct question *question, struct refusal *out)
{
    check(index < refusal_count());
    out->limit = limits[index].limit;
    limits[index].ask(question, out);
}
