/* search_test.c - valleys inside, at the ends, and how near they are found. */
// SPDX-License-Identifier: Apache-2.0
#include "train/search.h"

#include <math.h>

#include "help.h"

static unsigned asked;

static double bowl(void *context, double x)
{
    const double *bottom = context;
    asked++;
    return fabs(x - *bottom);
}

static void the_bottom_is_found(void **state)
{
    (void)state;
    static const double bottoms[] = {-3, -2.5, 0.1, 4.99, 5};
    for (size_t i = 0; i < sizeof bottoms / sizeof *bottoms; i++) {
        double bottom = bottoms[i];
        asked = 0;
        double found = search_lowest(bowl, &bottom, -3, 5, 20);
        assert_int_equal(asked, 22);
        assert_true(fabs(found - bottom) < 8 * pow(0.6181, 20));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_bottom_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
