/* mem_test.c - taking, growing, and being refused. */
// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"

#include "fail.h"

/* ASan would rather end the program than refuse memory, as the real allocator does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static void takes_zeroed(void **state)
{
    (void)state;
    struct error err;
    uint64_t *items;
    assert_fine(mem_take(&items, 1000, sizeof *items, &err), &err);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(items[i], 0);
    memset(items, 1, 1000 * sizeof *items);
    mem_free(items);
    assert_fine(mem_take(&items, 0, sizeof *items, &err), &err);
    assert_non_null(items); /* so that NULL always means "not taken" */
    mem_free(items);
    mem_free(NULL);
}

static void refuses_an_overflow(void **state)
{
    (void)state;
    struct error err;
    char here, *pointer = &here;
    assert_fails(mem_take(&pointer, SIZE_MAX / 2, 4, &err), ERR_MEMORY, "items of 4 bytes", &err);
    assert_ptr_equal(pointer, &here); /* untouched */
    assert_aborts(if (mem_take(&pointer, 1, 0, &err)) _exit(1));
    assert_aborts(if (mem_take(NULL, 1, 1, &err)) _exit(1));

    size_t capacity = 0;
    char *grown = NULL;
    assert_fails(mem_grow(&grown, &capacity, SIZE_MAX / 2, 4, &err), ERR_MEMORY, "items", &err);
    assert_null(grown);
    assert_int_equal(capacity, 0);
}

static void grows_and_keeps(void **state)
{
    (void)state;
    struct error err;
    uint32_t *items = NULL;
    size_t capacity = 0, moved = 0;
    for (size_t i = 0; i < 10000; i++) {
        size_t before = capacity;
        assert_fine(mem_grow(&items, &capacity, i + 1, sizeof *items, &err), &err);
        assert_true(capacity > i);
        if (capacity != before) {
            assert_true(capacity >= 2 * before);
            moved++;
        }
        items[i] = (uint32_t)i;
    }
    assert_true(moved <= 11);
    for (size_t i = 0; i < 10000; i++) assert_int_equal(items[i], i);
    size_t before = capacity;
    assert_fine(mem_grow(&items, &capacity, 0, sizeof *items, &err), &err);
    assert_int_equal(capacity, before); /* never shrinks */
    assert_fine(mem_grow(&items, &capacity, 100000, sizeof *items, &err), &err);
    assert_int_equal(capacity, 100000); /* more than doubling */
    mem_free(items);
}

static enum error_code take_and_grow(void *context, struct error *err)
{
    (void)context;
    char *pointer = NULL;
    size_t capacity = 0;
    TRY(mem_grow(&pointer, &capacity, 1, 1, err));
    pointer[0] = 'k';
    char *old = pointer;
    size_t old_capacity = capacity;
    enum error_code code = mem_grow(&pointer, &capacity, 1000, 1, err);
    if (code != ERR_NONE) {
        assert_ptr_equal(pointer, old);
        assert_int_equal(capacity, old_capacity);
    }
    assert_int_equal(pointer[0], 'k');
    if (code == ERR_NONE) {
        char *other;
        code = mem_take(&other, 1, 1, err);
        if (code == ERR_NONE) mem_free(other);
    }
    mem_free(pointer);
    return code;
}

static void a_failure_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(fail_walk(take_and_grow, NULL), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_zeroed),
        cmocka_unit_test(refuses_an_overflow),
        cmocka_unit_test(grows_and_keeps),
        cmocka_unit_test(a_failure_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
