/* progress.h - how far a long step is; drawn by whoever watches.
 *
 * The road and the rooms report, only the door draws. A NULL watcher is fine.
 *
 * Threads  report from one thread at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { PROGRESS_NOTE_MAX = 96 };

struct progress {
    /* title names the step ("reading cases"); done counts up to total, total 0
     * where the end is not known; unit is the plural of what is counted. */
    void (*report)(struct progress *self, const char *title, uint64_t done, uint64_t total,
                   const char *unit);
    /* What the step says of itself beside its bar ("loss 4.31"); "" for nothing. */
    char note[PROGRESS_NOTE_MAX];
};

/* Stays until the next note. */
__attribute__((format(printf, 2, 3))) static inline void progress_note(struct progress *progress,
                                                                       const char *format, ...)
{
    if (progress == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(progress->note, sizeof progress->note, format, arguments);
    va_end(arguments);
}

static inline void progress_report(struct progress *progress, const char *title, uint64_t done,
                                   uint64_t total, const char *unit)
{
    if (progress != NULL) progress->report(progress, title, done, total, unit);
}

#endif
