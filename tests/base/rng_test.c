/* rng_test.c - the published numbers of SplitMix64, and no bias. */
// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include "fail.h"

/* Written by the reference code (Vigna, splitmix64.c). */
static void gives_the_published_numbers(void **state)
{
    (void)state;
    static const uint64_t of_zero[] = {0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F,
                                       0xF88BB8A8724C81EC};
    static const uint64_t of_1234567[] = {6457827717110365317u, 3203168211198807973u,
                                          9817491932198370423u, 4593380528125082431u,
                                          16408922859458223821u};
    struct rng rng = rng_seed(0);
    for (size_t i = 0; i < 4; i++) assert_int_equal(rng_next(&rng), of_zero[i]);
    rng = rng_seed(1234567);
    for (size_t i = 0; i < 5; i++) assert_int_equal(rng_next(&rng), of_1234567[i]);
}

static void stays_below(void **state)
{
    (void)state;
    struct rng rng = rng_seed(3);
    static const uint64_t bounds[] = {1, 2, 3, 7, 1000, UINT64_MAX / 2 + 2, UINT64_MAX};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++)
        for (int i = 0; i < 1000; i++) assert_true(rng_below(&rng, bounds[b]) < bounds[b]);
    assert_aborts(rng_below(&rng, 0));
}

static void is_uniform(void **state)
{
    (void)state;
    enum { BOUND = 7, DRAWS = 70000 };
    struct rng rng = rng_seed(42);
    long counts[BOUND] = {0};
    for (int i = 0; i < DRAWS; i++) counts[rng_below(&rng, BOUND)]++;
    double chi = 0, wanted = (double)DRAWS / BOUND;
    for (int i = 0; i < BOUND; i++)
        chi += ((double)counts[i] - wanted) * ((double)counts[i] - wanted) / wanted;
    assert_true(chi < 22.5); /* six degrees of freedom, one in a thousand */
}

/* With a bound of 3/4 of the range, plain remainders would make a third of all numbers twice as
 * frequent as the others. */
static void has_no_bias_at_large_bounds(void **state)
{
    (void)state;
    uint64_t bound = UINT64_MAX / 4 * 3;
    struct rng rng = rng_seed(7);
    int low = 0;
    for (int i = 0; i < 30000; i++) low += rng_below(&rng, bound) < bound / 3;
    assert_in_range(low, 9600, 10400); /* five standard deviations; with bias 15,000 */
}

static void shuffles_fairly(void **state)
{
    (void)state;
    long seen[6] = {0};
    struct rng rng = rng_seed(1);
    for (int i = 0; i < 60000; i++) {
        uint32_t items[3] = {0, 1, 2};
        rng_shuffle(&rng, items, 3);
        assert_int_equal((1u << items[0]) | (1u << items[1]) | (1u << items[2]), 7);
        seen[items[0] * 2 + (items[1] > items[2])]++;
    }
    for (int i = 0; i < 6; i++) assert_in_range(seen[i], 9500, 10500);
    uint32_t one = 9;
    rng_shuffle(&rng, &one, 1);
    rng_shuffle(&rng, NULL, 0);
    assert_int_equal(one, 9);
}

static void mixes_one_to_one(void **state)
{
    (void)state;
    assert_int_equal(rng_mix(0), 0);
    assert_int_equal(rng_mix(0x9E3779B97F4A7C15), 0xE220A8397B1DCDAF); /* rng_next of seed 0 */
    for (unsigned bit = 0; bit < 64; bit++) { /* one bit in, about half of them out */
        int changed = __builtin_popcountll(rng_mix(12345) ^ rng_mix(12345 ^ (uint64_t)1 << bit));
        assert_in_range(changed, 14, 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_numbers),
        cmocka_unit_test(stays_below),
        cmocka_unit_test(is_uniform),
        cmocka_unit_test(has_no_bias_at_large_bounds),
        cmocka_unit_test(shuffles_fairly),
        cmocka_unit_test(mixes_one_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
