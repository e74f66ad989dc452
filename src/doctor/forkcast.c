/* forkcast.c - the lowest worker refused decides, and what a success leads to. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/forkcast.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "doctor/refusal.h"

enum { KERNEL_BYTES_A_TASK = 64 * 1024, PAGE_TABLE_SHARE = 512 };

static bool counted(int64_t limit) { return limit >= 0 && limit != FACTS_UNLIMITED; }

/* What lies ahead of a fork that succeeds. */
static void look_ahead(struct forkcast *cast, const struct facts *facts,
                       const struct forkcast_options *options)
{
    int64_t anonymous =
        facts_term(options->simulate >= 0 ? options->simulate : facts->resident_anon);
    int64_t one = anonymous / PAGE_TABLE_SHARE + KERNEL_BYTES_A_TASK;
    cast->page_tables = facts_times(one, options->workers);
    cast->copy_worst = facts_times(anonymous, options->workers);
    cast->copy_room = facts->mem_available;
    if (facts->memory_headroom >= 0 &&
        (cast->copy_room < 0 || facts->memory_headroom < cast->copy_room))
        cast->copy_room = facts->memory_headroom;
}

void forkcast_make(struct forkcast *out, const struct facts *facts,
                   const struct forkcast_options *options)
{
    check(options->workers >= 1);
    struct forkcast cast = {.verdict = FORKCAST_YES, .rule = overcommit_rule(facts)};
    bool simulated = options->simulate >= 0;
    cast.charge = facts_term(simulated ? options->simulate : facts->fork_charge);
    cast.largest = facts_term(simulated ? options->simulate : facts->fork_largest);
    cast.allowed =
        overcommit_allowed(facts, cast.rule, simulated ? options->simulate : facts->vm_size);
    look_ahead(&cast, facts, options);
    struct question q = {facts, options, &cast};
    for (size_t i = 0; i < refusal_count(); i++) {
        struct refusal refusal = {0};
        refusal_ask(i, &q, &refusal);
        bool first = refusal.worker > 0 && (cast.worker == 0 || refusal.worker < cast.worker);
        /* Where nothing refuses, the overcommit rule is what was passed. */
        bool shown = first || (refusal.limit == FORKCAST_OVERCOMMIT && cast.worker == 0);
        if (shown) {
            memcpy(cast.inequality, refusal.inequality, sizeof cast.inequality);
            memcpy(cast.change, refusal.change, sizeof cast.change);
        }
        if (!first) continue;
        cast.verdict = FORKCAST_NO;
        cast.worker = refusal.worker;
        cast.errno_value = refusal.errno_value;
        cast.limit = refusal.limit;
    }
    if (cast.verdict == FORKCAST_YES) cast.change[0] = '\0';
    *out = cast;
}

const char *forkcast_verdict_text(enum forkcast_verdict verdict)
{
    static const char *const texts[] = {"yes", "no", "depends", "unknown"};
    return texts[verdict];
}

const char *forkcast_limit_text(enum forkcast_limit limit)
{
    static const char *const texts[] = {
        [FORKCAST_NOTHING] = "nothing",     [FORKCAST_NPROC] = "RLIMIT_NPROC",
        [FORKCAST_THREADS] = "threads-max", [FORKCAST_OVERCOMMIT] = "overcommit",
        [FORKCAST_KMEM] = "kmem",           [FORKCAST_NAMESPACE] = "pid namespace",
        [FORKCAST_PID_MAX] = "pid_max",     [FORKCAST_PIDS] = "pids.max",
    };
    return texts[limit];
}

static const char *errno_name(int value) { return value == EAGAIN ? "EAGAIN" : "ENOMEM"; }

