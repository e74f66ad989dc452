/* doctor.h - the commands of the room, for the door.
 *
 * Each reads what its options name, prints through `output`, and leaves in
 * *out_status 0 (nothing found), 1 (warnings) or 2 (a cause found).
 *
 * Memory  bounded: facts, a list of findings, a log's groups
 * Threads one at a time
 * Never   creates a process, changes a setting, or touches what it maps
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <stdint.h>

#include "base/contract.h"
#include "base/error.h"
#include "doctor/printer.h"

enum { DOCTOR_URLS_MAX = 16 };

struct doctor_options {
    const char *root;            /* a recorded tree; NULL: this machine */
    int64_t pid;                 /* 0: this process itself */
    const struct contract *plan; /* what serving our own model takes, or NULL */
    const char *plan_refused;    /* why that could not be told, or NULL */
    int64_t simulate;            /* bytes, or -1: as the process is */
    int64_t workers;             /* forks whose children stay; 0 means 1 */
    const char *log;             /* a file, "-", or NULL */
    const char *unit;            /* a unit of the journal, or NULL: not beside log */
    const char *path;            /* where report writes: FILE.html (and FILE.json) or FILE.json;
                                  * snapshot: FILE.json, or NULL: where output goes */
    const char *const *operands; /* url: addresses; compare: two snapshots */
    size_t operand_count;
    const char *case_path;  /* url: the case to ask; NULL: the incident's */
    const char *token_path; /* url: a file with a bearer token */
    const char *ca_path;    /* url: certificates to trust */
    const char *proxy;      /* url: a proxy; NULL: as the environment says */
    int64_t timeout_ms;     /* url: for each request; 0 means 10,000 */
};

MUST_CHECK enum error_code doctor_check(const struct doctor_options *options,
                                        const struct doctor_output *output, int *out_status,
                                        struct error *err);
MUST_CHECK enum error_code doctor_fork(const struct doctor_options *options,
                                       const struct doctor_output *output, int *out_status,
                                       struct error *err);
MUST_CHECK enum error_code doctor_process(const struct doctor_options *options,
                                          const struct doctor_output *output, int *out_status,
                                          struct error *err);
MUST_CHECK enum error_code doctor_log(const struct doctor_options *options,
                                      const struct doctor_output *output, int *out_status,
                                      struct error *err);
MUST_CHECK enum error_code doctor_url(const struct doctor_options *options,
                                      const struct doctor_output *output, int *out_status,
                                      struct error *err);
MUST_CHECK enum error_code doctor_snapshot(const struct doctor_options *options,
                                           const struct doctor_output *output, int *out_status,
                                           struct error *err);
MUST_CHECK enum error_code doctor_compare(const struct doctor_options *options,
                                          const struct doctor_output *output, int *out_status,
                                          struct error *err);
MUST_CHECK enum error_code doctor_report(const struct doctor_options *options,
                                         const struct doctor_output *output, int *out_status,
                                         struct error *err);

/* The table of checks, one a line. */
MUST_CHECK enum error_code doctor_list(const struct doctor_output *output, struct error *err);

/* "6GiB", "512M", "1000000": bytes. */
MUST_CHECK enum error_code doctor_size(const char *text, int64_t *out_bytes, struct error *err);

#endif
