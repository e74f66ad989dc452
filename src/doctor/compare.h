/* compare.h - two snapshots, and which difference changes the verdict.
 *
 * In      facts of two machines, a fork to judge
 * Out     findings, the difference with the greatest effect first
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_COMPARE_H
#define DOCTOR_COMPARE_H

#include "doctor/facts.h"
#include "doctor/finding.h"
#include "doctor/forkcast.h"

struct compare_side {
    const char *name; /* "qa.json" */
    struct facts facts;
};

MUST_CHECK enum error_code compare_findings(const struct compare_side *first,
                                            const struct compare_side *second,
                                            const struct forkcast_options *options,
                                            struct finding_list *list, struct error *err);

#endif
