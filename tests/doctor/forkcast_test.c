/* forkcast_test.c - verdicts against real forks.
 *
 * A subject process takes mappings it never touches, is judged through /proc as any
 * other process is, and then really forks. What this machine does not allow is
 * skipped with its reason printed.
 */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "doctor/forkcast.h"
#include "doctor/host.h"
#include "doctor/process.h"
#include "doctor/smaps.h"

struct subject {
    pid_t pid;
    int to, from;
};

/* What the subject does first; 0 or an errno. */
typedef int subject_setup(void *context);

/* Forks children that stay until told to go; answers how many it got and the errno. */
static void subject_serve(int in, int out)
{
    pid_t children[64];
    for (;;) {
        char wanted;
        if (read(in, &wanted, 1) != 1) _exit(0);
        int answer[2] = {0, 0};
        while (answer[0] < wanted) {
            pid_t child = fork();
            if (child < 0) {
                answer[1] = errno;
                break;
            }
            if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) pause();
            }
            children[answer[0]++] = child;
        }
        if (write(out, answer, sizeof answer) != sizeof answer) _exit(1);
        if (read(in, &wanted, 1) != 1) _exit(0);
        for (int i = 0; i < answer[0]; i++) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
        if (write(out, answer, sizeof answer) != sizeof answer) _exit(1);
    }
}

