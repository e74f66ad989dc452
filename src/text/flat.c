/* flat.c - one pass over the bytes, and no memory.
 *
 * jansson builds a tree: a node for each string, and a copy that is put together byte by byte,
 * after a pass of ours that counts brackets. Its own functions were 15 % of what the service
 * does for a request, all of it 21 %. A string without escapes is its own value, so nothing has to
 * be built; what makes JSON hard is left to jansson, which also words all errors. */
// SPDX-License-Identifier: Apache-2.0
#include "text/flat.h"

#include "text/json.h"

struct scan {
    const char *at, *end;
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && json_is_space(*scan->at)) scan->at++;
}

static bool take(struct scan *scan, char wanted)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != wanted) return false;
    scan->at++;
    return true;
}

static bool take_plain(struct scan *scan, struct slice *out_text)
{
    if (!take(scan, '"')) return false;
    const char *start = scan->at, *at = start;
    while (at < scan->end && *at >= 0x20 && *at <= 0x7E && *at != '"' && *at != '\\') at++;
    scan->at = at;
    *out_text = (struct slice){start, (size_t)(at - start)};
    return at < scan->end && *scan->at++ == '"';
}

static bool is_among(const struct slice *keys, size_t count, struct slice key)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(keys[i], key)) return true;
    return false;
}

bool flat_case(struct case_text *out_text, struct slice bytes)
{
    struct scan scan = {bytes.data, bytes.data + bytes.size};
    struct slice keys[FLAT_MEMBERS_MAX], value;
    struct case_text text;
    size_t count = 0;
    for (enum case_field f = 0; f < CASE_FIELDS; f++) text.field[f] = SLICE("");
    if (!take(&scan, '{')) return false;
    do {
        if (count == FLAT_MEMBERS_MAX || !take_plain(&scan, &keys[count]) || !take(&scan, ':') ||
            !take_plain(&scan, &value) || is_among(keys, count, keys[count]))
            return false;
        enum case_field field = case_find(keys[count++]);
        if (field != CASE_FIELDS) text.field[field] = value;
    } while (take(&scan, ','));
    if (!take(&scan, '}')) return false;
    skip_space(&scan);
    if (scan.at != scan.end) return false;
    *out_text = text;
    return true;
}
