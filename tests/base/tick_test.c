/* tick_test.c - time goes forward, in nanoseconds. */
// SPDX-License-Identifier: Apache-2.0
#include "base/tick.h"

#include <time.h>

#include "help.h"

static void never_goes_back(void **state)
{
    (void)state;
    uint64_t last = tick_now();
    for (int i = 0; i < 100000; i++) {
        uint64_t now = tick_now();
        assert_true(now >= last);
        last = now;
    }
}

static void counts_nanoseconds(void **state)
{
    (void)state;
    uint64_t start = tick_now();
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    double seconds = tick_seconds_since(start);
    assert_true(seconds >= 0.02 && seconds < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(counts_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
