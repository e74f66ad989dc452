/* check_test.c - a broken invariant says where, and aborts. */
// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include "fail.h"

static void holds(void **state)
{
    (void)state;
    int evaluated = 0;
    check(++evaluated == 1);
    dcheck(evaluated == 1);
    assert_int_equal(evaluated, 1);
}

static void aborts(void **state)
{
    (void)state;
    assert_aborts(check(1 + 1 == 3));
    assert_aborts(dcheck(1 + 1 == 3)); /* tests are built with -DDCHECK */
}

static void says_where(void **state)
{
    (void)state;
    int pipe_[2], status;
    assert_int_equal(pipe(pipe_), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fail_quietly();
        dup2(pipe_[1], STDERR_FILENO);
        check_failed("some/file.c", 42, "left == right");
    }
    close(pipe_[1]);
    char said[256] = "";
    ssize_t got = read(pipe_[0], said, sizeof said - 1);
    close(pipe_[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(got > 0);
    assert_non_null(strstr(said, "some/file.c:42: left == right\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds),
        cmocka_unit_test(aborts),
        cmocka_unit_test(says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
