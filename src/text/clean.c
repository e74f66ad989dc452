/* clean.c - each rule reads the text once and writes it anew, or leaves it where it is.
 *
 * Two buffers take turns: a rule that finds nothing to do does not copy, so the
 * usual case touches each byte four or five times, mostly by memchr and eight
 * at once. Later rules see what earlier ones wrote, as in fastai; two pairs are
 * merged where the second can not tell the difference (blanks; capitals, which
 * are decided for one word at a time).
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/clean.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/eight.h"
#include "text/capital.h"
#include "text/repeat.h"
#include "text/rewrite.h"
#include "text/unescape.h"

struct slice clean_special(enum special_id id)
{
    static const struct slice TEXTS[] = {
#define SPECIAL(name, text, meaning) {text, sizeof text - 1},
#include "text/special.def"
#undef SPECIAL
    };
    check(id < SPECIAL_COUNT);
    return TEXTS[id];
}

/* ---- fix_html ---- */

/* A literal to replace, found by its rarest character. */
struct replacement {
    struct slice from, to;
    size_t anchor;
};

/* In order; each sees what the one before left. */
static const struct replacement REPLACEMENTS[] = {
#define REPLACE(from, to, anchor)                                                                  \
    {                                                                                              \
        {from, sizeof from - 1}, {to, sizeof to - 1}, anchor                                       \
    }
    REPLACE("#39;", "'", 0),      REPLACE("amp;", "&", 3),    REPLACE("#146;", "'", 0),
    REPLACE("nbsp;", " ", 4),     REPLACE("#36;", "$", 0),    REPLACE("\\n", "\n", 0),
    REPLACE("quot;", "'", 4),     REPLACE("<br />", "\n", 0), REPLACE("\\\"", "\"", 0),
    REPLACE("<unk>", "xxunk", 0), REPLACE(" @.@ ", ".", 1),   REPLACE(" @-@ ", "-", 1),
    REPLACE("...", " \u2026", 0),
#undef REPLACE
};

static void replace(struct clean *clean, const struct replacement *row)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *at = from;
    struct rewrite out = rewrite_open(clean);
    bool found = false;
    while (at < end && (at = memchr(at, row->from.data[row->anchor], (size_t)(end - at))) != NULL) {
        const char *start = at - row->anchor;
        at++;
        if (start < from || (size_t)(end - start) < row->from.size ||
            memcmp(start, row->from.data, row->from.size) != 0)
            continue;
        rewrite_put(&out, from, (size_t)(start - from));
        rewrite_put(&out, row->to.data, row->to.size);
        at = from = start + row->from.size;
        found = true;
    }
    if (!found) return;
    rewrite_put(&out, from, (size_t)(end - from));
    rewrite_close(clean, &out);
}

static void unescape(struct clean *clean)
{
    const char *from = clean->text.data, *end = from + clean->text.size, *at = from;
    struct rewrite out = rewrite_open(clean);
    bool found = false;
    while (at < end && (at = memchr(at, '&', (size_t)(end - at))) != NULL) {
        struct unescape_hit hit = unescape_at(at, end);
        if (hit.taken == 0) {
            at++;
            continue;
        }
        rewrite_put(&out, from, (size_t)(at - from));
        rewrite_put(&out, hit.value, hit.size);
        at = from = at + hit.taken;
        found = true;
    }
    if (!found) return;
    rewrite_put(&out, from, (size_t)(end - from));
    rewrite_close(clean, &out);
}

void clean_html(struct clean *clean)
{
    for (size_t i = 0; i < sizeof REPLACEMENTS / sizeof *REPLACEMENTS; i++)
        replace(clean, &REPLACEMENTS[i]);
    unescape(clean);
}

/* ---- spec_add_spaces, rm_useless_spaces ---- */

/* Writing a blank only behind something else is the same as writing all and
 * folding them afterwards. */
void clean_spaces(struct clean *clean)
{
    const char *at = clean->text.data, *end = at + clean->text.size;
    struct rewrite out = rewrite_open(clean);
    bool blank = false; /* the last byte written is one */
    while (at < end) {
        while (end - at >= 9 && out.end - out.at >= 8 && !(blank && *at == ' ')) {
            uint64_t word = eight_load(at);
            uint64_t hit = eight_equal(word, '/') | eight_equal(word, '#') |
                           eight_equal(word, '\\') |
                           (eight_equal(word, ' ') & eight_equal(eight_load(at + 1), ' '));
            size_t plain = hit == 0 ? 8 : eight_first(hit);
            memcpy(out.at, at, 8);
            out.at += plain;
            at += plain;
            if (plain > 0) blank = at[-1] == ' ';
            if (hit != 0) break;
        }
        char c = *at++;
        if (c == '/' || c == '#' || c == '\\') {
            char spaced[3] = {' ', c, ' '};
            rewrite_put(&out, spaced + blank, 3 - (size_t)blank);
            blank = true;
        } else if (c != ' ' || !blank) {
            if (out.at == out.end) { /* back to a whole character */
                out.cut = true;
                break;
            }
            *out.at++ = c;
            blank = c == ' ';
        }
    }
    if (out.cut) /* a sequence may be cut inside */
        while (out.at > clean->buffers[clean->next] && (unsigned char)out.at[-1] >= 0x80) out.at--;
    rewrite_close(clean, &out);
}

struct slice clean_text(struct clean *clean, struct slice text, unsigned *out_buffer)
{
    check(clean->size >= 64);
    clean->text = text;
    clean->next = 0;
    clean->cut = false;
    clean_html(clean);
    repeat_chars(clean);
    repeat_words(clean);
    clean_spaces(clean);
    capital_mark(clean);
    *out_buffer = clean->next ^ 1;
    return clean->text;
}

void clean_join(struct writer *out, const struct slice *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) writer_char(out, ' ');
        if (count > 1) writer_format(out, "xxfld %zu ", i + 1);
        writer_add(out, fields[i]);
    }
}
