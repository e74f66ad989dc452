/* spill_test.c - what was written is what is mapped, and no name is left. */
// SPDX-License-Identifier: Apache-2.0
#include "base/spill.h"

#include <dirent.h>
#include <sys/stat.h>

#include "../help.h"
#include "base/fault.h"

static size_t names_in(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

static void test_maps_what_was_added(void **state)
{
    (void)state;
    char path[4200], folder[4096];
    struct error err;
    snprintf(folder, sizeof folder, "%s/spill", test_folder());
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/model", folder);
    size_t before = names_in(folder);
    struct spill spill;
    assert_fine(spill_open(&spill, path, &err), &err);
    enum { COUNT = 3 * SPILL_BUFFER / 4 + 5 }; /* three times over the buffer, and a rest */
    for (uint32_t i = 0; i < COUNT; i++) assert_fine(spill_add(&spill, &i, sizeof i, &err), &err);
    assert_int_equal(names_in(folder), before);
    uint32_t *numbers = NULL;
    assert_fine(spill_map(&spill, &numbers, &err), &err);
    for (uint32_t i = 0; i < COUNT; i++)
        if (numbers[i] != i) fail_msg("number %u is %u", i, numbers[i]);
    numbers[0] = 7;
    assert_int_equal(numbers[0], 7);
    spill_close(&spill);
    assert_int_equal(names_in(folder), before);
}

static void test_nothing_added(void **state)
{
    (void)state;
    struct error err;
    struct spill spill;
    assert_fine(spill_open(&spill, "beside", &err), &err);
    uint32_t *numbers = NULL;
    assert_fine(spill_map(&spill, &numbers, &err), &err);
    assert_null(numbers);
    spill_close(&spill);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct error err;
    struct spill spill;
    assert_fails(spill_open(&spill, "/no/such/folder/model", &err), ERR_CREATE, "/no/such/folder",
                 &err);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    struct error err;
    struct spill spill;
    static char bytes[SPILL_BUFFER];
    assert_fine(spill_open(&spill, "beside", &err), &err);
    fault_arm(1);
    assert_fails(spill_add(&spill, bytes, sizeof bytes, &err), ERR_WRITE, "No space left", &err);
    spill_close(&spill);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_what_was_added),
        cmocka_unit_test(test_nothing_added),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
