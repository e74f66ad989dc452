/* fail.h - walks error paths: the n-th operation fails; a broken invariant aborts. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_FAIL_H
#define TESTS_FAIL_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "help.h"

/* What is walked: begins anew each time, and gives back what it took. */
typedef enum error_code fail_call(void *context, struct error *err);

static inline int fail_open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

/* Lets the 1st, 2nd, ... operation of call fail until call succeeds. Every failure must be told
 * with a sentence, none swallowed, no descriptor kept. Returns how many failures there were. */
static inline long fail_walk(fail_call *call, void *context)
{
    int files = fail_open_files();
    for (long n = 1; n < 100000; n++) {
        struct error err = {0};
        fault_arm(n);
        enum error_code code = call(context, &err);
        bool struck = fault_struck();
        fault_arm(0);
        assert_int_equal(fail_open_files(), files);
        if (!struck) {
            if (code != ERR_NONE) fail_msg("no fault struck, yet it failed: %s", err.detail);
            return n - 1;
        }
        if (code == ERR_NONE) fail_msg("fault %ld was swallowed", n);
        assert_int_equal(code, err.code);
        assert_true(err.detail[0] != '\0');
    }
    fail_msg("it never succeeds");
    return 0;
}

/* In the child of a fork: no core file, nothing on standard error. */
static inline void fail_quietly(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(SIGABRT, SIG_DFL);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) dup2(null, STDERR_FILENO);
}

/* The statement breaks an invariant: check() aborts the program. */
#define assert_aborts(statement)                                                                   \
    do {                                                                                           \
        pid_t child_ = fork();                                                                     \
        int status_ = 0;                                                                           \
        assert_true(child_ >= 0);                                                                  \
        if (child_ == 0) {                                                                         \
            fail_quietly();                                                                        \
            statement;                                                                             \
            _exit(0);                                                                              \
        }                                                                                          \
        assert_int_equal(waitpid(child_, &status_, 0), child_);                                    \
        if (!WIFSIGNALED(status_) || WTERMSIG(status_) != SIGABRT)                                 \
            fail_msg("does not abort: %s", #statement);                                            \
    } while (0)

#endif