/* Returns the setup's errno; the subject is gone where that is not 0. */
static int subject_start(struct subject *out, subject_setup *setup, void *context)
{
    int to[2], from[2], ready = 0;
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(to[1]);
        close(from[0]);
        ready = setup(context);
        if (write(from[1], &ready, sizeof ready) != sizeof ready || ready != 0) _exit(1);
        subject_serve(to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    *out = (struct subject){pid, to[1], from[0]};
    assert_int_equal(read(from[0], &ready, sizeof ready), sizeof ready);
    return ready;
}

static void subject_forks(const struct subject *subject, int wanted, int *out_got, int *out_errno)
{
    char byte = (char)wanted;
    int answer[2];
    assert_int_equal(write(subject->to, &byte, 1), 1);
    assert_int_equal(read(subject->from, answer, sizeof answer), sizeof answer);
    *out_got = answer[0];
    *out_errno = answer[1];
}

static void subject_lets_go(const struct subject *subject)
{
    char byte = 0;
    int answer[2];
    assert_int_equal(write(subject->to, &byte, 1), 1);
    assert_int_equal(read(subject->from, answer, sizeof answer), sizeof answer);
}

static void subject_end(struct subject *subject)
{
    close(subject->to);
    close(subject->from);
    kill(subject->pid, SIGKILL);
    waitpid(subject->pid, NULL, 0);
}

static void look(const struct subject *subject, struct facts *facts)
{
    struct root root = root_of(NULL);
    char pid[24];
    snprintf(pid, sizeof pid, "%d", (int)subject->pid);
    facts_clear(facts);
    host_read(&root, facts);
    assert_true(process_read(&root, pid, facts));
    smaps_read(&root, pid, facts);
    struct cgroup group;
    cgroup_read(&root, pid, &group);
    facts_set_cgroup(facts, &group);
}

/* Forecast by the rule and by the oracle, then the fork itself: all three agree. */
static void judge_and_fork(const struct subject *subject, int workers, const char *what)
{
    struct facts facts;
    look(subject, &facts);
    struct forkcast rule, oracle;
    struct forkcast_options options = {.simulate = FACTS_UNSEEN, .workers = workers};
    forkcast_make(&rule, &facts, &options);
    options.live = true;
    forkcast_make(&oracle, &facts, &options);
    int got, reason;
    subject_forks(subject, workers, &got, &reason);
    subject_lets_go(subject);
    int64_t refused = reason != 0 ? got + 1 : 0;
    print_message("%s: largest %s, sum %s; forecast %s at %" PRId64 ", fork at %" PRId64 " (%s)\n",
                  what, facts_bytes(oracle.largest), facts_bytes(oracle.charge),
                  forkcast_verdict_text(oracle.verdict), oracle.worker, refused,
                  reason != 0 ? strerror(reason) : "fine");
    assert_int_equal(oracle.worker, refused);
    if (refused > 0) assert_int_equal(oracle.errno_value, reason);
    if (rule.verdict == FORKCAST_DEPENDS) return;
    assert_int_equal(rule.worker, refused);
    if (refused > 0) assert_int_equal(rule.errno_value, reason);
}

static void *map_untouched(size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Quarters, which the kernel lays side by side and merges into one mapping. */
static int take_quarters(void *context)
{
    size_t quarter = *(const size_t *)context / 4 & ~(size_t)4095;
    for (int i = 0; i < 4; i++)
        if (map_untouched(quarter) == MAP_FAILED) return errno;
    return 0;
}

static size_t memory_and_swap(void)
{
    struct root root = root_of(NULL);
    struct facts facts;
    facts_clear(&facts);
    host_read(&root, &facts);
    assert_true(facts.mem_total > 0);
    return (size_t)(facts.mem_total + (facts.swap_total > 0 ? facts.swap_total : 0));
}

static void nine_sizes_agree(void **state)
{
    (void)state;
    static const double shares[9] = {0.25, 0.5, 0.75, 0.9, 0.999, 1.001, 1.1, 1.5, 1.9};
    size_t all = memory_and_swap();
    int done = 0;
    for (size_t i = 0; i < 9; i++) {
        size_t bytes = (size_t)((double)all * shares[i]);
        struct subject subject;
        char what[64];
        snprintf(what, sizeof what, "%.3f x (memory + swap)", shares[i]);
        int reason = subject_start(&subject, take_quarters, &bytes);
        if (reason == 0) {
            judge_and_fork(&subject, 1, what);
            done++;
        } else {
            print_message("%s: not mapped here: %s\n", what, strerror(reason));
        }
        subject_end(&subject);
    }
    if (done == 0) SKIP("no size could be mapped");
    print_message("%d of 9 sizes forked\n", done);
}

/* Three mappings that each pass, and one that fork must promise in a whole. */
static int take_three(void *context)
{
    size_t bytes = (size_t)((double)*(const size_t *)context * 0.9) & ~(size_t)4095;
    for (int i = 0; i < 3; i++)
        if (map_untouched(bytes) == MAP_FAILED) return errno;
    return 0;
}

static void merged_mappings_are_one(void **state)
{
    (void)state;
    size_t all = memory_and_swap();
    struct subject subject;
    int reason = subject_start(&subject, take_three, &all);
    if (reason == 0) {
        struct facts facts;
        look(&subject, &facts);
        assert_true(facts.fork_largest > (int64_t)((double)all * 2.6));
        judge_and_fork(&subject, 1, "three of 0.9, merged");
    }
    subject_end(&subject);
    if (reason != 0) SKIP("three mappings of 0.9 x memory are refused here: %s", strerror(reason));
}

static int take_dontfork(void *context)
{
    size_t quarter = *(const size_t *)context / 4 & ~(size_t)4095;
    for (int i = 0; i < 6; i++) {
        void *mapping = map_untouched(quarter);
        if (mapping == MAP_FAILED || madvise(mapping, quarter, MADV_DONTFORK) != 0) return errno;
    }
    return 0;
}

static void dontfork_costs_nothing(void **state)
{
    (void)state;
    size_t all = memory_and_swap();
    struct subject subject;
    int reason = subject_start(&subject, take_dontfork, &all);
    if (reason == 0) {
        struct facts facts;
        look(&subject, &facts);
        assert_true(facts.fork_charge < INT64_C(1) << 30);
        judge_and_fork(&subject, 2, "1.5 x memory, MADV_DONTFORK");
    }
    subject_end(&subject);
    if (reason != 0) SKIP("1.5 x memory cannot be mapped here: %s", strerror(reason));
}

struct file_mapping {
    char path[512];
    int protection;
    size_t bytes;
};

static int take_file(void *context)
{
    const struct file_mapping *wanted = context;
    int fd = open(wanted->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)wanted->bytes) != 0) return errno;
    void *mapping = mmap(NULL, wanted->bytes, wanted->protection, MAP_PRIVATE, fd, 0);
    close(fd);
    unlink(wanted->path);
    return mapping == MAP_FAILED ? errno : 0;
}

