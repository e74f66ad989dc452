/* crew.h - a fixed set of threads that share out a range of independent items.
 *
 * Threads are made once, at crew_open. Items are handed out in order, one at a
 * time, so that results written by index do not depend on the number of threads.
 * The calling thread works too and is worker 0.
 *
 * Threads  one caller at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/progress.h"

struct crew;

/* A job for crew_run: item is in [0, items), worker in [0, crew_size). A job
 * that fails fills err; the first failure by item number is what crew_run
 * returns, and later items may be left undone. */
typedef enum error_code crew_job(void *context, size_t item, unsigned worker, struct error *err);

struct crew_step {
    crew_job *job;
    void *context;
    size_t items;
    const char *title; /* for progress; may be NULL */
    const char *unit;
};

MUST_CHECK enum error_code crew_open(struct crew **out_crew, unsigned threads, struct error *err);
void crew_close(struct crew *crew);
unsigned crew_size(const struct crew *crew);
MUST_CHECK enum error_code crew_run(struct crew *crew, const struct crew_step *step,
                                    struct progress *progress, struct error *err);

/* How many cores this process may use: affinity and the quota of its cgroup. */
unsigned crew_cores(void);

#endif
