/* help.h - what every unit test includes: cmocka, and a few asserts on errors. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_HELP_H
#define TESTS_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

/* The call succeeds; its sentence is shown when it does not. */
#define assert_fine(call, err)                                                                     \
    do {                                                                                           \
        if ((call) != ERR_NONE) fail_msg("%s: %s", #call, (err)->detail);                          \
    } while (0)

/* The call fails with this code, and its sentence holds this text. */
#define assert_fails(call, error_code_, text, err)                                                 \
    do {                                                                                           \
        assert_int_equal((call), (error_code_));                                                   \
        if (strstr((err)->detail, (text)) == NULL)                                                 \
            fail_msg("'%s' is not in '%s'", (text), (err)->detail);                                \
    } while (0)

/* Ends a test that cannot be made here, and says why. */
#define SKIP(...) (print_message("skipped: " __VA_ARGS__), print_message("\n"), skip())

/* A folder of this test's own under the build folder; removed by the runner. */
static inline const char *test_folder(void)
{
    const char *folder = getenv("TEST_TMP");
    return folder != NULL ? folder : "/tmp";
}

/* An emulator keeps neither limits of memory nor filters of system calls, knows not all that a
 * socket tells, has threads and a pace of its own: tests of them have nothing to see there. */
#define skip_emulated()                                                                            \
    do {                                                                                           \
        if (getenv("TEST_EMULATED") != NULL) skip();                                               \
    } while (0)

#endif
