/* seats_test.c - a model leaves its seat only when nobody looks at it any more. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/seats.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "../answer/imported.h"
#include "base/fault.h"

static const struct answer_room one = {.slots = 1, .threads = 1};

static struct seat *fill(struct seats *seats, const char *path)
{
    struct error err;
    struct seat *seat;
    assert_fine(seats_open(seats, path, NULL, &seat, &err), &err);
    assert_fine(seats_fill(seat, 2, one, &err), &err);
    return seat;
}

static struct seats seats;
static atomic_bool swapped;

static void *swap(void *seat)
{
    assert_ptr_equal(seats_swap(&seats, seat), &seats.seat[0]);
    atomic_store(&swapped, true);
    return NULL;
}

static void a_swap_waits_for_holders(void **state)
{
    pthread_t helper;
    memset(&seats, 0, sizeof seats);
    struct seat *first = fill(&seats, *state);
    assert_null(seats_swap(&seats, first));
    assert_ptr_equal(seats_hold(&seats, 0), first);
    assert_ptr_equal(seats_hold(&seats, SEATS_CONTEXTS_MAX - 1), first);
    struct seat *second = fill(&seats, *state);
    assert_ptr_not_equal(first, second);
    assert_int_equal(pthread_create(&helper, NULL, swap, second), 0);
    while (atomic_load(&seats.current) != second) sched_yield();
    assert_false(atomic_load(&swapped));
    assert_ptr_equal(seats_hold(&seats, 1), second); /* who comes now has the new one */
    seats_pin(first);
    seats_release(&seats, 0);
    assert_false(atomic_load(&swapped));
    seats_release(&seats, SEATS_CONTEXTS_MAX - 1);
    sched_yield();
    assert_false(atomic_load(&swapped)); /* still pinned */
    seats_unpin(first);
    pthread_join(helper, NULL);
    assert_true(atomic_load(&swapped));
    seats_release(&seats, 1);
    seats_close(first);
    seats_close(first); /* and again: there is nothing */
    seats_close(second);
}

/* A fastai import brings no cases of its own. */
static void a_model_without_canaries_gets_one(void **state)
{
    struct error err;
    struct answer answer;
    struct seats room = {0};
    struct seat *seat = fill(&room, *state);
    assert_int_equal(seat->model.canary_count, 1);
    struct case_text text = answer_canary(&seat->model, 0);
    assert_true(text.field[CASE_DESCRIPTION].size > 0);
    answer_case(&seat->context[1], &text, &answer);
    assert_fine(answer_canary_right(&answer, 0, &err), &err);
    seats_close(seat);
}

/* What it was at the beginning must stay so. */
static void a_member_that_goes_wrong_is_seen(void **state)
{
    struct error err;
    struct answer answer;
    struct seats room = {0};
    struct seat *seat = fill(&room, *state);
    struct case_text text = answer_canary(&seat->model, 0);
    static const char *const places[] = {"ulmfit", "tokens"};
    for (size_t i = 0; i < 2; i++) {
        fault_name(places[i]);
        fault_turn();
        answer_case(&seat->context[0], &text, &answer);
        assert_fails(answer_canary_right(&answer, 0, &err), ERR_MODEL, "canary 1", &err);
        fault_name(NULL);
        answer_case(&seat->context[0], &text, &answer);
        assert_fine(answer_canary_right(&answer, 0, &err), &err);
    }
    seats_close(seat);
}

static void what_is_no_model_leaves_the_seat_free(void **state)
{
    struct error err;
    struct seats room = {0};
    struct seat *seat = NULL;
    assert_int_equal(seats_open(&room, "/nowhere", NULL, &seat, &err), ERR_NO_INPUT);
    assert_int_equal(seats_open(&room, "tests/help.h", NULL, &seat, &err), ERR_MODEL);
    assert_null(seat);
    seats_close(NULL);
    seat = fill(&room, *state);
    assert_ptr_equal(seat, &room.seat[0]);
    seats_close(seat);
}

static int make(void **state)
{
    *state = (void *)(size_t)imported_write(false);
    return 0;
}

static int give(void **state) { return unlink(*state); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_swap_waits_for_holders),
        cmocka_unit_test(a_model_without_canaries_gets_one),
        cmocka_unit_test(a_member_that_goes_wrong_is_seen),
        cmocka_unit_test(what_is_no_model_leaves_the_seat_free),
    };
    return cmocka_run_group_tests(tests, make, give);
}
