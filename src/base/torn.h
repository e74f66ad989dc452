/* torn.h - a mapped file that is changed in place under us is told before it ends the process.
 *
 * `cp` over a file that is mapped empties it first, and whoever then reads a page of it gets
 * SIGBUS; then it fills it with other numbers, and what was checked on opening leads out of it:
 * SIGSEGV. Nobody learns why. A handler writes one line that names the file, and then lets the
 * signal do what it would have done: status and core are those of the fault.
 *
 * Bound    TORN_FILES at once; of more, the signal ends the process untold
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_TORN_H
#define BASE_TORN_H

#include <sys/stat.h>

#include "base/slice.h"

enum { TORN_FILES = 4 };

/* From now on; once a process, while it has one thread. */
void torn_watch(void);

/* What file.c maps, as it was on opening; and no longer does. */
void torn_enter(struct slice bytes, const char *path, const struct stat *stat);
void torn_leave(struct slice bytes);

#endif
