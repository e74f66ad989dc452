/* crew.c - one mutex, two conditions, an atomic counter.
 *
 * A step is announced by raising `round`; every worker takes item numbers from
 * `next` until none is left, and the last to finish wakes the caller. A failure
 * stops the handing out; the failure with the lowest item number wins, so that
 * what the user reads does not depend on who was faster.
 */
// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/mem.h"

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    unsigned size, started, busy;
    unsigned long round;
    bool closing;
    const struct crew_step *step;
    struct progress *progress;
    atomic_size_t next;
    size_t failed_item;
    struct error failed;
    struct crew_worker {
        struct crew *crew;
        pthread_t thread;
        unsigned number;
    } workers[CREW_THREADS_MAX];
};

static void crew_fail(struct crew *crew, size_t item, const struct error *err)
{
    pthread_mutex_lock(&crew->lock);
    if (item < crew->failed_item) {
        crew->failed_item = item;
        crew->failed = *err;
    }
    pthread_mutex_unlock(&crew->lock);
    atomic_store(&crew->next, crew->step->items);
}

static void crew_work(struct crew *crew, unsigned worker)
{
    const struct crew_step *step = crew->step;
    for (;;) {
        size_t item = atomic_fetch_add(&crew->next, 1);
        if (item >= step->items) return;
        struct error err;
        if (step->job(step->context, item, worker, &err) != ERR_NONE) crew_fail(crew, item, &err);
        if (worker == 0 && step->title != NULL)
            progress_report(crew->progress, step->title, item + 1, step->items, step->unit);
    }
}

static void *crew_loop(void *argument)
{
    struct crew_worker *self = argument;
    struct crew *crew = self->crew;
    unsigned long seen = 0;
    pthread_mutex_lock(&crew->lock);
    for (;;) {
        while (crew->round == seen && !crew->closing) pthread_cond_wait(&crew->begin, &crew->lock);
        if (crew->closing) break;
        seen = crew->round;
        pthread_mutex_unlock(&crew->lock);
        crew_work(crew, self->number);
        pthread_mutex_lock(&crew->lock);
        if (--crew->busy == 0) pthread_cond_signal(&crew->end);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

enum error_code crew_open(struct crew **out_crew, unsigned threads, struct error *err)
{
    check(threads >= 1 && threads <= CREW_THREADS_MAX);
    struct crew *crew;
    TRY(mem_take(&crew, 1, sizeof *crew, err));
    crew->size = threads;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->begin, NULL);
    pthread_cond_init(&crew->end, NULL);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, CREW_STACK_BYTES);
    for (unsigned i = 1; i < threads; i++) {
        struct crew_worker *worker = &crew->workers[i];
        *worker = (struct crew_worker){.crew = crew, .number = i};
        int refused =
            fault_hit() ? 11 : pthread_create(&worker->thread, &attributes, crew_loop, worker);
        if (refused != 0) {
            pthread_attr_destroy(&attributes);
            crew_close(crew);
            return error_set(err, ERR_SYSTEM, 0, "thread %u of %u could not be made (errno %d)",
                             i + 1, threads, refused);
        }
        crew->started = i;
    }
    pthread_attr_destroy(&attributes);
    *out_crew = crew;
    return ERR_NONE;
}

void crew_close(struct crew *crew)
{
    if (crew == NULL) return;
    pthread_mutex_lock(&crew->lock);
    crew->closing = true;
    pthread_cond_broadcast(&crew->begin);
    pthread_mutex_unlock(&crew->lock);
    for (unsigned i = 1; i <= crew->started; i++) pthread_join(crew->workers[i].thread, NULL);
    pthread_cond_destroy(&crew->begin);
    pthread_cond_destroy(&crew->end);
    pthread_mutex_destroy(&crew->lock);
    mem_free(crew);
}

unsigned crew_size(const struct crew *crew) { return crew->size; }

enum error_code crew_run(struct crew *crew, const struct crew_step *step, struct progress *progress,
                         struct error *err)
{
    check(step->job != NULL);
    pthread_mutex_lock(&crew->lock);
    check(crew->busy == 0);
    crew->step = step;
    crew->progress = progress;
    crew->failed_item = (size_t)-1;
    atomic_store(&crew->next, 0);
    crew->busy = crew->size - 1;
    crew->round++;
    pthread_cond_broadcast(&crew->begin);
    pthread_mutex_unlock(&crew->lock);

    crew_work(crew, 0);

    pthread_mutex_lock(&crew->lock);
    while (crew->busy > 0) pthread_cond_wait(&crew->end, &crew->lock);
    bool failed = crew->failed_item != (size_t)-1;
    if (failed) *err = crew->failed;
    pthread_mutex_unlock(&crew->lock);
    if (failed) return err->code;
    if (step->title != NULL)
        progress_report(progress, step->title, step->items, step->items, step->unit);
    return ERR_NONE;
}

/* The first one or two numbers of a file; what is no number, or no file, is -1. */
static void read_numbers(const char *path, long long *out_first, long long *out_second)
{
    char line[64] = "";
    *out_first = *out_second = -1;
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    char *end = line;
    if (fgets(line, sizeof line, file) != NULL && line[0] >= '0' && line[0] <= '9') {
        *out_first = strtoll(line, &end, 10);
        if (*end == ' ') *out_second = strtoll(end, NULL, 10);
    }
    fclose(file);
}

/* The quota of the cgroup in cores, rounded up; 0 where there is none. */
static unsigned quota_cores(void)
{
    long long quota, period, none;
    read_numbers("/sys/fs/cgroup/cpu.max", &quota, &period); /* v2: "max 100000", "150000 100000" */
    if (quota < 0) {                                         /* v1 */
        read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, &none);
        read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, &none);
    }
    if (quota <= 0 || period <= 0) return 0;
    return (unsigned)((quota + period - 1) / period);
}

unsigned crew_cores(void)
{
    cpu_set_t set;
    unsigned cores = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) cores = (unsigned)CPU_COUNT(&set);
    unsigned quota = quota_cores();
    if (quota > 0 && quota < cores) cores = quota;
    if (cores < 1) cores = 1;
    return cores > CREW_THREADS_MAX ? CREW_THREADS_MAX : cores;
}
