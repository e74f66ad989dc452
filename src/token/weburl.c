/* weburl.c - try the host behind no user part, behind the scheme, and behind every '@'.
 *
 * The pattern is [scheme://] [user@] host [:port] [/rest]. Only yes or no is
 * asked. A user part may be anything that ends in '@', so the host begins at the
 * start, behind the scheme, or behind some '@' that is not the first character;
 * a scheme in front of a user part is then part of "anything". A host holds no
 * '@', so each attempt ends before the next one begins: all are linear together.
 * From a given start there is one way to read a host: labels end at dots, the
 * piece that no dot follows is the top-level part.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/weburl.h"

#include <stddef.h>
#include <string.h>

#include "token/tables.h"

enum { LABEL_MAX = 64, TOP_LEVEL_MIN = 2, TOP_LEVEL_MAX = 63, PORT_MIN = 2, PORT_MAX = 5 };

/* What may follow the host: nothing, a port, and a rest. */
static bool tail_fits(unsigned rule_set, const char *at, const char *end)
{
    if (at < end && *at == ':') {
        at++;
        unsigned digits = 0;
        for (const char *next = at; at < end; at = next, digits++)
            if ((tables_next(rule_set, &next) & TABLES_DECIMAL) == 0) break;
        if (digits < PORT_MIN || digits > PORT_MAX) return false;
    }
    return at == end || *at == '/' || *at == '?' || *at == '#';
}

/* Up to three decimal digits, as the characters they are; others than 0-9 become '*'. */
struct octet {
    unsigned size;
    char digits[4];
};

static const char *octet_read(unsigned rule_set, const char *at, const char *end, struct octet *out)
{
    *out = (struct octet){0};
    while (at < end) {
        const char *next = at;
        uint32_t flags = tables_next(rule_set, &next);
        if ((flags & TABLES_DECIMAL) == 0) break;
        if (out->size == 3) {
            out->size = 4; /* too many */
            break;
        }
        out->digits[out->size++] = flags & TABLES_DIGIT ? *at : '*';
        at = next;
    }
    return at;
}

/* Whether an octet of three digits is 1xx, 2[0-high]x, or 2(high + 1)[0-last]. */
static bool three_fit(const struct octet *o, char high, char last)
{
    if (o->digits[0] == '1') return true;
    if (o->digits[0] != '2') return false;
    if (o->digits[1] >= '0' && o->digits[1] <= high) return true;
    return o->digits[1] == high + 1 && o->digits[2] >= '0' && o->digits[2] <= last;
}

static bool octet_fits(const struct octet *o, unsigned place)
{
    if (o->size < 1 || o->size > 3) return false;
    bool leading = place == 0 || place == 3; /* these begin with 1-9 */
    if (o->size < 3) return !leading || (o->digits[0] >= '1' && o->digits[0] <= '9');
    if (place == 0) return three_fit(o, '1', '3');
    return three_fit(o, '4', place == 3 ? '4' : '5');
}

static bool octet_is(const struct octet *o, const char *digits)
{
    return o->size == strlen(digits) && memcmp(o->digits, digits, o->size) == 0;
}

/* Networks that are not addresses of the web. */
static bool private_network(const struct octet o[4])
{
    if (octet_is(&o[0], "10") || octet_is(&o[0], "127")) return true;
    if (octet_is(&o[0], "169") && octet_is(&o[1], "254")) return true;
    if (octet_is(&o[0], "192") && octet_is(&o[1], "168")) return true;
    if (!octet_is(&o[0], "172") || o[1].size != 2) return false;
    char tens = o[1].digits[0], ones = o[1].digits[1];
    return (tens == '1' && ones >= '6' && ones <= '9') || tens == '2' ||
           (tens == '3' && (ones == '0' || ones == '1'));
}

static bool address_fits(unsigned rule_set, const char *at, const char *end)
{
    struct octet octets[4];
    for (unsigned i = 0; i < 4; i++) {
        at = octet_read(rule_set, at, end, &octets[i]);
        if (!octet_fits(&octets[i], i)) return false;
        if (i < 3 && (at == end || *at++ != '.')) return false;
    }
    return !private_network(octets) && tail_fits(rule_set, at, end);
}

static bool name_fits(unsigned rule_set, const char *at, const char *end)
{
    bool labels = false;
    for (;;) {
        const char *first = at;
        unsigned size = 0;
        bool label = true, top_level = true, last = false;
        while (at < end && *at != '.') {
            const char *next = at;
            uint32_t flags = tables_next(rule_set, &next);
            last = (flags & TABLES_HOST) != 0;
            bool inner = last || *at == '_' || *at == '-';
            if (!inner || (at == first && !last)) label = false;
            if ((flags & TABLES_LOWER) == 0) {
                if (!label) break; /* neither can go on */
                top_level = false;
            }
            size++;
            at = next;
        }
        if (at < end && *at == '.') { /* a label */
            if (!label || !last || size > LABEL_MAX) return false;
            labels = true;
            at++;
            continue;
        }
        return labels && top_level && size >= TOP_LEVEL_MIN && size <= TOP_LEVEL_MAX &&
               tail_fits(rule_set, at, end);
    }
}

/* The scheme's end, behind "://", or text if it has none. */
static const char *scheme_end(unsigned rule_set, const char *text, const char *end)
{
    const char *at = text;
    unsigned size = 0;
    for (const char *next = at; at < end; at = next, size++) {
        uint32_t flags = tables_next(rule_set, &next);
        if ((flags & TABLES_WORD) == 0 && *at != '+' && *at != '-' && *at != '.') break;
    }
    return size >= 2 && end - at >= 3 && memcmp(at, "://", 3) == 0 ? at + 3 : text;
}

static bool host_fits(unsigned rule_set, const char *at, const char *end)
{
    return at < end && (address_fits(rule_set, at, end) || name_fits(rule_set, at, end));
}

bool weburl_matches(unsigned rule_set, const char *text, const char *end)
{
    if (memchr(text, '.', (size_t)(end - text)) == NULL) return false; /* every host has a dot */
    if (host_fits(rule_set, text, end)) return true;
    const char *host = scheme_end(rule_set, text, end);
    if (host != text && host_fits(rule_set, host, end)) return true;
    for (const char *at = text + 1; at < end; at++) {
        at = memchr(at, '@', (size_t)(end - at));
        if (at == NULL) break;
        if (host_fits(rule_set, at + 1, end)) return true;
    }
    return false;
}
