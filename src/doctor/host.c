/* host.c - one table of names for each file of /proc. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/host.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define AT(member)      offsetof(struct facts, member)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct root_field meminfo[] = {
    {"MemTotal", AT(mem_total), 1024},
    {"MemFree", AT(mem_free), 1024},
    {"MemAvailable", AT(mem_available), 1024},
    {"Buffers", AT(buffers), 1024},
    {"Cached", AT(cached), 1024},
    {"SwapCached", AT(swap_cached), 1024},
    {"Shmem", AT(shmem), 1024},
    {"SReclaimable", AT(slab_reclaimable), 1024},
    {"SwapTotal", AT(swap_total), 1024},
    {"SwapFree", AT(swap_free), 1024},
    {"CommitLimit", AT(commit_limit), 1024},
    {"Committed_AS", AT(committed_as), 1024},
    {"PageTables", AT(page_tables), 1024},
    {"KernelStack", AT(kernel_stack), 1024},
    {"HugePages_Total", AT(huge_pages_total), 1},
    {"HugePages_Free", AT(huge_pages_free), 1},
    {"Hugepagesize", AT(huge_page_size), 1024},
};

static const struct root_field vmstat[] = {{"oom_kill", AT(host_oom_kills), 1}};

/* Files that hold one number. */
static const struct root_field numbers[] = {
    {"/proc/sys/vm/overcommit_memory", AT(overcommit_memory), 1},
    {"/proc/sys/vm/overcommit_ratio", AT(overcommit_ratio), 1},
    {"/proc/sys/vm/overcommit_kbytes", AT(overcommit_kbytes), 1024},
    {"/proc/sys/vm/admin_reserve_kbytes", AT(admin_reserve), 1024},
    {"/proc/sys/vm/user_reserve_kbytes", AT(user_reserve), 1024},
    {"/proc/sys/vm/max_map_count", AT(max_map_count), 1},
    {"/proc/sys/kernel/pid_max", AT(pid_max), 1},
    {"/proc/sys/kernel/threads-max", AT(threads_max), 1},
};

/* The fourth word, "running/all". */
static void read_loadavg(struct root *root, struct facts *facts)
{
    char text[128];
    if (!root_try(root, "/proc/loadavg", text, sizeof text, NULL)) return;
    const char *slash = strchr(text, '/');
    if (slash != NULL) (void)root_parse(slice_of(slash + 1), &facts->tasks);
}

/* What the old rule keeps back: for each zone its high watermark and the largest
 * protection from higher zones, at most the zone (calculate_totalreserve_pages). */
struct zone {
    int64_t high, managed, protection;
};

static int64_t zone_reserve(const struct zone *zone)
{
    int64_t pages = facts_term(zone->high) + facts_term(zone->protection);
    return pages < zone->managed ? pages : facts_term(zone->managed);
}

static int64_t largest_protection(struct slice text)
{
    int64_t largest = 0, number;
    for (size_t i = 0; i < text.size; i++) {
        bool starts = text.data[i] >= '0' && text.data[i] <= '9' &&
                      (i == 0 || text.data[i - 1] < '0' || text.data[i - 1] > '9');
        if (starts && root_parse(slice_from(text, i), &number) && number > largest)
            largest = number;
    }
    return largest;
}

static void read_zoneinfo(struct root *root, struct facts *facts)
{
    struct root_lines lines;
    if (!root_lines_open(root, &lines, "/proc/zoneinfo")) return;
    struct slice line;
    struct zone zone = {0};
    int64_t pages = 0;
    while (root_lines_next(&lines, &line)) {
        struct slice name = root_word(&line);
        if (slice_equal(name, SLICE("Node"))) {
            pages = facts_term(pages + zone_reserve(&zone));
            zone = (struct zone){0};
        } else if (slice_equal(name, SLICE("high"))) {
            (void)root_parse(line, &zone.high);
        } else if (slice_equal(name, SLICE("managed"))) {
            (void)root_parse(line, &zone.managed);
        } else if (slice_equal(name, SLICE("protection:"))) {
            zone.protection = largest_protection(line);
        }
    }
    root_lines_close(&lines);
    int64_t page_bytes = root->live ? sysconf(_SC_PAGESIZE) : 4096;
    facts->total_reserve = facts_times(facts_term(pages + zone_reserve(&zone)), page_bytes);
}

void host_read(struct root *root, struct facts *facts)
{
    if (!root_fields(root, "/proc/meminfo", meminfo, COUNT_OF(meminfo), facts))
        root_unseen(root, "/proc/meminfo", ENOENT);
    (void)root_fields(root, "/proc/vmstat", vmstat, COUNT_OF(vmstat), facts);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        int64_t number = root_number(root, numbers[i].name, numbers[i].unit);
        memcpy((char *)facts + numbers[i].offset, &number, sizeof number);
    }
    if (facts->overcommit_memory == FACTS_UNSEEN)
        root_unseen(root, "/proc/sys/vm/overcommit_memory", ENOENT);
    char release[FACTS_TEXT_MAX];
    size_t size;
    if (root_read(root, "/proc/sys/kernel/osrelease", release, sizeof release, &size)) {
        struct slice text = slice_trim((struct slice){release, size});
        root_set_text(facts->kernel_release, text.data, text.size);
    }
    read_loadavg(root, facts);
    read_zoneinfo(root, facts);
    root_pressure(root, "/proc/pressure/memory", &facts->host_pressure_some,
                  &facts->host_pressure_full);
}
