/* smaps.c - sums what fork would charge, mapping by mapping.
 *
 * The kernel's flag decides, not the permissions: a private mapping keeps its charge
 * when it is made read-only later, and MAP_NORESERVE has none. Without smaps (other
 * user's process) maps gives the private writable ones, and the result is an upper
 * bound that says so.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/smaps.h"

#include <stdio.h>
#include <string.h>

struct mapping {
    int64_t size;
    bool private_writable;
    char name[FACTS_TEXT_MAX];
};

struct sums {
    int64_t charge, largest, maps, resident_private;
    char largest_name[FACTS_TEXT_MAX];
    bool flags_seen;
};

static bool parse_hex(struct slice *text, uint64_t *out)
{
    uint64_t value = 0;
    size_t at = 0;
    for (; at < text->size; at++) {
        char c = text->data[at];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) break;
        value = value << 4 | (uint64_t)digit;
    }
    *text = slice_from(*text, at);
    *out = value;
    return at > 0;
}

/* "7f12-7f34 rw-p 00000000 00:00 0   name" */
static bool parse_header(struct slice line, struct mapping *out)
{
    uint64_t from, to;
    struct slice text = line;
    if (!parse_hex(&text, &from) || text.size == 0 || text.data[0] != '-') return false;
    text = slice_from(text, 1);
    if (!parse_hex(&text, &to) || to < from || to - from > (uint64_t)FACTS_MOST) return false;
    struct slice flags = root_word(&text);
    if (flags.size < 4) return false;
    for (int i = 0; i < 3; i++) (void)root_word(&text);
    struct slice name = slice_trim(text);
    out->size = (int64_t)(to - from);
    out->private_writable = flags.data[1] == 'w' && flags.data[3] == 'p';
    root_set_text(out->name, name.data, name.size);
    return true;
}

static void charge(struct sums *sums, const struct mapping *mapping)
{
    sums->charge = facts_term(sums->charge + mapping->size);
    if (mapping->size <= sums->largest) return;
    sums->largest = mapping->size;
    snprintf(sums->largest_name, sizeof sums->largest_name, "%s",
             mapping->name[0] != '\0' ? mapping->name : "anonymous");
}

static void read_flags(struct sums *sums, const struct mapping *mapping, struct slice flags)
{
    bool accounted = false, copied = true;
    struct slice flag;
    sums->flags_seen = true;
    while ((flag = root_word(&flags)).size > 0) {
        if (slice_equal(flag, SLICE("ac"))) accounted = true;
        if (slice_equal(flag, SLICE("dc"))) copied = false;
    }
    if (accounted && copied) charge(sums, mapping);
}

static bool read_smaps(struct root *root, const char *path, struct sums *sums)
{
    struct root_lines lines;
    if (!root_lines_open(root, &lines, path)) return false;
    struct slice line;
    struct mapping mapping = {0};
    while (root_lines_next(&lines, &line)) {
        int64_t kilobytes;
        if (parse_header(line, &mapping)) {
            sums->maps++;
            continue;
        }
        struct slice name = root_word(&line);
        if (slice_equal(name, SLICE("VmFlags:"))) read_flags(sums, &mapping, line);
        if (slice_starts(name, SLICE("Private_")) &&
            !slice_equal(name, SLICE("Private_Hugetlb:")) && root_parse(line, &kilobytes))
            sums->resident_private =
                facts_term(sums->resident_private + facts_times(kilobytes, 1024));
    }
    root_lines_close(&lines);
    return sums->flags_seen;
}

static bool read_maps(struct root *root, const char *path, struct sums *sums)
{
    struct root_lines lines;
    if (!root_lines_open(root, &lines, path)) return false;
    struct slice line;
    struct mapping mapping;
    while (root_lines_next(&lines, &line)) {
        if (!parse_header(line, &mapping)) continue;
        sums->maps++;
        if (mapping.private_writable) charge(sums, &mapping);
    }
    root_lines_close(&lines);
    return sums->maps > 0;
}

void smaps_read(struct root *root, const char *pid, struct facts *facts)
{
    char path[64];
    struct sums sums = {0};
    snprintf(path, sizeof path, "/proc/%s/smaps", pid);
    bool exact = read_smaps(root, path, &sums);
    if (exact) {
        facts->resident_private = sums.resident_private;
    } else {
        sums = (struct sums){0};
        snprintf(path, sizeof path, "/proc/%s/maps", pid);
        if (!read_maps(root, path, &sums)) {
            /* The last resort bounds from above: all that is data or stack. */
            if (facts->vm_data == FACTS_UNSEEN) return;
            int64_t stack = facts->vm_stack > 0 ? facts->vm_stack : 0;
            sums.charge = sums.largest = facts_term(facts->vm_data) + facts_term(stack);
            sums.maps = FACTS_UNSEEN;
        }
    }
    facts->fork_exact = exact;
    facts->fork_charge = sums.charge;
    facts->fork_largest = sums.largest;
    facts->maps = sums.maps;
    root_set_text(facts->largest_mapping, sums.largest_name, strlen(sums.largest_name));
}
