/* startup.h - how an application was started and what it has loaded.
 *
 * In      /proc/PID/cmdline, environ, maps; the packages' folder of its own root
 * Out     findings, and details for JSON: command line, gunicorn's settings, names of
 *         environment variables, libraries and packages with their versions
 * Bound   STARTUP_NAMES_MAX names of each sort
 * Threads one at a time
 *
 * Values of environment variables, and of options that name a secret, are never kept.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_STARTUP_H
#define DOCTOR_STARTUP_H

#include <jansson.h>

#include "base/root.h"
#include "doctor/facts.h"
#include "doctor/finding.h"

enum { STARTUP_NAMES_MAX = 200, STARTUP_COMMAND_MAX = 2048 };

struct startup {
    char command[STARTUP_COMMAND_MAX]; /* secrets replaced by *** */
    bool gunicorn, preload;
    int64_t workers, threads, timeout, max_requests; /* gunicorn's, its defaults filled in */
    char worker_class[32];
    json_t *environment; /* array of names */
    json_t *libraries;   /* array of file names */
    json_t *packages;    /* array of "name-version" */
};

/* false: no memory. Closed by startup_close in any case. */
MUST_CHECK enum error_code startup_read(struct startup *out, struct root *root, const char *pid,
                                        struct error *err);
void startup_close(struct startup *startup);

void startup_findings(const struct startup *startup, const struct facts *facts,
                      struct finding_list *list);
json_t *startup_json(const struct startup *startup);

#endif
