/* progress.h - how far a long step is; drawn by whoever watches.
 *
 * The road and the rooms report, only the door draws. A NULL watcher is fine.
 *
 * Threads  report from one thread at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdint.h>

struct progress {
    /* title names the step ("reading cases"); done counts up to total, total 0
     * where the end is not known; unit is the plural of what is counted. */
    void (*report)(struct progress *self, const char *title, uint64_t done, uint64_t total,
                   const char *unit);
};

static inline void progress_report(struct progress *progress, const char *title, uint64_t done,
                                   uint64_t total, const char *unit)
{
    if (progress != 0) progress->report(progress, title, done, total, unit);
}

#endif
