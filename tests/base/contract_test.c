/* contract_test.c - sums of rows, limits of recorded machines, and what is said of too much. */
// SPDX-License-Identifier: Apache-2.0
#include "base/contract.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include "help.h"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static void rows_add_up(void **state)
{
    (void)state;
    struct contract contract = {0};
    contract_add(&contract, "weights", (struct contract_bytes){100, 200},
                 (struct contract_bytes){10, 20}, "%d files", 3);
    contract_add(&contract, "stacks", (struct contract_bytes){5, 6}, (struct contract_bytes){0},
                 "x");
    assert_string_equal(contract.rows[0].of, "3 files");
    assert_int_equal(contract_serving(&contract).memory, 105);
    assert_int_equal(contract_serving(&contract).address, 206);
    assert_int_equal(contract_reloading(&contract).memory, 115);
    assert_int_equal(contract_reloading(&contract).address, 226);
}

static void pages_are_whole(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert_int_equal(contract_mapping(0).memory, 0);
    assert_int_equal(contract_mapping(1).memory, page);
    assert_int_equal(contract_mapping(page + 1).address, 2 * page);
    assert_true(contract_block(page).address >= 2 * page);
    assert_int_equal(contract_times(contract_mapping(1), 3).memory, 3 * page);
}

/* What is mapped of files right now lies within the rows. */
static void the_program_is_counted(void **state)
{
    (void)state;
    struct contract contract = {0};
    contract_add_program(&contract);
    size_t mapped = 0, planned = contract_serving(&contract).address;
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *end, *path = strchr(line, '/');
        size_t begin = strtoul(line, &end, 16);
        if (path != NULL) mapped += strtoul(end + 1, NULL, 16) - begin;
    }
    fclose(maps);
    assert_true(mapped > 0);
    assert_in_range(planned, mapped, mapped + mapped / 4 + 64 * 1024 * 1024);
    assert_true(contract_serving(&contract).memory <= planned);
}

/* What the program does not name itself is beside, whoever brought it. */
static void libraries_nobody_calls_are_counted_apart(void **state)
{
    (void)state;
    static const char library[] = "libmicrohttpd.so.12";
    struct contract before = {0}, after = {0};
    contract_add_program(&before);
    if (dlopen(library, RTLD_NOW | RTLD_NOLOAD) != NULL)
        skip(); /* linked, by a sanitizer's build */
    assert_non_null(dlopen(library, RTLD_NOW | RTLD_LOCAL));
    contract_add_program(&after);
    assert_int_equal(after.count, before.count);
    size_t last = after.count - 1;
    for (size_t i = 0; i < last; i++)
        assert_int_equal(after.rows[i].serving.memory, before.rows[i].serving.memory);
    const struct contract_row *row = &after.rows[last];
    assert_string_equal(row->part, "beside them");
    assert_true(row->serving.address > before.rows[last].serving.address + 1024 * 1024);
    bool half = strstr(row->of, "half of their pages") != NULL;
    assert_in_range(row->serving.memory, before.rows[last].serving.memory + 1024 * 1024,
                    row->serving.address / (half ? 2 : 1) + 4096);
}

static void limits_are_the_tightest(void **state)
{
    (void)state;
    static const struct {
        const char *tree;
        int64_t memory;
        const char *at;
    } rows[] = {
        {"nested", 8 * GIB, "air.service"},
        {"kubernetes", 2 * GIB, "/sys/fs/cgroup"},
        {"hidden", 512 * MIB, "air-classifier.service"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char folder[128];
        snprintf(folder, sizeof folder, "tests/doctor/trees/%s", rows[i].tree);
        struct root root = root_of(folder);
        struct contract_limits limits;
        contract_read_limits(&limits, &root);
        assert_int_equal(limits.memory, rows[i].memory);
        assert_non_null(strstr(limits.memory_at, rows[i].at));
    }
}

static void the_host_is_a_limit(void **state)
{
    (void)state;
    struct root root = root_of("tests/doctor/trees/incident-mode1");
    struct contract_limits limits;
    contract_read_limits(&limits, &root);
    assert_in_range(limits.memory, 1 * GIB, 64 * GIB);
    assert_string_equal(limits.memory_at, "all memory of the host");
}

static void too_much_is_told(void **state)
{
    (void)state;
    struct error err;
    struct contract_limits limits = {.memory = 64 * MIB,
                                     .address = ROOT_UNLIMITED,
                                     .memory_at = "the memory limit at /x",
                                     .address_at = "RLIMIT_AS"};
    struct contract_bytes need = {(size_t)(64 * MIB), (size_t)(200 * MIB)};
    assert_fine(contract_check(need, "serving", &limits, &err), &err);
    need.memory++;
    assert_fails(contract_check(need, "serving", &limits, &err), ERR_MEMORY,
                 "serving takes up to 67108865 bytes of memory (64.0 MiB); the memory limit at /x "
                 "allows 67108864 (64.0 MiB)",
                 &err);
    limits.memory = ROOT_UNLIMITED;
    limits.address = 199 * MIB;
    assert_fails(contract_check(need, "reloading", &limits, &err), ERR_MEMORY,
                 "reloading takes up to 209715200 bytes of address space", &err);
}

static void address_space_is_this_process_own(void **state)
{
    (void)state;
    skip_emulated();
    struct rlimit before, less;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    less = before;
    less.rlim_cur = RLIM_INFINITY;
    if (before.rlim_max == RLIM_INFINITY || before.rlim_max > (rlim_t)1 << 45)
        less.rlim_cur = (rlim_t)1 << 45; /* so much that no sanitizer minds */
    assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
    struct root root = root_of("tests/doctor/trees/bare");
    struct contract_limits limits;
    contract_read_limits(&limits, &root);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(limits.address, (int64_t)1 << 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_add_up),
        cmocka_unit_test(pages_are_whole),
        cmocka_unit_test(the_program_is_counted),
        cmocka_unit_test(libraries_nobody_calls_are_counted_apart),
        cmocka_unit_test(limits_are_the_tightest),
        cmocka_unit_test(the_host_is_a_limit),
        cmocka_unit_test(too_much_is_told),
        cmocka_unit_test(address_space_is_this_process_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
