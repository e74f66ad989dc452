/* drop_test.c - masks: their share, their factor, the same from any part and thread. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/drop.h"

#include "slope.h"

enum { COUNT = 100003 };

static float mask[COUNT], part[COUNT], x[COUNT], out[COUNT];

static void keeps_the_share_it_should(void **state)
{
    (void)state;
    const float probabilities[] = {0.02f, 0.25f, 0.5f, 0.9f};
    for (size_t p = 0; p < 4; p++) {
        const struct drop drop = {.key = 11 + p, .p = probabilities[p]};
        size_t dropped = 0;
        drop_mask(&drop, 0, COUNT, mask);
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(mask[i] == 0 || mask[i] == 1 / (1 - probabilities[p]));
            dropped += mask[i] == 0;
        }
        double share = (double)dropped / COUNT;
        assert_true(fabs(share - (double)probabilities[p]) < 0.008);
    }
}

/* Neighbours, and the same places under another key, are dropped independently. */
static void places_and_keys_are_independent(void **state)
{
    (void)state;
    const struct drop drop = {.key = 3, .p = 0.5f}, other = {.key = 4, .p = 0.5f};
    size_t both = 0, pairs = 0;
    drop_mask(&drop, 0, COUNT, mask);
    drop_mask(&other, 0, COUNT, part);
    for (size_t i = 1; i < COUNT; i++) {
        pairs += mask[i] == 0 && mask[i - 1] == 0;
        both += mask[i] == 0 && part[i] == 0;
    }
    assert_true(fabs((double)pairs / COUNT - 0.25) < 0.008);
    assert_true(fabs((double)both / COUNT - 0.25) < 0.008);
}

static void any_part_is_the_same(void **state)
{
    (void)state;
    const struct drop drop = {.key = 5, .p = 0.3f};
    drop_mask(&drop, 0, COUNT, mask);
    for (size_t from = 0, step = DROP_GRAIN; from < COUNT; from += step, step *= 3) {
        size_t to = from + step < COUNT ? from + step : COUNT;
        drop_mask(&drop, from, to, part);
    }
    assert_memory_equal(mask, part, sizeof mask);
}

static void applied_as_multiplied(void **state)
{
    (void)state;
    struct rng rng = rng_seed(1);
    const struct drop drop = {.key = 6, .p = 0.4f}, none = {.key = 7}, given = {.given = mask};
    slope_fill(&rng, x, COUNT);
    drop_mask(&drop, 0, COUNT, mask);
    drop_multiply(COUNT, x, mask, part);
    drop_apply(&drop, 0, COUNT, x, false, out);
    assert_memory_equal(part, out, sizeof part);
    drop_apply(&given, 0, COUNT, x, false, out);
    assert_memory_equal(part, out, sizeof part);
    drop_apply(&drop, 0, COUNT, x, true, out);
    for (size_t i = 0; i < COUNT; i++) assert_true(out[i] == 2 * part[i]);
    assert_true(drop_none(&none) && !drop_none(&drop) && !drop_none(&given));
    drop_apply(&none, 0, COUNT, x, false, out);
    assert_memory_equal(x, out, sizeof x);
    drop_apply(&none, 0, COUNT, x, true, out);
    for (size_t i = 0; i < COUNT; i++) assert_true(out[i] == 2 * x[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_share_it_should),
        cmocka_unit_test(places_and_keys_are_independent),
        cmocka_unit_test(any_part_is_the_same),
        cmocka_unit_test(applied_as_multiplied),
    };
    return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
