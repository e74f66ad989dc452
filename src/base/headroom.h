/* headroom.h - how much more memory this process can have, and who says so.
 *
 * In      /proc and /sys, the limits of the process
 * Out     the tightest of: what the host has available, what strict accounting still
 *         promises, what the container and those around it leave, the process' own limits
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_HEADROOM_H
#define BASE_HEADROOM_H

#include "base/root.h"

struct headroom {
    int64_t resident;        /* what the process has now; ROOT_UNSEEN where that is hidden */
    int64_t bytes;           /* ROOT_UNLIMITED where nothing could be seen */
    char who[ROOT_TEXT_MAX]; /* "the host's available memory" */
};

void headroom_read(struct root *root, struct headroom *out_headroom);

/* What is left of so much for the whole process; false where what it has now is hidden. */
bool headroom_within(struct root *root, int64_t bytes, const char *who,
                     struct headroom *out_headroom);

/* The bound of somebody else: taken if it is tighter. */
void headroom_bound(struct headroom *headroom, int64_t bytes, const char *who);

#endif
