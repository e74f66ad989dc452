/* visit_test.c - every allocation and file operation of an examination fails once.
 *
 * Files of /proc that cannot be read are degradation; memory and the log are errors.
 * In neither case anything is lost or touched twice (the sanitizers watch).
 */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include "base/fault.h"
#include "doctor/visit.h"

static void every_failure_is_walked(void **state)
{
    (void)state;
    struct doctor_options options = {.root = "tests/doctor/trees/strict",
                                     .simulate = INT64_C(1) << 30,
                                     .workers = 3,
                                     .log = "tests/doctor/logs/incident.log"};
    int errors = 0, degraded = 0;
    long nth = 0;
    for (bool struck = true; struck;) {
        assert_true(nth < 2000);
        struct visit visit;
        struct error err = {0};
        fault_arm(++nth);
        enum error_code code = visit_open(&visit, &options, &err);
        if (code == ERR_NONE) {
            code = visit_all(&visit, &options, &err);
            struck = fault_struck();
            degraded += code == ERR_NONE && struck;
            visit_close(&visit);
        }
        fault_arm(0);
        if (code != ERR_NONE) {
            assert_true(code == ERR_MEMORY || code == ERR_READ || code == ERR_NO_INPUT);
            assert_true(strlen(err.detail) > 0);
            errors++;
        }
    }
    print_message("%ld steps: %d errors, %d seen less\n", nth, errors, degraded);
    assert_true(errors >= 5);
    assert_true(degraded >= 20);
}

/* One report of all there is, from a tree: nothing of this machine in it. */
static void a_tree_is_all_that_is_read(void **state)
{
    (void)state;
    struct doctor_options options = {.root = "tests/doctor/trees/kubernetes", .simulate = -1};
    struct visit visit;
    struct error err = {0};
    assert_fine(visit_open(&visit, &options, &err), &err);
    assert_fine(visit_all(&visit, &options, &err), &err);
    assert_string_equal(visit.facts.kernel_release, "5.14.0-427.el9.x86_64");
    assert_int_equal(visit.facts.memory_oom_group, 1);
    assert_int_equal(visit.facts.user_tasks, FACTS_UNSEEN);
    assert_int_equal(visit.facts.shm_size, 64 << 20);
    assert_null(json_object_get(json_object_get(visit.details, "fork"), "oracle"));
    visit_close(&visit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_is_walked),
        cmocka_unit_test(a_tree_is_all_that_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
