/* journal.h - reads a log of any size and keeps only what kinds of trouble it tells of.
 *
 * In      lines: from a file, a pipe ("-"), or one by one (unit.h)
 * Out     groups: kind, place in the application, count, first and last time; and the
 *         share of requests that failed, where an access log is in it
 * Bound   JOURNAL_GROUPS_MAX groups, JOURNAL_STREAMS_MAX tracebacks open at once,
 *         lines cut at JOURNAL_BUFFER_BYTES; what is beyond is counted, not kept
 * Memory  under 1 MiB, given back by journal_close
 * Threads one at a time
 *
 * Words of messages are never kept: they may be a customer's.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_JOURNAL_H
#define DOCTOR_JOURNAL_H

#include <jansson.h>

#include "base/error.h"
#include "base/slice.h"
#include "doctor/logline.h"
#include "doctor/traceback.h"

enum { JOURNAL_GROUPS_MAX = 128, JOURNAL_STREAMS_MAX = 16, JOURNAL_BUFFER_BYTES = 256 * 1024 };

enum journal_kind {
    JOURNAL_FORK_REFUSED,   /* a traceback that ends in a refused fork */
    JOURNAL_THREAD_REFUSED, /* can't start new thread */
    JOURNAL_NO_MEMORY,      /* MemoryError, or ENOMEM elsewhere */
    JOURNAL_EXCEPTION,      /* any other traceback */
    JOURNAL_OOM_GROUP,
    JOURNAL_OOM_HOST,
    JOURNAL_PIDS_REFUSED,
    JOURNAL_PROMISE_REFUSED, /* the kernel's own line on overcommit */
    JOURNAL_UNIT_OOM,
    JOURNAL_UNIT_KILLED,
    JOURNAL_UNIT_WATCHDOG,
    JOURNAL_UNIT_LOOP,
    JOURNAL_CONTAINER_OOM,
    JOURNAL_WORKER_TIMEOUT,
    JOURNAL_WORKER_KILLED,
    JOURNAL_WORKER_BOOT,
    JOURNAL_BOOT_FAILED,
    JOURNAL_SHELL_FORK,
    JOURNAL_POOL_BROKEN,
    JOURNAL_BUS_ERROR,
    JOURNAL_KINDS
};

struct journal_group {
    enum journal_kind kind;
    uint64_t count, first_line, last_line;
    uint64_t bytes; /* largest size a line of this group names */
    char first[LOGLINE_STAMP_MAX + 1], last[LOGLINE_STAMP_MAX + 1];
    struct traceback traceback; /* of the first; empty for lines that are no traceback */
};

struct journal_totals {
    uint64_t lines, bytes, long_lines, lost_groups;
    uint64_t requests, failed; /* lines of an access log; those of 5xx */
    uint64_t exceptions_on;    /* Flask's "Exception on /path" */
};

struct journal;

MUST_CHECK enum error_code journal_open(struct journal **out_journal, struct error *err);
void journal_close(struct journal *journal);

/* One line, without its newline. */
void journal_line(struct journal *journal, struct slice line);

/* All of a file, or of standard input ("-"). */
MUST_CHECK enum error_code journal_read(struct journal *journal, const char *path,
                                        struct error *err);
/* Ends tracebacks left open; called once, after the last line. */
void journal_end(struct journal *journal);

size_t journal_group_count(const struct journal *journal);
const struct journal_group *journal_group(const struct journal *journal, size_t index);
const struct journal_totals *journal_totals(const struct journal *journal);

/* NULL when memory is short. */
json_t *journal_json(const struct journal *journal);
const char *journal_kind_name(enum journal_kind kind);

#endif