static void read_only_costs_nothing(void **state)
{
    (void)state;
    struct file_mapping wanted = {.bytes = (size_t)1 << 30};
    snprintf(wanted.path, sizeof wanted.path, "%s/forkcast.%d", test_folder(), (int)getpid());
    int64_t charges[2];
    for (int i = 0; i < 2; i++) {
        wanted.protection = i == 0 ? PROT_READ : PROT_READ | PROT_WRITE;
        struct subject subject;
        assert_int_equal(subject_start(&subject, take_file, &wanted), 0);
        struct facts facts;
        look(&subject, &facts);
        charges[i] = facts.fork_charge;
        judge_and_fork(&subject, 1, i == 0 ? "1 GiB file, read-only" : "1 GiB file, writable");
        subject_end(&subject);
    }
    /* The same program but for the protection: the difference is the mapping. */
    assert_true(charges[1] - charges[0] >= (int64_t)wanted.bytes);
    assert_true(charges[1] - charges[0] < (int64_t)wanted.bytes + (1 << 20));
}

static int take_six(void *context)
{
    (void)context;
    return map_untouched((size_t)6 << 30) == MAP_FAILED ? errno : 0;
}

static int64_t committed(void)
{
    struct root root = root_of(NULL);
    struct facts facts;
    facts_clear(&facts);
    host_read(&root, &facts);
    return facts.committed_as;
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Others run on this machine too: the median of many forks is what one fork costs. */
static void charge_is_the_rise_of_committed(void **state)
{
    (void)state;
    enum { TRIES = 25 };
    struct subject subject;
    int reason = subject_start(&subject, take_six, NULL);
    if (reason != 0) {
        subject_end(&subject);
        SKIP("6 GiB cannot be mapped here: %s", strerror(reason));
    }
    struct facts facts;
    look(&subject, &facts);
    int64_t rises[TRIES];
    for (int i = 0; i < TRIES; i++) {
        int got, why;
        int64_t before = committed();
        subject_forks(&subject, 1, &got, &why);
        assert_int_equal(got, 1);
        rises[i] = committed() - before;
        subject_lets_go(&subject);
    }
    subject_end(&subject);
    qsort(rises, TRIES, sizeof rises[0], by_size);
    double rise = (double)rises[TRIES / 2];
    double off = ((double)facts.fork_charge - rise) / rise * 100;
    print_message("charge %" PRId64 " kB, Committed_AS rose by %.0f kB: %.4f %% apart\n",
                  facts.fork_charge / 1024, rise / 1024, off);
    assert_true(off < 0.1 && off > -0.1);
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int reason = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return reason;
}

/* A group of this test's own; v1 has the pids controller at its own mount, v2 at the top. */
static bool make_group(char path[128])
{
    static const char *const tops[] = {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, 128, "%s/air-classifier-test-%d", tops[i], (int)getpid());
        if (mkdir(path, 0755) != 0) continue;
        char limit[160];
        snprintf(limit, sizeof limit, "%s/pids.max", path);
        if (access(limit, W_OK) == 0) return true;
        rmdir(path);
    }
    return false;
}

static int enter_group(void *context)
{
    char file[160], number[24];
    snprintf(number, sizeof number, "%d", (int)getpid());
    snprintf(file, sizeof file, "%s/cgroup.procs", (const char *)context);
    return write_text(file, number);
}

static void pids_limits_agree(void **state)
{
    (void)state;
    char group[128], file[160];
    if (!make_group(group)) SKIP("no cgroup with a pids controller may be made here");
    snprintf(file, sizeof file, "%s/pids.max", group);
    static const int limits[] = {1, 3, 4, 9};
    int reason = 0;
    for (size_t i = 0; reason == 0 && i < sizeof limits / sizeof limits[0]; i++) {
        char number[24], what[64];
        snprintf(number, sizeof number, "%d", limits[i]);
        struct subject subject;
        reason = write_text(file, number);
        if (reason != 0) break;
        reason = subject_start(&subject, enter_group, group);
        snprintf(what, sizeof what, "pids.max %d, 4 workers", limits[i]);
        if (reason == 0) judge_and_fork(&subject, 4, what);
        subject_end(&subject);
    }
    rmdir(group);
    if (reason != 0) SKIP("the group could not be used: %s", strerror(reason));
}

