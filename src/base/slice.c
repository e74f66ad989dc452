/* slice.c - comparing and cutting. */
// SPDX-License-Identifier: Apache-2.0
#include "base/slice.h"

#include <string.h>

#include "base/check.h"

struct slice slice_of(const char *zero_terminated)
{
    return (struct slice){zero_terminated, strlen(zero_terminated)};
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c; }

/* strncasecmp would stop at a NUL, and asks the locale. */
bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    return true;
}

bool slice_starts(struct slice text, struct slice prefix)
{
    return text.size >= prefix.size && slice_equal((struct slice){text.data, prefix.size}, prefix);
}

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

struct slice slice_from(struct slice text, size_t start)
{
    check(start <= text.size);
    return (struct slice){text.data + start, text.size - start};
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct slice slice_trim(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0])) text = slice_from(text, 1);
    while (text.size > 0 && is_space(text.data[text.size - 1])) text.size--;
    return text;
}

bool slice_port(struct slice digits, uint16_t *out_port)
{
    unsigned port = 0;
    if (digits.size == 0 || digits.size > 5) return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') return false;
        port = 10 * port + (unsigned)(digits.data[i] - '0');
    }
    if (port > UINT16_MAX) return false;
    *out_port = (uint16_t)port;
    return true;
}
