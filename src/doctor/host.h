/* host.h - the machine: memory, overcommit, swap, limits of the kernel.
 *
 * In      /proc/meminfo, vmstat, zoneinfo, loadavg, pressure, sys/vm, sys/kernel
 * Out     the host's rows of facts.def; what is not there stays unseen
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_HOST_H
#define DOCTOR_HOST_H

#include "base/root.h"
#include "doctor/facts.h"

void host_read(struct root *root, struct facts *facts);

#endif
