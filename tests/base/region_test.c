/* region_test.c - no two blocks overlap, and what is given back is one gap again. */
// SPDX-License-Identifier: Apache-2.0
#include "base/region.h"

#include "base/fault.h"
#include "base/rng.h"
#include "help.h"

enum { SIZE = 64 * 1024, BLOCKS = 40, ROUNDS = 20000 };

static struct region opened(size_t size)
{
    struct region region;
    struct error err = {0};
    assert_fine(region_open(&region, size, &err), &err);
    return region;
}

/* Everything is one gap: the whole of it can be had. */
static void assert_empty(struct region *region)
{
    void *all = region_take(region, region->size - REGION_ALIGN);
    assert_non_null(all);
    assert_null(region_take(region, 1));
    region_give(region, all);
}

static void gaps_grow_together(void **state)
{
    (void)state;
    struct region region = opened(SIZE);
    assert_empty(&region);
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {0, 2, 1}};
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        void *blocks[3];
        for (int i = 0; i < 3; i++) blocks[i] = region_take(&region, 100);
        for (int i = 0; i < 3; i++) region_give(&region, blocks[orders[o][i]]);
        assert_empty(&region);
    }
    region_give(&region, NULL);
    region_close(&region);
}

static void a_block_grows_and_shrinks(void **state)
{
    (void)state;
    struct region region = opened(SIZE);
    char *block = region_take(&region, 10);
    memcpy(block, "0123456789", 10);
    assert_ptr_equal(region_resize(&region, block, 10, 12), block); /* its line has room */
    char *moved = region_resize(&region, block, 10, 30000);
    assert_memory_equal(moved, "0123456789", 10);
    assert_null(region_resize(&region, moved, 10, SIZE)); /* and it is as it was */
    assert_memory_equal(moved, "0123456789", 10);
    assert_null(region_take(&region, 50000));
    assert_ptr_equal(region_resize(&region, moved, 10, 10), moved);
    void *rest = region_take(&region, 30000);
    assert_non_null(rest);
    region_give(&region, rest);
    region_give(&region, moved);
    assert_empty(&region);
    region_close(&region);
}

static void blocks_never_overlap(void **state)
{
    (void)state;
    struct region region = opened(SIZE);
    struct rng rng = rng_seed(1);
    unsigned char *block[BLOCKS] = {0};
    size_t size[BLOCKS] = {0};
    unsigned refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = rng_below(&rng, BLOCKS), wanted = 1 + rng_below(&rng, 4000);
        for (size_t at = 0; at < size[i]; at++) assert_int_equal(block[i][at], i);
        if (block[i] == NULL) {
            block[i] = region_take(&region, wanted);
        } else if (round % 3 == 0) {
            size_t kept = size[i] < wanted ? size[i] : wanted;
            unsigned char *moved = region_resize(&region, block[i], kept, wanted);
            if (moved == NULL) wanted = size[i];
            if (moved != NULL) block[i] = moved;
        } else {
            region_give(&region, block[i]);
            block[i] = NULL;
        }
        refused += block[i] == NULL;
        size[i] = block[i] != NULL ? wanted : 0;
        assert_int_equal((uintptr_t)block[i] % REGION_ALIGN, 0);
        if (block[i] != NULL) memset(block[i], (int)i, wanted);
    }
    assert_true(refused > 0);
    for (size_t i = 0; i < BLOCKS; i++) region_give(&region, block[i]);
    assert_empty(&region);
    region_close(&region);
}

static void what_cannot_be_had_is_told(void **state)
{
    (void)state;
    struct region region;
    struct error err = {0};
    fault_arm(1);
    assert_fails(region_open(&region, SIZE, &err), ERR_MEMORY, "could not be had", &err);
    region = opened(1);
    assert_int_equal(region.size, region_bytes(1));
    fault_arm(1);
    assert_null(region_take(&region, 1));
    assert_null(region_take(&region, SIZE_MAX - 100));
    region_close(&region);
    region_close(&region); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_grow_together),
        cmocka_unit_test(a_block_grows_and_shrinks),
        cmocka_unit_test(blocks_never_overlap),
        cmocka_unit_test(what_cannot_be_had_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
