/* vitals_test.c - the numbers are this process' own; of a tree without them nothing is said. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/vitals.h"

#include <fcntl.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "help.h"

static struct metrics_now look(const char *folder)
{
    struct root root = root_of(folder);
    struct metrics_now now = metrics_nothing(NULL);
    vitals_read(&root, &now);
    return now;
}

static void this_process_is_seen(void **state)
{
    (void)state;
    skip_emulated();
    struct metrics_now now = look(NULL);
    assert_true(now.resident_bytes > 100000 && now.resident_bytes <= now.peak_bytes);
    assert_true(now.peak_bytes <= now.virtual_bytes);
    assert_true(now.threads == 1);
    assert_true(now.cpu_seconds >= 0 && now.cpu_seconds < 1000);
    assert_true(fabs(now.start_seconds - (double)time(NULL)) < 3600);
    assert_true(now.open_fds >= 3 && now.open_fds <= now.fds_limit);
    int fd = open("/dev/null", O_RDONLY);
    assert_true(look(NULL).open_fds == now.open_fds + 1);
    close(fd);
}

static void what_cannot_be_seen_is_not_told(void **state)
{
    (void)state;
    struct metrics_now now = look(test_folder()); /* no tree is there */
    assert_true(isnan(now.resident_bytes) && isnan(now.cpu_seconds) && isnan(now.open_fds));
    assert_true(isnan(now.cgroup_bytes) && isnan(now.start_seconds));
    for (int nth = 1; nth < 30; nth++) { /* any file refused: no harm */
        fault_arm(nth);
        now = look(NULL);
        fault_arm(0);
    }
    assert_true(look(NULL).resident_bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_process_is_seen),
        cmocka_unit_test(what_cannot_be_seen_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
