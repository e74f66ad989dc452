/* printer.h - the one way out: text for people, JSON for machines.
 *
 * Memory  jansson's, given back before the call returns
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_PRINTER_H
#define DOCTOR_PRINTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "doctor/finding.h"

/* Where a command's words go; given by the door. */
struct doctor_output {
    FILE *to;
    bool json;
    bool colour;
    bool quiet; /* text: findings that are fine are left out */
};

/* What a command hands over. */
struct printed {
    const char *command; /* "fork" */
    const char *headline;
    struct finding_list *findings; /* sorted here, worst first */
    json_t *details;               /* borrowed; under "details" in JSON, not shown as text */
    const char *table;             /* text only, before the findings; may be NULL */
};

MUST_CHECK enum error_code printer_print(const struct doctor_output *output,
                                         const struct printed *printed, struct error *err);

/* An object and a line end; NULL is one that memory did not suffice for. */
MUST_CHECK enum error_code printer_dump(FILE *to, const json_t *object, struct error *err);

/* The JSON of it, a new reference; NULL when memory is short. */
json_t *printer_json(const struct printed *printed);

#endif
