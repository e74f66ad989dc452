/* library_test.c - functions of a library are found, and what is missing is named. */
// SPDX-License-Identifier: Apache-2.0
#include "base/library.h"

#include <math.h>

#include "base/fault.h"
#include "fail.h"
#include "help.h"

#define MATH "libm.so.6"

static double (*cosine)(double);

static void functions_are_found(void **state)
{
    (void)state;
    struct error err;
    const struct library_call calls[] = {{"cos", &cosine}};
    assert_fine(library_open(MATH, calls, 1, &err), &err);
    assert_true(cosine(0) == 1);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    struct error err;
    void *nothing = NULL;
    const struct library_call calls[] = {{"cos", &cosine}, {"no_such_function", &nothing}};
    assert_fails(library_open("libnowhere.so.1", calls, 1, &err), ERR_UNAVAILABLE,
                 "libnowhere.so.1", &err);
    assert_fails(library_open(MATH, calls, 2, &err), ERR_UNAVAILABLE, "no_such_function", &err);
    assert_null(nothing);
    fault_arm(1);
    assert_fails(library_open(MATH, calls, 1, &err), ERR_UNAVAILABLE, MATH, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_found),
        cmocka_unit_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
