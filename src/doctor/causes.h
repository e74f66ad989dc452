/* causes.h - what each kind of trouble in a log means, and its cure.
 *
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_CAUSES_H
#define DOCTOR_CAUSES_H

#include "doctor/finding.h"
#include "doctor/journal.h"

enum { CAUSES_MAX = 48 }; /* findings of one log; groups beyond are counted in the last */

/* name is how the log is called in the findings. */
void causes_findings(const struct journal *journal, const char *name, struct finding_list *list);

#endif
