/* overcommit.c - three rules on one page.
 *
 * Mode 0 changed its meaning in Linux 5.2. Before, a mapping was compared with what
 * was free or reclaimable at that moment; since, only with all of RAM and swap. A
 * vendor's 4.18 (RHEL 8) may carry the change; there the oracle decides, and without
 * it (a recorded tree) both rules are asked.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/overcommit.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/check.h"

static enum overcommit_rule mode_zero(const struct facts *facts)
{
    unsigned long major, minor;
    if (!facts_release(facts, &major, &minor)) return OVERCOMMIT_EITHER;
    if (major > 5 || (major == 5 && minor >= 2)) return OVERCOMMIT_NEW;
    if (major == 4 && minor == 18 && strstr(facts->kernel_release, ".el8") != NULL)
        return OVERCOMMIT_EITHER;
    return OVERCOMMIT_OLD;
}

enum overcommit_rule overcommit_rule(const struct facts *facts)
{
    if (facts->overcommit_memory == 1) return OVERCOMMIT_ALWAYS;
    if (facts->overcommit_memory == 2) return OVERCOMMIT_STRICT;
    if (facts->overcommit_memory != 0) return OVERCOMMIT_UNKNOWN;
    return mode_zero(facts);
}

const char *overcommit_rule_text(enum overcommit_rule rule)
{
    static const char *const texts[] = {
        [OVERCOMMIT_ALWAYS] = "mode 1: never refused",
        [OVERCOMMIT_NEW] = "mode 0, kernel 5.2 or later: one mapping against RAM and swap",
        [OVERCOMMIT_OLD] =
            "mode 0, kernel before 5.2: one mapping against free and reclaimable memory",
        [OVERCOMMIT_EITHER] = "mode 0, a kernel that may have the rule of before or after 5.2",
        [OVERCOMMIT_STRICT] = "mode 2: all that is promised against the commit limit",
        [OVERCOMMIT_UNKNOWN] = "the mode could not be seen",
    };
    return texts[rule];
}

static int64_t allowed_new(const struct facts *facts)
{
    if (facts->mem_total < 0) return FACTS_UNSEEN;
    return facts_term(facts->mem_total) + facts_term(facts->swap_total);
}

static int64_t allowed_old(const struct facts *facts)
{
    if (facts->mem_free < 0) return FACTS_UNSEEN;
    int64_t room = facts_term(facts->mem_free) + facts_term(facts->cached) +
                   facts_term(facts->buffers) + facts_term(facts->swap_cached) -
                   facts_term(facts->shmem) + facts_term(facts->swap_free) +
                   facts_term(facts->slab_reclaimable) - facts_term(facts->total_reserve);
    if (facts->cap_admin != 1) room -= facts_term(facts->admin_reserve);
    return facts_term(room - 1); /* strictly less than */
}

static int64_t commit_limit(const struct facts *facts)
{
    if (facts->commit_limit >= 0) return facts_term(facts->commit_limit);
    if (facts->mem_total < 0) return FACTS_UNSEEN;
    if (facts->overcommit_kbytes > 0)
        return facts_term(facts->overcommit_kbytes) + facts_term(facts->swap_total);
    if (facts->overcommit_ratio < 0) return FACTS_UNSEEN;
    int64_t huge = facts_times(facts->huge_pages_total, facts->huge_page_size);
    return facts_times((facts_term(facts->mem_total) - huge) / 100, facts->overcommit_ratio) +
           facts_term(facts->swap_total);
}

static int64_t allowed_strict(const struct facts *facts, int64_t vm_size)
{
    int64_t limit = commit_limit(facts);
    if (limit < 0 || facts->committed_as < 0) return FACTS_UNSEEN;
    if (facts->cap_admin != 1) limit -= facts_term(facts->admin_reserve);
    int64_t share = facts_term(vm_size) / 32, reserve = facts_term(facts->user_reserve);
    limit -= share < reserve ? share : reserve;
    return facts_term(limit - facts_term(facts->committed_as) - 1);
}

int64_t overcommit_allowed(const struct facts *facts, enum overcommit_rule rule, int64_t vm_size)
{
    switch (rule) {
    case OVERCOMMIT_ALWAYS:
        return FACTS_UNLIMITED;
    case OVERCOMMIT_NEW:
        return allowed_new(facts);
    case OVERCOMMIT_OLD:
        return allowed_old(facts);
    case OVERCOMMIT_STRICT:
        return allowed_strict(facts, vm_size);
    case OVERCOMMIT_EITHER:
    case OVERCOMMIT_UNKNOWN:
        break;
    }
    return FACTS_UNSEEN;
}

/* A soft limit of our own must not answer for the kernel. */
static bool raise_limit(__rlimit_resource_t resource, struct rlimit *old, int64_t bytes)
{
    if (getrlimit(resource, old) != 0) return false;
    struct rlimit raised = {old->rlim_max, old->rlim_max};
    (void)setrlimit(resource, &raised);
    return old->rlim_max != RLIM_INFINITY && old->rlim_max < (rlim_t)bytes * 2;
}

enum overcommit_answer overcommit_ask(int64_t bytes)
{
    check(bytes >= 0);
    if (bytes == 0) return OVERCOMMIT_YES;
    struct rlimit space, data;
    bool narrow = raise_limit(RLIMIT_AS, &space, bytes);
    narrow = raise_limit(RLIMIT_DATA, &data, bytes) || narrow;
    void *mapping =
        mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool accepted = mapping != MAP_FAILED;
    if (accepted) munmap(mapping, (size_t)bytes);
    (void)setrlimit(RLIMIT_AS, &space);
    (void)setrlimit(RLIMIT_DATA, &data);
    if (accepted) return OVERCOMMIT_YES;
    return narrow ? OVERCOMMIT_LIMITED : OVERCOMMIT_NO;
}
