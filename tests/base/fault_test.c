/* fault_test.c - exactly one call fails, whoever makes it. */
// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include <pthread.h>

#include "fail.h"

static void unarmed_never_fails(void **state)
{
    (void)state;
    fault_arm(0);
    for (int i = 0; i < 1000; i++) assert_false(fault_hit());
    assert_false(fault_struck());
}

static void the_nth_fails_once(void **state)
{
    (void)state;
    for (long nth = 1; nth <= 10; nth++) {
        fault_arm(nth);
        for (long i = 1; i <= 30; i++) {
            assert_int_equal(fault_hit(), i == nth);
            assert_int_equal(fault_struck(), i >= nth);
        }
    }
    fault_arm(0);
    assert_false(fault_struck());
}

static void disarms(void **state)
{
    (void)state;
    fault_arm(2);
    assert_false(fault_hit());
    fault_arm(0);
    for (int i = 0; i < 5; i++) assert_false(fault_hit());
}

enum { THREADS = 4, CALLS = 20000 };

static void *hit_often(void *argument)
{
    long *hits = argument;
    for (int i = 0; i < CALLS; i++) *hits += fault_hit();
    return NULL;
}

static void one_of_many_threads_is_struck(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    long hits[THREADS] = {0}, all = 0;
    fault_arm(THREADS * CALLS); /* the very last call of all */
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hit_often, &hits[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        all += hits[i];
    }
    assert_int_equal(all, 1);
    assert_true(fault_struck());
    fault_arm(0);
}

static void a_place_is_bent_and_straight_again(void **state)
{
    (void)state;
    assert_false(fault_bent("linear"));
    fault_turn(); /* none is named */
    assert_false(fault_bent("linear"));
    fault_name("linear");
    assert_false(fault_bent("linear"));
    fault_turn();
    assert_true(fault_bent("linear"));
    assert_false(fault_bent("ulmfit"));
    fault_turn();
    assert_false(fault_bent("linear"));
    fault_turn();
    fault_name(NULL);
    assert_false(fault_bent("linear"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unarmed_never_fails),
        cmocka_unit_test(the_nth_fails_once),
        cmocka_unit_test(disarms),
        cmocka_unit_test(one_of_many_threads_is_struck),
        cmocka_unit_test(a_place_is_bent_and_straight_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
