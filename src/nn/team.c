/* team.c - a barrier that spins, then sleeps, and a sleeping start.
 *
 * A barrier passed on two cores costs some 50 ns, a wake-up some 50 us: so within
 * a run members spin for about as long as a wake-up takes. Who waits longer
 * sleeps, for the partner then waits for a core, perhaps for this one: on a machine
 * whose cores others want, too, members that only spun (or called sched_yield) took
 * turns of milliseconds, and a test of 3 s took 300. A team larger than its cores
 * does not spin at all: who is waited for cannot run meanwhile. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/team.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/crew.h"
#include "base/mem.h"
#include "base/thread.h"

enum { SPINS_BEFORE_SLEEP = 2000, LINE = 64 };

struct member {
    struct team *team;
    unsigned number;
    struct thread thread;
};

struct team {
    atomic_uint arrived;
    char apart[LINE];     /* what one writes and the others poll lie on different lines */
    atomic_uint passed;   /* barriers so far; the word that sleepers wait on */
    atomic_uint sleepers; /* or about to be */
    char apart_too[LINE];
    unsigned size, spins;
    pthread_mutex_t lock;
    pthread_cond_t start;
    unsigned long runs; /* under lock, with job, context and closing */
    team_job *job;
    void *context;
    bool closing;
    struct member members[TEAM_THREADS_MAX];
};

static void breathe(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* The kernel looks at the word itself: who comes too late does not sleep. */
static void sleep_through(struct team *team, unsigned passed)
{
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->passed) == passed)
        syscall(SYS_futex, &team->passed, FUTEX_WAIT_PRIVATE, passed, NULL, NULL, 0);
    atomic_fetch_sub(&team->sleepers, 1);
}

void team_wait(struct team *team)
{
    if (team->size == 1) return;
    unsigned passed = atomic_load_explicit(&team->passed, memory_order_acquire);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->size) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        /* Before the look at sleepers, as theirs is before the look at passed. */
        atomic_store(&team->passed, passed + 1);
        if (atomic_load(&team->sleepers) > 0)
            syscall(SYS_futex, &team->passed, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
        return;
    }
    for (unsigned spins = 0; spins < team->spins; spins++) {
        if (atomic_load_explicit(&team->passed, memory_order_acquire) != passed) return;
        breathe();
    }
    sleep_through(team, passed);
}

static void *live(void *argument)
{
    struct member *me = argument;
    struct team *team = me->team;
    unsigned long done = 0;
    for (;;) {
        pthread_mutex_lock(&team->lock);
        while (team->runs == done && !team->closing) pthread_cond_wait(&team->start, &team->lock);
        bool closing = team->closing;
        team_job *job = team->job;
        void *context = team->context;
        pthread_mutex_unlock(&team->lock);
        if (closing) return NULL;
        job(context, me->number);
        done++;
        team_wait(team);
    }
}

static bool start_member(struct team *team, unsigned number)
{
    struct member *member = &team->members[number];
    *member = (struct member){.team = team, .number = number};
    return thread_start(&member->thread, live, member);
}

enum error_code team_open(struct team **out_team, unsigned threads, struct error *err)
{
    check(threads >= 1 && threads <= TEAM_THREADS_MAX);
    struct team *team = NULL;
    TRY(mem_take(&team, 1, sizeof *team, err));
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->start, NULL);
    team->size = 1;
    team->spins = threads <= crew_cores() ? SPINS_BEFORE_SLEEP : 0;
    while (team->size < threads && start_member(team, team->size)) team->size++;
    if (team->size < threads) {
        unsigned started = team->size;
        team_close(team);
        return error_set(err, ERR_SYSTEM, 0, "thread %u of %u could not be started", started + 1,
                         threads);
    }
    *out_team = team;
    return ERR_NONE;
}

void team_close(struct team *team)
{
    if (team == NULL) return;
    pthread_mutex_lock(&team->lock);
    team->closing = true;
    pthread_cond_broadcast(&team->start);
    pthread_mutex_unlock(&team->lock);
    for (unsigned m = 1; m < team->size; m++) thread_join(&team->members[m].thread);
    pthread_mutex_destroy(&team->lock);
    pthread_cond_destroy(&team->start);
    mem_free(team);
}

unsigned team_size(const struct team *team) { return team->size; }

void team_run(struct team *team, team_job *job, void *context)
{
    if (team->size > 1) {
        pthread_mutex_lock(&team->lock);
        team->job = job;
        team->context = context;
        team->runs++;
        pthread_cond_broadcast(&team->start);
        pthread_mutex_unlock(&team->lock);
    }
    job(context, 0);
    team_wait(team);
}
