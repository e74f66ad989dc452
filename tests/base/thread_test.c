/* thread_test.c - who has ended is joined, who has not is told of. */
// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <sched.h>
#include <semaphore.h>

#include "help.h"

static sem_t gate;

static void *wait_at_gate(void *argument)
{
    sem_wait(&gate);
    *(int *)argument += 1;
    return NULL;
}

static void it_is_joined_once_it_ends(void **state)
{
    (void)state;
    struct thread thread = {0};
    int passed = 0;
    thread_join(&thread); /* nobody yet */
    assert_true(thread_join_within(&thread, 0));
    assert_true(thread_start(&thread, wait_at_gate, &passed));
    assert_false(thread_join_within(&thread, 0));
    assert_true(thread.started);
    sem_post(&gate);
    assert_true(thread_join_within(&thread, 1000));
    assert_int_equal(passed, 1);
    assert_false(thread.started);
    assert_true(thread_start(&thread, wait_at_gate, &passed));
    sem_post(&gate);
    thread_join(&thread);
    thread_join(&thread);
    assert_int_equal(passed, 2);
    assert_true(thread_ended(&thread));
    assert_true(thread_start(&thread, wait_at_gate, &passed));
    assert_false(thread_ended(&thread));
    sem_post(&gate);
    while (!thread_ended(&thread)) sched_yield();
    assert_int_equal(passed, 3);
    assert_false(thread.started);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_joined_once_it_ends),
    };
    sem_init(&gate, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
