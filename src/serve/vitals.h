/* vitals.h - what the kernel says of this process and its container, looked up when asked.
 *
 * In      /proc/self, the control group's files
 * Out     numbers of metrics.h; what cannot be seen stays NAN
 * Memory  none: a few kilobytes of the stack
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_VITALS_H
#define SERVE_VITALS_H

#include "base/root.h"
#include "serve/metrics.h"

void vitals_read(struct root *root, struct metrics_now *now);

#endif
