/* lower.c - the only letter whose small form depends on its place is sigma.
 *
 * It is final when a cased letter stands before it and none after, characters
 * that case ignores (apostrophes, accents) not counted. White space is neither
 * cased nor ignored, so looking out from a sigma stops at the end of its word, or
 * at the next cased letter, which another sigma is: that keeps it linear.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/lower.h"

#include <stdbool.h>
#include <stdint.h>

#include "text/chars.h"
#include "text/utf8.h"

static bool cased_before(const char *begin, const char *at)
{
    while (at > begin) {
        do at--;
        while ((*at & 0xC0) == 0x80);
        const char *next = at;
        unsigned props = chars_of(utf8_next(&next));
        if (props & CHARS_IGNORABLE) continue;
        return props & CHARS_CASED;
    }
    return false;
}

static bool cased_after(const char *at, const char *end)
{
    while (at < end) {
        unsigned props = chars_of(utf8_next(&at));
        if (props & CHARS_IGNORABLE) continue;
        return props & CHARS_CASED;
    }
    return false;
}

size_t lower_char(const char *begin, const char **at, const char *end, char *out)
{
    const char *here = *at;
    uint32_t code_point = utf8_next(at), lower[2];
    unsigned count = chars_lower(code_point, lower);
    if (code_point == 0x3A3 && cased_before(begin, here) && !cased_after(*at, end))
        lower[0] = 0x3C2;
    size_t size = utf8_put(lower[0], out);
    if (count == 2) size += utf8_put(lower[1], out + size);
    return size;
}
