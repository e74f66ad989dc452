/* schedule_test.c - 100 steps of fastai's fit_one_cycle: rates of five groups, momentum. */
// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.h"

#include <jansson.h>
#include <math.h>

#include "../help.h"

static void test_one_cycle(void **state)
{
    (void)state;
    json_t *root = json_load_file("tests/golden/train/onecycle.json", 0, NULL);
    assert_non_null(root);
    const json_t *rates = json_object_get(root, "lr_per_group"),
                 *moms = json_object_get(root, "mom");
    double most[5], spread = 2.6 * 2.6 * 2.6 * 2.6, worst = 0;
    schedule_spread(1e-3 / spread, 1e-3, most, 5);
    assert_int_equal(json_array_size(rates), 100);
    for (size_t step = 0; step < 100; step++) {
        double position = (double)step / 100;
        for (size_t g = 0; g < 5; g++) {
            double want = json_number_value(json_array_get(json_array_get(rates, step), g));
            worst = fmax(worst, fabs(schedule_rate(most[g], position) / want - 1));
        }
        double want = json_number_value(json_array_get(moms, step));
        worst = fmax(worst, fabs(schedule_momentum(position) / want - 1));
    }
    if (worst > 1e-9) fail_msg("largest relative difference %g", worst);
    json_decref(root);
}

static void test_spread(void **state)
{
    (void)state;
    double rates[3];
    schedule_spread(1, 100, rates, 3);
    assert_true(rates[0] == 1 && fabs(rates[1] - 10) < 1e-12 && fabs(rates[2] - 100) < 1e-12);
    schedule_spread(1, 100, rates, 1);
    assert_true(rates[0] == 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_cycle),
        cmocka_unit_test(test_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
