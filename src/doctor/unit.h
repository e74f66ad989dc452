/* unit.h - the lines of a unit from the systemd journal.
 *
 * libsystemd is opened at run time: a container has neither it nor a journal, and
 * the error then says so. Lines of the kernel are read too (OOM and pids refusals),
 * and containers of that name.
 *
 * Bound   one entry in memory at a time
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_UNIT_H
#define DOCTOR_UNIT_H

#include "doctor/journal.h"

MUST_CHECK enum error_code unit_read(struct journal *journal, const char *unit, struct error *err);

/* The same from a folder of journal files instead of the machine's journal. */
MUST_CHECK enum error_code unit_read_folder(struct journal *journal, const char *unit,
                                            const char *folder, struct error *err);

#endif
