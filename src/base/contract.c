/* contract.c - sums, what is mapped already, and limits.
 *
 * A page can only be resident where something is mapped, so what may be read of a mapping
 * bounds its memory, whatever the kernel does (huge pages, reading ahead, reclaim). Only the
 * room between a library's segments, mapped without access, is address space alone. */
// SPDX-License-Identifier: Apache-2.0
#include "base/contract.h"

#include <inttypes.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
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

struct objects {
    struct contract_bytes program, libraries;
    unsigned count;
};

static int count_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct objects *objects = context;
    size_t low = SIZE_MAX, high = 0, readable = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        size_t begin = info->dlpi_phdr[i].p_vaddr / page() * page();
        size_t end = pages(info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz);
        readable += end - begin;
        if (begin < low) low = begin;
        if (end > high) high = end;
    }
    if (high == 0) return 0;
    struct contract_bytes bytes = {readable, high - low};
    if (info->dlpi_name == NULL || info->dlpi_name[0] == '\0') {
        objects->program = contract_plus(objects->program, bytes);
    } else {
        objects->libraries = contract_plus(objects->libraries, bytes);
        objects->count++;
    }
    return 0;
}

void contract_add_program(struct contract *contract)
{
    struct objects objects = {0};
    dl_iterate_phdr(count_object, &objects);
    static const struct contract_bytes none;
    contract_add(contract, "program", objects.program, none,
                 "code, tables and pages to answer with");
    contract_add(contract, "libraries", objects.libraries, none, "%u, every page", objects.count);
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
