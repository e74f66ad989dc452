/* draw_test.c - our rand() is the one liblinear calls, and every thread has its own. */
// SPDX-License-Identifier: Apache-2.0
#include "train/draw.h"

#include <dlfcn.h>
#include <linear.h>
#include <pthread.h>

#include "help.h"

static void a_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    int first[100], differ = 0;
    draw_seed(1);
    for (int i = 0; i < 100; i++) first[i] = rand();
    assert_int_equal(draw_count(), 100);
    draw_seed(2);
    assert_int_equal(draw_count(), 0);
    for (int i = 0; i < 100; i++) differ += rand() != first[i];
    assert_true(differ > 95);
    draw_seed(1);
    for (int i = 0; i < 100; i++) assert_int_equal(rand(), first[i]);
}

static void numbers_fill_the_range(void **state)
{
    (void)state;
    int low = 0, high = 0;
    draw_seed(3);
    for (int i = 0; i < 10000; i++) {
        int number = rand();
        assert_in_range(number, 0, RAND_MAX);
        low += number < RAND_MAX / 10;
        high += number > RAND_MAX / 10 * 9;
    }
    assert_in_range(low, 900, 1100);
    assert_in_range(high, 900, 1100);
}

static void *other_thread(void *argument)
{
    int *out = argument;
    draw_seed(1);
    for (int i = 0; i < 3; i++) out[i] = rand();
    return NULL;
}

static void a_thread_has_its_own(void **state)
{
    (void)state;
    pthread_t thread;
    int mine[3], theirs[3];
    draw_seed(1);
    mine[0] = rand();
    assert_int_equal(pthread_create(&thread, NULL, other_thread, theirs), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    mine[1] = rand();
    mine[2] = rand();
    assert_memory_equal(mine, theirs, sizeof mine);
    assert_int_equal(draw_count(), 3);
}

static void silent(const char *text) { (void)text; }

/* Shared libraries look rand() up in the program first only if it exports it. */
static void liblinear_draws_from_it(void **state)
{
    (void)state;
    assert_ptr_equal(dlsym(RTLD_DEFAULT, "rand"), (void *)(size_t)&rand);
    struct feature_node one[] = {{1, 1}, {-1, 0}}, two[] = {{2, 1}, {-1, 0}};
    struct feature_node *x[] = {one, two, one, two};
    double y[] = {1, -1, 1, -1};
    struct problem problem = {.l = 4, .n = 2, .y = y, .x = x, .bias = -1};
    struct parameter parameter = {.solver_type = L2R_L2LOSS_SVC_DUAL, .eps = 0.1, .C = 1, .p = 0.1};
    set_print_string_function(silent);
    draw_seed(1);
    struct model *model = train(&problem, &parameter);
    assert_non_null(model);
    assert_true(draw_count() > 0);
    free_and_destroy_model(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_numbers),
        cmocka_unit_test(numbers_fill_the_range),
        cmocka_unit_test(a_thread_has_its_own),
        cmocka_unit_test(liblinear_draws_from_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
