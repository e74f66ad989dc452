/* stop_test.c - the first signal asks, the second ends. */
// SPDX-License-Identifier: Apache-2.0
#include "base/stop.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../help.h"

static void test_asks_once(void **state)
{
    (void)state;
    stop_arm();
    assert_false(stop_asked());
    raise(SIGTERM);
    assert_true(stop_asked());
    stop_arm();
    assert_false(stop_asked());
    raise(SIGINT);
    assert_true(stop_asked());
}

static void test_the_second_ends(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        stop_arm();
        raise(SIGINT);
        if (!stop_asked()) _exit(1);
        raise(SIGINT);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_once),
        cmocka_unit_test(test_the_second_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
