/* sandbox.h - from ready on, the kernel refuses this process whatever serving does not need.
 *
 * Out      a call that would make a process or a thread, start a program, make code at run
 *          time, or that nothing here needs, fails with EPERM (clone3: ENOSYS); the first of
 *          a kind is a line of the log, and the service goes on
 * Threads  sandbox_enter covers all that are there, once the last one is made
 * Errors   ERR_SYSTEM where the kernel takes no filter; nothing is refused then
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_SANDBOX_H
#define SERVE_SANDBOX_H

#include <stdbool.h>

#include "base/error.h"

MUST_CHECK enum error_code sandbox_enter(struct error *err);
bool sandbox_entered(void);

/* What a defect might do, for tests (base/fault.h): tries calls that are refused, and logs how
 * that went. Does nothing outside of the sandbox. */
void sandbox_try(void);

#endif
