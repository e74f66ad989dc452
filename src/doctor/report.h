/* report.h - the bundle for a ticket: one page and one JSON file, complete in themselves.
 *
 * In      what a command would print
 * Out     FILE.html and, beside it, FILE.json; or FILE.json alone
 * Memory  the text of the page while it is made
 * Threads one at a time
 *
 * Holds no value of an environment variable, no token, no word of a case or of a log's
 * message; the page loads nothing from anywhere.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_REPORT_H
#define DOCTOR_REPORT_H

#include "doctor/printer.h"

/* An object as FILE.json, with a line end; NULL is one that memory did not suffice for. */
MUST_CHECK enum error_code report_write_json(const json_t *object, const char *path,
                                             struct error *err);

enum { REPORT_PATH_MAX = 4096 };

/* The name of FILE.json beside FILE.html; false where it is another file, or the name too long. */
bool report_beside(const char *path, char out[REPORT_PATH_MAX]);

/* Both files are whole on the disk before either takes its name. */
MUST_CHECK enum error_code report_write(const struct printed *printed, const char *path,
                                        struct error *err);

#endif
