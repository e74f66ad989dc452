/* chars.c - the trie, and lower case as runs of equal distance.
 *
 * Most capitals lie in runs whose small letters lie at one distance, every one
 * or every second of them; 180 such runs replace a table of 1,400 pairs, and
 * only code points that are known to change are looked up.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/chars.h"

/* first, first + step, ... last: the lower case lies at this distance. */
struct lower_run {
    uint32_t first, last;
    int32_t step, distance;
};

#include "chars_gen.h"

enum { LOWER_RUNS = sizeof lower_runs / sizeof *lower_runs };

#define LETTERS(kind)                                                                              \
    kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind,      \
        kind, kind, kind, kind, kind, kind, kind, kind, kind, kind, kind
#define HIGH16 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16

/* What a byte is; of a high one only its code point tells. */
const uint8_t chars_kinds[256] = {
    [9] = CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    [28] = CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    CHARS_KIND_SPACE,
    ['0'] = CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    CHARS_KIND_WORD,
    ['A'] = LETTERS(CHARS_KIND_WORD | CHARS_KIND_UPPER),
    ['_'] = CHARS_KIND_WORD,
    ['a'] = LETTERS(CHARS_KIND_WORD | CHARS_KIND_SMALL),
    [128] = HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
    HIGH16,
};

unsigned chars_lower(uint32_t code_point, uint32_t out[2])
{
    out[0] = code_point;
    if (code_point < 0x80) {
        if (code_point >= 'A' && code_point <= 'Z') out[0] = code_point + 32;
        return 1;
    }
    if (code_point == 0x130) { /* the only one with two */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    if ((chars_of(code_point) & CHARS_LOWERS) == 0) return 1;
    size_t low = 0, high = LOWER_RUNS;
    while (low + 1 < high) { /* the last run that begins at or before it */
        size_t middle = (low + high) / 2;
        if (lower_runs[middle].first <= code_point)
            low = middle;
        else
            high = middle;
    }
    const struct lower_run *run = &lower_runs[low];
    if (code_point <= run->last && (code_point - run->first) % (uint32_t)run->step == 0)
        out[0] = (uint32_t)((int32_t)code_point + run->distance);
    return 1;
}

size_t chars_bytes(void)
{
    return sizeof chars_kinds + sizeof chars_index + sizeof chars_blocks + sizeof chars_props +
           sizeof lower_runs;
}
