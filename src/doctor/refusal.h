/* refusal.h - the limits of fork, one by one, in the kernel's order.
 *
 * Source   kernel/fork.c copy_process, kernel/pid.c alloc_pid, cgroup pids controller
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_REFUSAL_H
#define DOCTOR_REFUSAL_H

#include "doctor/forkcast.h"

struct refusal {
    enum forkcast_limit limit;
    int64_t worker; /* the first refused; 0: none */
    int errno_value;
    char inequality[512];
    char change[512];
};

/* The overcommit question may settle the rule and the verdict of the forecast. */
struct question {
    const struct facts *facts;
    const struct forkcast_options *options;
    struct forkcast *cast;
};

size_t refusal_count(void);
void refusal_ask(size_t index, const struct question *question, struct refusal *out);

#endif
