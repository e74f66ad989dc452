/* logline.h - what stands before the words of a log line, and who said it.
 *
 * Knows   syslog and journalctl ("Dec 11 14:27:25 host tag[12]: ", ISO times too), the
 *         kernel ("[ 12.3] "), gunicorn ("[time] [pid] [LEVEL] "), Python's logging,
 *         Docker's json-file and compose, Kubernetes ("time stderr F ")
 * Memory  none; a json-file line is unescaped into the caller's scratch
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_LOGLINE_H
#define DOCTOR_LOGLINE_H

#include <stdint.h>

#include "base/slice.h"

enum { LOGLINE_STAMP_MAX = 32 };

struct logline {
    struct slice stamp; /* as written; empty where there is none */
    struct slice words; /* the message, its own indentation kept */
    uint64_t source;    /* same tag and pid, same number; 0 for bare lines */
};

/* The stamp a line begins with: cheap, for every line. */
struct slice logline_stamp(struct slice line);

/* scratch holds at least line.size bytes. */
struct logline logline_split(struct slice line, char *scratch);

/* The status of an access log's line, 0 where there is none. */
int logline_status(struct slice line);

#endif