static void add_verdict(const struct forkcast *cast, const struct facts *facts,
                        const struct forkcast_options *options, struct finding_list *list)
{
    struct finding *f = finding_add(list, "fork.verdict", "would fork succeed?");
    bool simulated = options->simulate >= 0;
    finding_read(
        f, "%s %s, its largest mapping %s%s; ", simulated ? "simulated charge" : "fork charge",
        facts_bytes(cast->charge), facts_bytes(cast->largest),
        simulated || facts->fork_exact == 1 ? "" : " (upper bound: smaps could not be read)");
    finding_read(f, "%s", overcommit_rule_text(cast->rule));
    finding_means(f, "%s", cast->inequality);
    if (cast->oracle_asked)
        finding_means(f, "; an untouched mapping of that size is %s by this kernel",
                      cast->oracle_accepts ? "accepted" : "refused");
    if (cast->oracle_limited)
        finding_means(f, "; the kernel could not be asked: a hard RLIMIT_AS or RLIMIT_DATA here");
    switch (cast->verdict) {
    case FORKCAST_YES:
        finding_grade(f, FINDING_NOTE);
        finding_title(f, "fork would succeed (%" PRId64 " worker%s)", options->workers,
                      options->workers == 1 ? "" : "s");
        break;
    case FORKCAST_NO:
        finding_grade(f, FINDING_CAUSE);
        finding_title(f, "fork would fail at worker %" PRId64 " of %" PRId64 ": %s (%s), by %s",
                      cast->worker, options->workers, errno_name(cast->errno_value),
                      strerror(cast->errno_value), forkcast_limit_text(cast->limit));
        break;
    case FORKCAST_DEPENDS:
        finding_grade(f, FINDING_WARNING);
        finding_title(f,
                      "fork fails under the rule before Linux 5.2, succeeds under the one since");
        finding_means(f, "; which of the two this kernel has, its version does not tell");
        break;
    case FORKCAST_UNKNOWN:
        finding_grade(f, FINDING_WARNING);
        finding_title(f, "whether fork would succeed could not be told");
        break;
    }
    finding_todo(f, "%s", cast->change);
}

static void add_afterwards(const struct forkcast *cast, const struct facts *facts,
                           struct finding_list *list)
{
    struct finding *f = finding_add(list, "fork.after", "after the fork");
    finding_read(f, "page tables and kernel structures %s; if all is written to, %s more",
                 facts_bytes(cast->page_tables), facts_bytes(cast->copy_worst));
    finding_read(f, "; room %s (the lesser of MemAvailable and the group's)",
                 facts_bytes(cast->copy_room));
    if (cast->copy_room == FACTS_UNSEEN || cast->copy_worst <= cast->copy_room) {
        finding_means(f, "there is room for every copy");
        return;
    }
    finding_grade(f, cast->verdict == FORKCAST_NO ? FINDING_NOTE : FINDING_WARNING);
    finding_title(f, "a fork that succeeds may end in an OOM kill");
    finding_means(f, "pages are copied when written to; Python's reference counts write to all of "
                     "them, and the kernel then kills (exit 137) instead of refusing");
    if (facts->memory_oom_group == 1)
        finding_means(f, "; memory.oom.group kills the whole container");
    finding_todo(f, "share the weights by a read-only mapping, or use threads instead of workers");
}

void forkcast_findings(const struct forkcast *cast, const struct facts *facts,
                       const struct forkcast_options *options, struct finding_list *list)
{
    add_verdict(cast, facts, options, list);
    add_afterwards(cast, facts, list);
    bool narrow = counted(facts->limit_as) || counted(facts->limit_data);
    if (!narrow) return;
    struct finding *f =
        finding_add(list, "fork.rlimits", "RLIMIT_AS and RLIMIT_DATA do not refuse a fork");
    finding_grade(f, FINDING_NOTE);
    finding_read(f, "Max address space %s, Max data size %s (/proc/PID/limits)",
                 facts_bytes(facts->limit_as), facts_bytes(facts->limit_data));
    finding_means(
        f, "they break malloc and new threads, never fork: a wrong suspect for ENOMEM at fork");
}

json_t *forkcast_json(const struct forkcast *cast)
{
    json_t *json = json_pack(
        "{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s}", "verdict",
        forkcast_verdict_text(cast->verdict), "worker", (json_int_t)cast->worker, "errno",
        cast->worker > 0 ? errno_name(cast->errno_value) : "", "limit",
        forkcast_limit_text(cast->limit), "rule", overcommit_rule_text(cast->rule), "charge_bytes",
        (json_int_t)cast->charge, "largest_bytes", (json_int_t)cast->largest, "allowed_bytes",
        (json_int_t)cast->allowed, "page_tables_bytes", (json_int_t)cast->page_tables, "inequality",
        cast->inequality, "change", cast->change);
    if (json != NULL && cast->oracle_asked)
        (void)json_object_set_new(json, "oracle",
                                  json_string(cast->oracle_accepts ? "accepted" : "refused"));
    return json;
}
