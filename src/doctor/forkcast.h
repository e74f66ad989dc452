/* forkcast.h - would fork succeed? For which worker not, with which errno, and why.
 *
 * In      facts (facts.h), the number of workers, optionally a size to simulate
 * Out     a verdict with the one inequality that decides it, in numbers
 * Source  kernel/fork.c copy_process: the limits are asked in its order
 * Threads any number
 *
 * A verdict is by the rule alone (recorded facts) or also by the oracle (this
 * machine): an untouched mapping of the same size, which wins where they differ.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_FORKCAST_H
#define DOCTOR_FORKCAST_H

#include <jansson.h>
#include <stdbool.h>

#include "doctor/facts.h"
#include "doctor/finding.h"
#include "doctor/overcommit.h"

enum forkcast_verdict { FORKCAST_YES, FORKCAST_NO, FORKCAST_DEPENDS, FORKCAST_UNKNOWN };

enum forkcast_limit {
    FORKCAST_NOTHING,
    FORKCAST_NPROC,
    FORKCAST_THREADS,
    FORKCAST_OVERCOMMIT,
    FORKCAST_KMEM,
    FORKCAST_NAMESPACE,
    FORKCAST_PID_MAX,
    FORKCAST_PIDS
};

struct forkcast_options {
    int64_t simulate; /* bytes in one mapping, or FACTS_UNSEEN: as the process is */
    int64_t workers;  /* forks whose children stay alive; at least 1 */
    bool live;        /* facts are of this machine: the oracle may be asked */
};

struct forkcast {
    enum forkcast_verdict verdict;
    enum forkcast_limit limit;
    int64_t worker; /* the first that fails; 0 where none does */
    int errno_value;
    enum overcommit_rule rule;
    bool oracle_asked, oracle_accepts, oracle_limited;
    int64_t charge, largest;       /* of one fork */
    int64_t allowed;               /* what the rule would accept, FACTS_UNSEEN if unknown */
    int64_t page_tables;           /* what the kernel itself needs for all workers */
    int64_t copy_worst, copy_room; /* afterwards, when everything is written to */
    char inequality[512];
    char change[512];
};

void forkcast_make(struct forkcast *out, const struct facts *facts,
                   const struct forkcast_options *options);

const char *forkcast_verdict_text(enum forkcast_verdict verdict);
const char *forkcast_limit_text(enum forkcast_limit limit);

/* The verdict, and what comes after a fork that succeeds, as findings. */
void forkcast_findings(const struct forkcast *cast, const struct facts *facts,
                       const struct forkcast_options *options, struct finding_list *list);
/* NULL when memory is short. */
json_t *forkcast_json(const struct forkcast *cast);

#endif