static int become_limited(void *context)
{
    rlim_t limit = *(const rlim_t *)context;
    struct rlimit processes = {limit, limit};
    if (setrlimit(RLIMIT_NPROC, &processes) != 0) return errno;
    uid_t stranger = 954321; /* nobody else's: the count is of the user */
    if (setresgid(stranger, stranger, stranger) != 0) return errno;
    return setresuid(stranger, stranger, stranger) != 0 ? errno : 0;
}

static void nproc_limits_agree(void **state)
{
    (void)state;
    if (geteuid() != 0) SKIP("only root can become another user");
    static const rlim_t limits[] = {1, 3, 9};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct subject subject;
        char what[64];
        rlim_t limit = limits[i];
        int reason = subject_start(&subject, become_limited, &limit);
        snprintf(what, sizeof what, "RLIMIT_NPROC %d, 4 workers", (int)limit);
        if (reason == 0) judge_and_fork(&subject, 4, what);
        subject_end(&subject);
        if (reason != 0) SKIP("%s", strerror(reason));
    }
}

static int kill_init(void *context)
{
    if (unshare(CLONE_NEWPID) != 0) return errno;
    pid_t init = fork();
    if (init < 0) return errno;
    if (init == 0) {
        if (*(const bool *)context) _exit(0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    if (*(const bool *)context) waitpid(init, NULL, 0);
    return 0;
}

static void dead_namespaces_agree(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        bool dead = i == 1;
        struct subject subject;
        int reason = subject_start(&subject, kill_init, &dead);
        if (reason == 0) judge_and_fork(&subject, 1, dead ? "init died" : "init lives");
        subject_end(&subject);
        if (reason != 0) SKIP("no pid namespace may be made here: %s", strerror(reason));
    }
}

static void address_space_limit_does_not_refuse_fork(void **state)
{
    (void)state;
    struct facts facts;
    facts_clear(&facts);
    facts.overcommit_memory = 0;
    snprintf(facts.kernel_release, sizeof facts.kernel_release, "6.1.0");
    facts.mem_total = INT64_C(8) << 30;
    facts.swap_total = 0;
    facts.limit_as = INT64_C(1) << 20;
    struct forkcast cast;
    struct forkcast_options options = {.simulate = INT64_C(1) << 30, .workers = 2};
    forkcast_make(&cast, &facts, &options);
    assert_int_equal(cast.verdict, FORKCAST_YES);
}

/* The least worker refused decides; of two that refuse the same, the kernel's order. */
static void the_first_limit_decides(void **state)
{
    (void)state;
    struct facts facts;
    facts_clear(&facts);
    facts.overcommit_memory = 2;
    facts.commit_limit = INT64_C(10) << 30;
    facts.committed_as = INT64_C(4) << 30;
    facts.user_reserve = 0;
    facts.admin_reserve = 0;
    facts.pids_limit = 100;
    facts.pids_used = 98;
    struct forkcast cast;
    struct forkcast_options options = {.simulate = INT64_C(1) << 30, .workers = 8};
    forkcast_make(&cast, &facts, &options);
    assert_int_equal(cast.worker, 3);
    assert_int_equal(cast.limit, FORKCAST_PIDS);
    assert_int_equal(cast.errno_value, EAGAIN);
    facts.pids_used = 95; /* both at the sixth: 4 + 6 x 1 >= 10 */
    forkcast_make(&cast, &facts, &options);
    assert_int_equal(cast.worker, 6);
    assert_int_equal(cast.limit, FORKCAST_OVERCOMMIT);
    assert_int_equal(cast.errno_value, ENOMEM);
}

int main(void)
{
    if (getenv("TEST_EMULATED") != NULL) return 0; /* what forks is the emulator, all of it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nine_sizes_agree),
        cmocka_unit_test(merged_mappings_are_one),
        cmocka_unit_test(dontfork_costs_nothing),
        cmocka_unit_test(read_only_costs_nothing),
        cmocka_unit_test(charge_is_the_rise_of_committed),
        cmocka_unit_test(pids_limits_agree),
        cmocka_unit_test(nproc_limits_agree),
        cmocka_unit_test(dead_namespaces_agree),
        cmocka_unit_test(address_space_limit_does_not_refuse_fork),
        cmocka_unit_test(the_first_limit_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
