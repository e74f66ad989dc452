/* visit.h - what a command of the doctor holds while it works, and its steps.
 *
 * Memory  visit_open takes it, visit_close gives it back
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_VISIT_H
#define DOCTOR_VISIT_H

#include "base/root.h"
#include "doctor/doctor.h"
#include "doctor/facts.h"
#include "doctor/forkcast.h"

struct visit {
    struct root root;
    struct facts facts;
    struct finding_list findings;
    json_t *details;
    char *table; /* of environments, for people; or NULL */
};

MUST_CHECK enum error_code visit_open(struct visit *out, const struct doctor_options *options,
                                      struct error *err);
void visit_close(struct visit *visit);

/* Reads host, process and groups; fails only where the process asked for is not there. */
MUST_CHECK enum error_code visit_gather(struct visit *visit, const struct doctor_options *options,
                                        struct error *err);

/* Steps that add findings and details. Log and urls do nothing where none is named. */
void visit_checks(struct visit *visit, const struct doctor_options *options);
void visit_fork(struct visit *visit, const struct doctor_options *options);
void visit_facts(struct visit *visit);
MUST_CHECK enum error_code visit_process(struct visit *visit, const struct doctor_options *options,
                                         struct error *err);
MUST_CHECK enum error_code visit_log(struct visit *visit, const struct doctor_options *options,
                                     struct error *err);
MUST_CHECK enum error_code visit_urls(struct visit *visit, const struct doctor_options *options,
                                      struct error *err);

/* All of them, as far as the options ask. */
MUST_CHECK enum error_code visit_all(struct visit *visit, const struct doctor_options *options,
                                     struct error *err);

struct forkcast_options visit_fork_options(const struct doctor_options *options, bool live);

#endif
