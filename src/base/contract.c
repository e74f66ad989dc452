/* contract.c - sums, what is mapped already, and limits.
 *
 * A page can only be resident where something is mapped, so what may be read of a mapping
 * bounds its memory, whatever the kernel does (huge pages, reading ahead, reclaim). Only the
 * room between a library's segments, mapped without access, is address space alone, and of
 * libraries that nobody calls half is counted (struct objects). */
// SPDX-License-Identifier: Apache-2.0
#include "base/contract.h"

#include <inttypes.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/check.h"

#define MIB ((double)(1 << 20))

static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t pages(size_t bytes) { return (bytes + page() - 1) / page() * page(); }

struct contract_bytes contract_mapping(size_t bytes)
{
    return (struct contract_bytes){pages(bytes), pages(bytes)};
}

/* The allocator's own head before it, alignment behind it. */
struct contract_bytes contract_block(size_t bytes) { return contract_mapping(bytes + page()); }

struct contract_bytes contract_times(struct contract_bytes one, size_t count)
{
    return (struct contract_bytes){one.memory * count, one.address * count};
}

struct contract_bytes contract_plus(struct contract_bytes a, struct contract_bytes b)
{
    return (struct contract_bytes){a.memory + b.memory, a.address + b.address};
}

void contract_add(struct contract *contract, const char *part, struct contract_bytes serving,
                  struct contract_bytes more, const char *format, ...)
{
    check(contract->count < CONTRACT_ROWS_MAX);
    struct contract_row *row = &contract->rows[contract->count++];
    *row = (struct contract_row){
        .part = part, .serving = serving, .reloading = contract_plus(serving, more)};
    va_list args;
    va_start(args, format);
    vsnprintf(row->of, sizeof row->of, format, args);
    va_end(args);
}

struct contract_bytes contract_serving(const struct contract *contract)
{
    struct contract_bytes sum = {0};
    for (size_t i = 0; i < contract->count; i++)
        sum = contract_plus(sum, contract->rows[i].serving);
    return sum;
}

struct contract_bytes contract_reloading(const struct contract *contract)
{
    struct contract_bytes sum = {0};
    for (size_t i = 0; i < contract->count; i++)
        sum = contract_plus(sum, contract->rows[i].reloading);
    return sum;
}

enum { NEEDED_MAX = 32, BESIDE_MAX = 128 };

struct span {
    size_t low, high;
};

/* What is loaded. A library that the program names itself is called, and all of its pages may
 * be touched. Those that libraries bring (TLS, which we do not use, for libmicrohttpd) have been
 * touched by the loader and by their own beginning, some 36 of 100 pages, whether or not the
 * kernel had to read them: nobody calls them any more. Half of them is counted and not what is
 * resident, which differs by some pages from one start to the next: a limit of what --plan said
 * must do for all of them.
 *
 * The first to read a file is charged for what the kernel reads ahead, here all of every library.
 * What is not mapped of that is not counted: it is clean, and a group at its limit gives it up
 * before anything is killed (plan_test.py starts from the disk under just that limit). */
struct objects {
    const char *needed[NEEDED_MAX];
    unsigned needed_count, called_count, beside_count;
    struct contract_bytes program, called, beside;
    struct span spans[BESIDE_MAX]; /* of those beside */
};

static void read_needed(struct objects *objects, const struct dl_phdr_info *program)
{
    const ElfW(Dyn) *entries = NULL;
    const char *strings = NULL;
    for (int i = 0; i < program->dlpi_phnum; i++)
        if (program->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entries = (const ElfW(Dyn) *)(program->dlpi_addr + program->dlpi_phdr[i].p_vaddr);
    for (const ElfW(Dyn) *one = entries; one != NULL && one->d_tag != DT_NULL; one++)
        if (one->d_tag == DT_STRTAB) strings = (const char *)one->d_un.d_ptr;
    if (strings == NULL) return;
    for (const ElfW(Dyn) *one = entries; one->d_tag != DT_NULL; one++)
        if (one->d_tag == DT_NEEDED && objects->needed_count < NEEDED_MAX)
            objects->needed[objects->needed_count++] = strings + one->d_un.d_val;
}

static bool is_called(const struct objects *objects, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    if (strncmp(name, "ld-", 3) == 0 || strncmp(name, "ld.", 3) == 0) return true;
    for (unsigned i = 0; i < objects->needed_count; i++)
        if (strcmp(objects->needed[i], name) == 0) return true;
    return objects->beside_count == BESIDE_MAX;
}

static void add_library(struct objects *objects, const char *path, struct contract_bytes bytes,
                        struct span span)
{
    if (is_called(objects, path)) {
        objects->called = contract_plus(objects->called, bytes);
        objects->called_count++;
    } else {
        objects->beside = contract_plus(objects->beside, bytes);
        objects->spans[objects->beside_count++] = span;
    }
}

static int count_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct objects *objects = context;
    size_t readable = 0;
    struct span span = {SIZE_MAX, 0};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        size_t begin = info->dlpi_phdr[i].p_vaddr / page() * page();
        size_t end = pages(info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz);
        readable += end - begin;
        if (begin < span.low) span.low = begin;
        if (end > span.high) span.high = end;
    }
    if (span.high == 0) return 0;
    struct contract_bytes bytes = {readable, span.high - span.low};
    span.low += info->dlpi_addr;
    span.high += info->dlpi_addr;
    if (info->dlpi_name == NULL || info->dlpi_name[0] == '\0') {
        objects->program = contract_plus(objects->program, bytes);
        read_needed(objects, info);
    } else {
        add_library(objects, info->dlpi_name, bytes, span);
    }
    return 0;
}

