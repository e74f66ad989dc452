/* arena_test.c - measuring and taking are the same walk; the bounds hold. */
// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "fail.h"

struct part {
    char *bytes;
    double *reals;
    uint16_t *shorts;
};

static void lay(struct part *part, struct arena *arena)
{
    part->bytes = arena_take(arena, 3, 1);
    part->reals = arena_take(arena, 100, sizeof *part->reals);
    part->shorts = arena_take(arena, 0, sizeof *part->shorts);
}

static void measures_what_it_takes(void **state)
{
    (void)state;
    struct error err;
    struct part part;
    struct arena plan = arena_measure(), arena;
    lay(&part, &plan);
    assert_null(part.bytes);
    assert_null(part.reals);
    assert_int_equal(plan.used, 64 + 832);
    assert_fine(arena_open(&arena, plan.used, &err), &err);
    lay(&part, &arena);
    assert_int_equal(arena.used, plan.used);
    assert_int_equal(arena.used, arena.size);
    assert_int_equal((uintptr_t)part.bytes % ARENA_ALIGN, 0);
    assert_int_equal((uintptr_t)part.reals % ARENA_ALIGN, 0);
    assert_true((char *)part.reals >= part.bytes + 3);
    for (size_t i = 0; i < 100; i++) assert_true(part.reals[i] == 0.0);
    memset(part.bytes, 1, 3);
    memset(part.reals, 1, 100 * sizeof *part.reals); /* ASan sees an overrun */
    arena_close(&arena);
    assert_null(arena.base);
    arena_close(&arena); /* harmless */
}

static void rewinds_to_a_mark(void **state)
{
    (void)state;
    struct error err;
    struct arena arena;
    assert_fine(arena_open(&arena, 256, &err), &err);
    char *first = arena_take(&arena, 64, 1);
    size_t mark = arena_mark(&arena);
    char *second = arena_take(&arena, 192, 1);
    assert_ptr_equal(second, first + 64);
    arena_rewind(&arena, mark);
    assert_ptr_equal(arena_take(&arena, 1, 1), second);
    assert_aborts(arena_rewind(&arena, 129));
    arena_close(&arena);
}

static void aborts_outside_its_bounds(void **state)
{
    (void)state;
    struct error err;
    struct arena arena;
    assert_fine(arena_open(&arena, 100, &err), &err); /* rounded up to 128 */
    assert_int_equal(arena.size, 128);
    assert_aborts(arena_take(&arena, 129, 1));
    assert_aborts(arena_take(&arena, 1, 0));
    assert_aborts(arena_take(&arena, SIZE_MAX / 4, 8));
    assert_non_null(arena_take(&arena, 128, 1));
    assert_aborts(arena_take(&arena, 1, 1));
    arena_rewind(&arena, 0);
    arena_seal(&arena);
    assert_aborts(arena_take(&arena, 1, 1));
    arena_close(&arena);
}

static void refuses_what_cannot_be_had(void **state)
{
    (void)state;
    struct error err;
    struct arena arena = {.size = 7};
    assert_fails(arena_open(&arena, SIZE_MAX / 2 + 1, &err), ERR_MEMORY, "could not be had", &err);
    assert_fails(arena_open(&arena, SIZE_MAX, &err), ERR_MEMORY, "could not be had", &err);
    assert_fails(arena_open(&arena, SIZE_MAX - 62, &err), ERR_MEMORY, "could not be had", &err);
    assert_int_equal(arena.size, 7); /* untouched */
    assert_fine(arena_open(&arena, 0, &err), &err);
    assert_int_equal(arena.size, ARENA_ALIGN);
    arena_close(&arena);
}

static enum error_code open_and_close(void *context, struct error *err)
{
    (void)context;
    struct arena arena;
    TRY(arena_open(&arena, 1000, err));
    arena_close(&arena);
    return ERR_NONE;
}

static void tells_the_fault(void **state)
{
    (void)state;
    assert_int_equal(fail_walk(open_and_close, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_what_it_takes),    cmocka_unit_test(rewinds_to_a_mark),
        cmocka_unit_test(aborts_outside_its_bounds), cmocka_unit_test(refuses_what_cannot_be_had),
        cmocka_unit_test(tells_the_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
