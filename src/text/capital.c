/* capital.c - three rules in one pass, because each decides for one word at a time.
 *
 * replace_all_caps leaves nothing that replace_maj could see, and what neither
 * lowers the last rule does. White space bounds them all, the final sigma too.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/capital.h"

#include <stdint.h>

#include "base/eight.h"
#include "text/chars.h"
#include "text/lower.h"
#include "text/rewrite.h"

/* The end of the run of characters that are not white space, and the kinds of
 * all of them but the first. */
static const char *run_end(const char *at, const char *end, unsigned *out_kinds)
{
    unsigned kinds = 0;
    for (at++; at < end; at++) {
        unsigned kind = chars_kind(*at);
        if (kind == CHARS_KIND_SPACE || (kind == CHARS_KIND_HIGH && chars_space(at, end) > 0))
            break;
        kinds |= kind;
    }
    *out_kinds = kinds;
    return at;
}

/* replace_all_caps, then replace_maj, for a run that begins with A-Z; both look
 * at nothing but ASCII. */
static void put_marker(struct rewrite *out, size_t size, unsigned kinds)
{
    if (size < 2) return;
    if ((kinds & CHARS_KIND_SMALL) == 0)
        rewrite_put(out, "xxup ", 5);
    else if ((kinds & CHARS_KIND_UPPER) == 0)
        rewrite_put(out, "xxmaj ", 6);
}

static bool space_before(const char *begin, const char *at)
{
    if (at == begin) return true;
    const char *before = at - 1;
    while (before > begin && (*before & 0xC0) == 0x80) before--;
    return chars_space(before, at) > 0;
}

/* The bytes of eight ASCII ones that are not A-Z, as those of a copy; stops at
 * the first that is A-Z or not ASCII. */
static inline size_t plain_bytes(uint64_t word)
{
    uint64_t hit = eight_between(word, 'A', 'Z') | (word & EIGHT_HIGH);
    return hit == 0 ? 8 : eight_first(hit);
}

/* Most text is small letters and blanks, which stay: only a capital or a
 * character beyond ASCII is looked at, and a marker is due only where a capital
 * begins a run. */
void capital_mark(struct clean *clean)
{
    const char *begin = chars_skip_spaces(clean->text.data, clean->text.data + clean->text.size);
    const char *at = begin, *end = clean->text.data + clean->text.size;
    while (end > begin && space_before(begin, end) && end > at) { /* trim */
        do end--;
        while (end > begin && (*end & 0xC0) == 0x80);
    }
    struct rewrite out = rewrite_open(clean);
    rewrite_put(&out, "xxbos ", 6);
    while (at < end) {
        if (end - at >= 8 && out.end - out.at >= 8) {
            size_t plain = plain_bytes(eight_load(at));
            memcpy(out.at, at, 8);
            out.at += plain;
            at += plain;
            if (plain == 8) continue;
        }
        unsigned kind = chars_kind(*at), kinds;
        if ((kind & CHARS_KIND_UPPER) != 0 && space_before(begin, at)) {
            const char *next = run_end(at, end, &kinds);
            put_marker(&out, (size_t)(next - at), kinds);
        }
        if (out.end - out.at < LOWER_CHAR_MAX) {
            out.cut = true;
            break;
        }
        if (kind != CHARS_KIND_HIGH)
            *out.at++ = (char)(*at++ | (kind & CHARS_KIND_UPPER ? 0x20 : 0));
        else
            out.at += lower_char(begin, &at, end, out.at);
    }
    rewrite_close(clean, &out);
}