static bool lies_beside(const struct objects *objects, size_t address)
{
    for (unsigned i = 0; i < objects->beside_count; i++)
        if (objects->spans[i].low <= address && address < objects->spans[i].high) return true;
    return false;
}

/* Bytes of theirs that are there now; SIZE_MAX where that cannot be seen. */
static size_t resident_beside(const struct objects *objects)
{
    static const char resident[] = "Rss:";
    char line[512], *end;
    bool beside = false;
    size_t sum = 0;
    FILE *file = fopen("/proc/self/smaps", "re");
    if (file == NULL) return SIZE_MAX;
    while (fgets(line, sizeof line, file) != NULL) {
        size_t low = strtoul(line, &end, 16);
        if (*end == '-') beside = lies_beside(objects, low);
        if (beside && strncmp(line, resident, strlen(resident)) == 0)
            sum += strtoul(line + strlen(resident), NULL, 10) * 1024;
    }
    fclose(file);
    return sum;
}

void contract_add_program(struct contract *contract)
{
    struct objects objects = {0};
    static const struct contract_bytes none;
    dl_iterate_phdr(count_object, &objects);
    const char *share = "every page";
    if (resident_beside(&objects) <= objects.beside.memory / 2) {
        objects.beside.memory = pages(objects.beside.memory / 2);
        share = "half of their pages";
    }
    contract_add(contract, "program", objects.program, none,
                 "code, tables and pages to answer with");
    contract_add(contract, "libraries", objects.called, none, "%u, every page",
                 objects.called_count);
    contract_add(contract, "beside them", objects.beside, none,
                 "%u that these bring and nobody calls: %s", objects.beside_count, share);
}

void contract_read_limits(struct contract_limits *out_limits, struct root *root)
{
    struct contract_limits limits = {.memory = ROOT_UNLIMITED, .address = ROOT_UNLIMITED};
    struct cgroup group;
    cgroup_read(root, "self", &group);
    if (group.memory_limit >= 0 && group.memory_limit < limits.memory) {
        limits.memory = group.memory_limit;
        snprintf(limits.memory_at, sizeof limits.memory_at, "the memory limit at %s",
                 group.memory_limit_at);
    }
    struct {
        int64_t total;
    } host = {ROOT_UNSEEN};
    static const struct root_field fields[] = {{"MemTotal", 0, 1024}};
    if (root_fields(root, "/proc/meminfo", fields, 1, &host) && host.total > 0 &&
        host.total < limits.memory) {
        limits.memory = host.total;
        snprintf(limits.memory_at, sizeof limits.memory_at, "all memory of the host");
    }
    struct rlimit address;
    if (getrlimit(RLIMIT_AS, &address) == 0 && address.rlim_cur != RLIM_INFINITY) {
        limits.address = (int64_t)address.rlim_cur;
        snprintf(limits.address_at, sizeof limits.address_at, "RLIMIT_AS (ulimit -v)");
    }
    *out_limits = limits;
}

enum error_code contract_check(struct contract_bytes need, const char *what,
                               const struct contract_limits *limits, struct error *err)
{
    if ((int64_t)need.memory > limits->memory)
        return error_set(err, ERR_MEMORY, 0,
                         "%s takes up to %zu bytes of memory (%.1f MiB); %s allows %" PRId64
                         " (%.1f MiB)",
                         what, need.memory, (double)need.memory / MIB, limits->memory_at,
                         limits->memory, (double)limits->memory / MIB);
    if ((int64_t)need.address > limits->address)
        return error_set(err, ERR_MEMORY, 0,
                         "%s takes up to %zu bytes of address space (%.1f MiB); %s allows %" PRId64
                         " (%.1f MiB)",
                         what, need.address, (double)need.address / MIB, limits->address_at,
                         limits->address, (double)limits->address / MIB);
    return ERR_NONE;
}
