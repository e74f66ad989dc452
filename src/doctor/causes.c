/* causes.c - a table of kinds; tracebacks get their place put into words. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/causes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doctor/facts.h"

struct cause {
    enum finding_severity severity;
    const char *title, *means, *todo;
};

static const struct cause causes[JOURNAL_KINDS] = {
    [JOURNAL_FORK_REFUSED] =
        {FINDING_CAUSE, "fork is refused", NULL,
         "tokenize in process (fastai: n_workers=0), or use air-classifier, which never forks; "
         "'doctor fork --pid P' tells which limit refused"},
    [JOURNAL_THREAD_REFUSED] =
        {FINDING_CAUSE, "new threads are refused",
         "a pids limit, RLIMIT_NPROC or RLIMIT_AS leaves no place for a thread",
         "raise TasksMax= or the container's pids limit; see 'doctor process --pid P'"},
    [JOURNAL_NO_MEMORY] =
        {FINDING_CAUSE, "memory is refused", "an allocation failed where no process was made",
         "see RLIMIT_AS, vm.max_map_count and overcommit mode 2: 'doctor --pid P'"},
    [JOURNAL_EXCEPTION] = {FINDING_WARNING, "an exception", "not a matter of memory or limits",
                           "see the application's code at this line"},
    [JOURNAL_OOM_GROUP] =
        {FINDING_CAUSE, "the kernel killed at the container's memory limit",
         "exit 137; a killed worker takes its requests with it while others go on",
         "raise the memory limit, or run fewer workers; weights mapped read-only are shared"},
    [JOURNAL_OOM_HOST] = {FINDING_CAUSE, "the kernel killed because the host was out of memory",
                          "whoever was largest was killed, guilty or not",
                          "give services limits of their own, and the host more memory or swap"},
    [JOURNAL_PIDS_REFUSED] =
        {FINDING_CAUSE, "forks rejected by the pids controller",
         "fork gives EAGAIN (errno 11) although memory is free",
         "raise TasksMax= (systemd), --pids-limit (Docker) or podPidsLimit (Kubernetes)"},
    [JOURNAL_PROMISE_REFUSED] =
        {FINDING_CAUSE, "the kernel refused to promise memory",
         "overcommit accounting, not lack of free memory: fork or mmap gave ENOMEM",
         "see 'doctor fork': a smaller process, more swap, or vm.overcommit_memory=1"},
    [JOURNAL_UNIT_OOM] = {FINDING_CAUSE, "systemd saw the OOM killer end the service",
                          "a process of the unit was killed for memory",
                          "raise MemoryMax=, or run fewer workers"},
    [JOURNAL_UNIT_KILLED] = {FINDING_WARNING, "the service was ended by SIGKILL",
                             "the OOM killer, a watchdog, or somebody's kill -9",
                             "look for a kernel line at that time: journalctl -k"},
    [JOURNAL_UNIT_WATCHDOG] = {FINDING_WARNING, "the watchdog ended the service",
                               "it hung or was too slow to say it lives",
                               "see what it waited for; raise WatchdogSec= only then"},
    [JOURNAL_UNIT_LOOP] = {FINDING_CAUSE, "the service is no longer restarted",
                           "it failed too often too quickly", "see its first failure above"},
    [JOURNAL_CONTAINER_OOM] = {FINDING_CAUSE, "the container ended with 137",
                               "SIGKILL: nearly always its memory limit",
                               "raise the memory limit, or run fewer workers"},
    [JOURNAL_WORKER_TIMEOUT] =
        {FINDING_WARNING, "gunicorn's workers time out",
         "a request took longer than --timeout (30 s): the arbiter kills the worker",
         "find what is slow; threads (--threads) keep the heartbeat apart from the work"},
    [JOURNAL_WORKER_KILLED] =
        {FINDING_WARNING, "gunicorn's workers end by SIGKILL",
         "'Perhaps out of memory?' is gunicorn's guess for any SIGKILL, its own after a time-out "
         "included",
         "a kernel line or memory.events decides: 'doctor --pid P'"},
    [JOURNAL_WORKER_BOOT] = {FINDING_FINE, "gunicorn started workers", "", ""},
    [JOURNAL_BOOT_FAILED] = {FINDING_CAUSE, "gunicorn's workers fail to start",
                             "the application does not load", "see the traceback before it"},
    [JOURNAL_SHELL_FORK] = {FINDING_CAUSE, "even the shell cannot fork",
                            "the limit is of the host, the group or the user, not of the service",
                            "run 'doctor' here"},
    [JOURNAL_POOL_BROKEN] = {FINDING_CAUSE, "a process pool lost a process",
                             "a child was killed, mostly for memory, and the pool with it",
                             "use threads, or no pool; see the kernel's log at that time"},
    [JOURNAL_BUS_ERROR] = {FINDING_WARNING, "a process died of a bus error",
                           "/dev/shm is full: shared tensors have no page left",
                           "docker --shm-size, or num_workers=0"},
};

static const char *time_of(const char *stamp) { return stamp[0] != '\0' ? stamp : "(no time)"; }

static void add_read(struct finding *f, const struct journal_group *group, const char *name)
{
    finding_read(f, "%s: %" PRIu64 " time%s, first %s (line %" PRIu64 ")", name, group->count,
                 group->count == 1 ? "" : "s", time_of(group->first), group->first_line);
    if (group->count > 1)
        finding_read(f, ", last %s (line %" PRIu64 ")", time_of(group->last), group->last_line);
    if (group->bytes > 0) finding_read(f, ", up to %s asked", facts_bytes((int64_t)group->bytes));
}

/* Of the application's function and what it called, the one that tokenizes. */
static const char *name_call(const struct traceback *t)
{
    bool own = strstr(t->call, "token") == NULL && strstr(t->function, "token") != NULL;
    return own || t->call[0] == '\0' ? t->function : t->call;
}

