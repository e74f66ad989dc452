/* refusal_test.c - each limit of fork alone: the first worker refused, its errno, its name. */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <errno.h>

#include "doctor/refusal.h"

#define GIB (INT64_C(1) << 30)

/* A machine that refuses nothing. */
static struct facts plenty(void)
{
    struct facts facts;
    facts_clear(&facts);
    facts.overcommit_memory = 0;
    snprintf(facts.kernel_release, sizeof facts.kernel_release, "6.1.0");
    facts.mem_total = 64 * GIB;
    facts.swap_total = 0;
    facts.mem_free = 32 * GIB;
    facts.uid = 1000;
    facts.cap_admin = facts.cap_resource = 0;
    facts.tasks = 1000;
    facts.user_tasks = 100;
    return facts;
}

static void expect(const struct facts *facts, enum forkcast_limit limit, int64_t worker, int reason)
{
    struct forkcast cast;
    struct forkcast_options options = {.simulate = GIB, .workers = 8};
    forkcast_make(&cast, facts, &options);
    if (cast.limit != limit || cast.worker != worker || (worker > 0 && cast.errno_value != reason))
        fail_msg("%s at %d (%s), wanted %s at %d: %s", forkcast_limit_text(cast.limit),
                 (int)cast.worker, strerror(cast.errno_value), forkcast_limit_text(limit),
                 (int)worker, cast.inequality);
    assert_true(strlen(cast.inequality) > 0);
    assert_int_equal(worker > 0, strlen(cast.change) > 0);
}

static void each_limit_refuses_alone(void **state)
{
    (void)state;
    struct facts facts = plenty();
    expect(&facts, FORKCAST_NOTHING, 0, 0);
    facts.limit_nproc = 105;
    expect(&facts, FORKCAST_NPROC, 6, EAGAIN);
    facts.cap_resource = 1; /* exempt */
    expect(&facts, FORKCAST_NOTHING, 0, 0);
    facts = plenty();
    facts.threads_max = 1002;
    expect(&facts, FORKCAST_THREADS, 3, EAGAIN);
    facts = plenty();
    facts.pid_max = 1304;
    expect(&facts, FORKCAST_PID_MAX, 5, EAGAIN);
    snprintf(facts.kernel_release, sizeof facts.kernel_release, "3.10.0-1127.el7.x86_64");
    expect(&facts, FORKCAST_PID_MAX, 5, ENOMEM); /* an old kernel's errno */
    facts = plenty();
    facts.pids_limit = 10;
    facts.pids_used = 10;
    expect(&facts, FORKCAST_PIDS, 1, EAGAIN);
    facts = plenty();
    facts.namespace_dead = 1;
    expect(&facts, FORKCAST_NAMESPACE, 1, ENOMEM);
    facts = plenty();
    facts.kmem_limit = 100 << 20;
    facts.kmem_used = 95 << 20; /* 5 MiB, 2 MiB and 64 KiB a fork */
    expect(&facts, FORKCAST_KMEM, 3, ENOMEM);
}

/* The rules at their edges: one page more or less decides. */
static void overcommit_turns_at_its_edge(void **state)
{
    (void)state;
    struct facts facts = plenty();
    facts.mem_total = GIB;
    expect(&facts, FORKCAST_NOTHING, 0, 0); /* new rule: more than all is refused, all is not */
    facts.mem_total = GIB - 4096;
    expect(&facts, FORKCAST_OVERCOMMIT, 1, ENOMEM);
    facts.swap_total = 4096;
    expect(&facts, FORKCAST_NOTHING, 0, 0);
    facts = plenty();
    snprintf(facts.kernel_release, sizeof facts.kernel_release, "5.1.21");
    facts.mem_free = GIB;
    facts.admin_reserve = 0;
    expect(&facts, FORKCAST_OVERCOMMIT, 1, ENOMEM); /* old rule: as much as is free is refused */
    facts.mem_free = GIB + 4096;
    expect(&facts, FORKCAST_NOTHING, 0, 0);
    facts.admin_reserve = 8 << 20;
    expect(&facts, FORKCAST_OVERCOMMIT, 1, ENOMEM);
    facts.cap_admin = 1; /* the reserve is for whoever may administer */
    expect(&facts, FORKCAST_NOTHING, 0, 0);
    facts.shmem = 2 << 20;
    expect(&facts, FORKCAST_OVERCOMMIT, 1, ENOMEM);
    facts.cached = 3 << 20;
    expect(&facts, FORKCAST_NOTHING, 0, 0);
    facts.overcommit_memory = 2;
    facts.committed_as = 2 * GIB;
    facts.commit_limit = 5 * GIB; /* 2 + 3 x 1 >= 5 */
    expect(&facts, FORKCAST_OVERCOMMIT, 3, ENOMEM);
    facts.commit_limit = 5 * GIB + 4096;
    expect(&facts, FORKCAST_OVERCOMMIT, 4, ENOMEM);
    facts.commit_limit = FACTS_UNSEEN; /* then from ratio, huge pages and swap */
    facts.overcommit_ratio = 10;
    facts.huge_pages_total = 7168;
    facts.huge_page_size = 2 << 20; /* (64 - 14) / 10 = 5 GiB, rounded down */
    expect(&facts, FORKCAST_OVERCOMMIT, 3, ENOMEM);
    facts.overcommit_kbytes = 6 * GIB; /* takes the ratio's place: 2 + 4 x 1 >= 6 */
    expect(&facts, FORKCAST_OVERCOMMIT, 4, ENOMEM);
    facts.overcommit_memory = 1;
    expect(&facts, FORKCAST_NOTHING, 0, 0);
}

static void every_limit_is_asked(void **state)
{
    (void)state;
    bool seen[FORKCAST_PIDS + 1] = {false};
    struct facts facts = plenty();
    struct forkcast cast = {.rule = OVERCOMMIT_NEW, .charge = GIB, .largest = GIB, .allowed = GIB};
    struct forkcast_options options = {.simulate = GIB, .workers = 1};
    struct question question = {&facts, &options, &cast};
    for (size_t i = 0; i < refusal_count(); i++) {
        struct refusal refusal = {0};
        refusal_ask(i, &question, &refusal);
        assert_int_equal(refusal.worker, 0);
        seen[refusal.limit] = true;
    }
    for (size_t i = FORKCAST_NOTHING + 1; i <= FORKCAST_PIDS; i++) assert_true(seen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_refuses_alone),
        cmocka_unit_test(overcommit_turns_at_its_edge),
        cmocka_unit_test(every_limit_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
