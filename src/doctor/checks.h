/* checks.h - the table of checks that `doctor` alone runs.
 *
 * Each row judges facts (facts.h) and never reads a file itself. A check whose facts could not be
 * seen says nothing; the last finding names it.
 *
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

#include "base/root.h"
#include "doctor/facts.h"
#include "doctor/finding.h"

struct checkup {
    const struct facts *facts;
    const struct root *root;
    const char *plan_refused; /* why our own plan could not be told, or NULL */
};

struct check_row {
    const char *id;
    const char *title;
    /* Judges into finding; false: its facts were not seen. */
    bool (*run)(const struct checkup *checkup, struct finding *finding);
    const char *reads;
    const char *hint; /* what to do where the check itself says nothing better */
};

size_t checks_count(void);
const struct check_row *checks_row(size_t index);

void checks_run(const struct checkup *checkup, struct finding_list *list);

#endif
