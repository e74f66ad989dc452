/* cmocka.h - the little of cmocka that the kernel test uses, for a processor whose cmocka is
 * not installed here: the test is cross-compiled and run by qemu-user. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_ARM_CMOCKA_H
#define TESTS_ARM_CMOCKA_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function)                                                                 \
    {                                                                                              \
#function, function                                                                        \
    }
#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                            \
        fprintf(stderr, __VA_ARGS__);                                                              \
        exit(1);                                                                                   \
    } while (0)
#define assert_true(c)                                                                             \
    do {                                                                                           \
        if (!(c)) fail_msg("%s\n", #c);                                                            \
    } while (0)
#define assert_non_null(p)                assert_true((p) != NULL)
#define assert_int_equal(a, b)            assert_true((a) == (b))
#define assert_string_equal(a, b)         assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, size)   assert_true(memcmp(a, b, size) == 0)
#define assert_float_equal(a, b, epsilon) assert_true(fabsf((a) - (b)) <= (epsilon))

static inline int cmocka_run_group_tests_name(const char *group, const struct CMUnitTest *tests,
                                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tests[i].run(NULL);
        printf("%s: %s is fine\n", group, tests[i].name);
    }
    return 0;
}
#define cmocka_run_group_tests_name(group, tests, setup, teardown)                                 \
    cmocka_run_group_tests_name(group, tests, sizeof(tests) / sizeof *(tests))

#endif
