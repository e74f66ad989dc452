/* headroom_test.c - the tightest of host, container and process, in recorded trees and here. */
// SPDX-License-Identifier: Apache-2.0
#include "base/headroom.h"

#include <sys/resource.h>

#include "help.h"

#define TREES "tests/doctor/trees/"

static const struct {
    const char *tree;
    int64_t bytes;
    const char *who;
} rows[] = {
    {TREES "docker-v2", INT64_C(4294967296) - 1900000000, "container"},
    {TREES "strict", INT64_C(566329) * 1024, "still promises"},
    {TREES "incident-mode2", INT64_C(1585944) * 1024, "host's available"},
};

static void test_the_tightest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct root root = root_of(rows[i].tree);
        struct headroom headroom;
        headroom_read(&root, &headroom);
        assert_int_equal(headroom.bytes, rows[i].bytes);
        assert_non_null(strstr(headroom.who, rows[i].who));
    }
}

static void test_nothing_seen(void **state)
{
    (void)state;
    struct root root = root_of(test_folder());
    struct headroom headroom;
    headroom_read(&root, &headroom);
    assert_true(headroom.bytes == ROOT_UNLIMITED);
    headroom_bound(&headroom, 5, "a wish");
    headroom_bound(&headroom, 6, "another");
    assert_true(headroom.bytes == 5);
    assert_string_equal(headroom.who, "a wish");
    headroom_bound(&headroom, -1, "less than nothing");
    assert_true(headroom.bytes == 0);
}

/* A limit of data just above what is in use; lifted again before anything is taken. */
static void test_limits_of_the_process(void **state)
{
    (void)state;
    skip_emulated();
    struct rlimit was, low;
    struct root root = root_of(NULL);
    struct headroom wide, narrow;
    assert_int_equal(getrlimit(RLIMIT_DATA, &was), 0);
    headroom_read(&root, &wide);
    assert_true(wide.bytes > 0 && wide.resident > 100000);
    low = (struct rlimit){(rlim_t)1 << 20, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_DATA, &low), 0);
    headroom_read(&root, &narrow);
    assert_int_equal(setrlimit(RLIMIT_DATA, &was), 0);
    assert_true(narrow.bytes < 1 << 20);
    assert_non_null(strstr(narrow.who, "ulimit -d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_tightest),
        cmocka_unit_test(test_nothing_seen),
        cmocka_unit_test(test_limits_of_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
