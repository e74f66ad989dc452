/* snapshot_test.c - what was written is read back; of another run it is refused. */
// SPDX-License-Identifier: Apache-2.0
#include "train/snapshot.h"

#include <unistd.h>

#include "fail.h"
#include "train/tiny.h"

struct run {
    float parameters[6];
    uint64_t place[2];
};

enum { BLOCKS = 2 };
static void table(struct run *run, struct snapshot_block blocks[BLOCKS])
{
    blocks[0] = (struct snapshot_block){"parameters", SAFETENSORS_F32, 6, run->parameters};
    blocks[1] = (struct snapshot_block){"place", SAFETENSORS_U64, 2, run->place};
}

static const struct snapshot_key key = {"--size small --seed 1", 7};

static void test_goes_on(void **state)
{
    (void)state;
    struct error err;
    const char *path = tiny_path("resume");
    struct run run = {{1, 2, 3, 4, 5.5f}, {6, UINT64_MAX}}, again = {{0}, {0}};
    struct snapshot_block blocks[BLOCKS];
    bool found = true;
    table(&again, blocks);
    assert_fine(snapshot_read(path, &key, blocks, BLOCKS, &found, &err), &err);
    assert_false(found);
    table(&run, blocks);
    assert_fine(snapshot_write(path, &key, blocks, BLOCKS, &err), &err);
    table(&again, blocks);
    assert_fine(snapshot_read(path, &key, blocks, BLOCKS, &found, &err), &err);
    assert_true(found);
    assert_memory_equal(&run, &again, sizeof run);
    unlink(path);
}

static void test_refuses_others(void **state)
{
    (void)state;
    struct error err;
    const char *path = tiny_path("resume");
    struct run run = {{1, 2, 3, 4, 5}, {6, 7}}, again = {{0}, {0}}, none = {{0}, {0}};
    struct snapshot_block blocks[BLOCKS];
    struct snapshot_key other = key;
    bool found;
    table(&run, blocks);
    assert_fine(snapshot_write(path, &key, blocks, BLOCKS, &err), &err);
    table(&again, blocks);
    other.settings = "--size full --seed 1";
    assert_fails(snapshot_read(path, &other, blocks, BLOCKS, &found, &err), ERR_USAGE,
                 "--size small", &err);
    char long_one[400], longer_one[420]; /* what differs is told, however much is the same */
    snprintf(long_one, sizeof long_one, "%0300d, seed 1, rate 0.5", 0);
    snprintf(longer_one, sizeof longer_one, "%s, clipped at 3", long_one);
    struct snapshot_key long_key = {long_one, key.data}, longer_key = {longer_one, key.data};
    assert_fine(snapshot_write(path, &long_key, blocks, BLOCKS, &err), &err);
    assert_fails(snapshot_read(path, &longer_key, blocks, BLOCKS, &found, &err), ERR_USAGE,
                 "settings: 'rate 0.5', and now 'rate 0.5, clipped at 3'", &err);
    table(&run, blocks);
    assert_fine(snapshot_write(path, &key, blocks, BLOCKS, &err), &err);
    table(&again, blocks);
    other = key;
    other.data++;
    assert_fails(snapshot_read(path, &other, blocks, BLOCKS, &found, &err), ERR_USAGE,
                 "other texts", &err);
    blocks[1].count = 1;
    assert_fails(snapshot_read(path, &key, blocks, BLOCKS, &found, &err), ERR_MODEL, "place", &err);
    assert_int_equal(truncate(path, 100), 0);
    assert_fails(snapshot_read(path, &key, blocks, BLOCKS, &found, &err), ERR_MODEL, path, &err);
    assert_memory_equal(&again, &none, sizeof none);
    unlink(path);
}

/* A write that fails leaves the earlier snapshot; one that may not outlast a power cut, the new. */
static const struct run nines = {{9, 9, 9, 9, 9}, {9, 9}};

static enum error_code write_one(void *context, struct error *err)
{
    struct run run = nines;
    struct snapshot_block blocks[BLOCKS];
    table(&run, blocks);
    return snapshot_write(context, &key, blocks, BLOCKS, err);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    struct error err;
    const char *path = tiny_path("resume");
    struct run run = {{1, 2, 3, 4, 5}, {6, 7}}, again;
    struct snapshot_block blocks[BLOCKS];
    bool found;
    table(&run, blocks);
    assert_fine(snapshot_write(path, &key, blocks, BLOCKS, &err), &err);
    for (long n = 1;; n++) {
        fault_arm(n);
        enum error_code code = write_one((void *)(size_t)path, &err);
        bool struck = fault_struck();
        fault_arm(0);
        if (!struck) break;
        assert_int_not_equal(code, ERR_NONE);
        table(&again, blocks);
        assert_fine(snapshot_read(path, &key, blocks, BLOCKS, &found, &err), &err);
        assert_memory_equal(code == ERR_SYNC ? &nines : &run, &again, sizeof run);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_refuses_others),
        cmocka_unit_test(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