/* "forks inside a request: `tokenize_df` at predict2.py:95, 12 Cannot allocate memory; ..." */
static void name_fork(struct finding *f, const struct traceback *t)
{
    finding_title(f, "forks %s: `%s` at %s:%u, %d %s%s",
                  t->in_request ? "inside a request" : "while it runs", name_call(t), t->file,
                  (unsigned)t->line_number, t->errno_value, strerror(t->errno_value),
                  t->tokenizes ? "; tokenize in process" : "; do this without a process");
    finding_means(
        f,
        "%s starts processes%s; the kernel refuses%s, so every request that comes here "
        "fails while the service seems to run",
        t->application ? t->function : "a library", t->tokenizes ? " to tokenize one text" : "",
        t->errno_value == ENOMEM ? " to promise a copy of its memory (ENOMEM), however much is free"
                                 : " another process (EAGAIN: a pids limit or RLIMIT_NPROC)");
}

static void name_place(struct finding *f, const struct cause *cause, const struct traceback *t)
{
    finding_title(f, "%s: %s in %s at %s:%u", cause->title, t->error, t->function, t->file,
                  (unsigned)t->line_number);
}

static void add_requests(const struct journal *journal, const char *name, struct finding_list *list)
{
    const struct journal_totals *totals = journal_totals(journal);
    struct finding *f = finding_add(list, "log.requests", "requests that failed");
    finding_read(f, "%s: %" PRIu64 " lines, %" PRIu64 " requests in its access log", name,
                 totals->lines, totals->requests);
    if (totals->requests > 0) {
        double share = 100.0 * (double)totals->failed / (double)totals->requests;
        finding_title(f, "%" PRIu64 " of %" PRIu64 " requests failed (%.1f %%)", totals->failed,
                      totals->requests, share);
        finding_means(f, "answered with a 5xx");
        if (totals->failed > 0) finding_grade(f, FINDING_WARNING);
        if (totals->failed > 0) finding_todo(f, "see the causes named");
    } else if (totals->exceptions_on > 0) {
        finding_title(f, "%" PRIu64 " requests ended in an exception", totals->exceptions_on);
        finding_means(f,
                      "of how many is not known: no access log here (gunicorn --access-logfile -)");
        finding_grade(f, FINDING_WARNING);
        finding_todo(f, "see the causes named");
    } else {
        finding_means(f, "no request is told of here");
    }
    if (totals->long_lines > 0) finding_read(f, "; %" PRIu64 " lines were cut", totals->long_lines);
    if (totals->lost_groups > 0)
        finding_read(f, "; %" PRIu64 " more events of kinds beyond the %d kept",
                     totals->lost_groups, JOURNAL_GROUPS_MAX);
}

void causes_findings(const struct journal *journal, const char *name, struct finding_list *list)
{
    size_t added = 0;
    for (size_t i = 0; i < journal_group_count(journal); i++) {
        const struct journal_group *group = journal_group(journal, i);
        const struct cause *cause = &causes[group->kind];
        if (added == CAUSES_MAX) break;
        added++;
        struct finding *f = finding_add(list, journal_kind_name(group->kind), cause->title);
        finding_grade(f, cause->severity);
        add_read(f, group, name);
        if (group->kind == JOURNAL_FORK_REFUSED)
            name_fork(f, &group->traceback);
        else if (group->traceback.error[0] != '\0')
            name_place(f, cause, &group->traceback);
        if (cause->means != NULL) finding_means(f, "%s", cause->means);
        finding_todo(f, "%s", cause->todo);
    }
    add_requests(journal, name, list);
    if (journal_group_count(journal) <= CAUSES_MAX) return;
    struct finding *f = finding_add(list, "log.more", "more kinds of trouble");
    finding_grade(f, FINDING_WARNING);
    finding_read(f, "%zu more groups", journal_group_count(journal) - CAUSES_MAX);
    finding_todo(f, "see all of them with --json");
}
