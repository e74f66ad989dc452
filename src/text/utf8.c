/* utf8.c - the checks of RFC 3629, section 4, by the lead byte. */
// SPDX-License-Identifier: Apache-2.0
#include "text/utf8.h"

#include <string.h>

/* Length of the sequence that starts with lead, 0 if none does; the bounds of its second byte. */
static unsigned sequence(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0; /* a continuation, or overlong */
    if (lead < 0xE0) return 2;
    if (lead < 0xF0) {
        if (lead == 0xE0) *low = 0xA0;  /* overlong below */
        if (lead == 0xED) *high = 0x9F; /* surrogates above */
        return 3;
    }
    if (lead > 0xF4) return 0;
    if (lead == 0xF0) *low = 0x90;  /* overlong below */
    if (lead == 0xF4) *high = 0x8F; /* beyond U+10FFFF above */
    return 4;
}

bool utf8_valid(struct slice text, size_t *out_bad)
{
    const unsigned char *data = (const unsigned char *)text.data;
    size_t at = 0;
    while (at < text.size) {
        if (text.size - at >= 8) { /* eight ASCII bytes at once */
            uint64_t eight;
            memcpy(&eight, data + at, 8);
            if ((eight & 0x8080808080808080u) == 0) {
                at += 8;
                continue;
            }
        }
        unsigned char low, high;
        unsigned length = sequence(data[at], &low, &high);
        bool fine = length > 0 && length <= text.size - at;
        if (fine && length > 1) fine = data[at + 1] >= low && data[at + 1] <= high;
        for (unsigned i = 2; fine && i < length; i++) fine = (data[at + i] & 0xC0) == 0x80;
        if (!fine) {
            if (out_bad != NULL) *out_bad = at;
            return false;
        }
        at += length;
    }
    return true;
}

void utf8_mend(char *text, size_t size)
{
    size_t bad;
    for (size_t at = 0; !utf8_valid((struct slice){text + at, size - at}, &bad);) {
        at += bad + 1;
        text[at - 1] = '?';
    }
}

struct slice utf8_cut(struct slice text, size_t most)
{
    if (text.size <= most) return text;
    while (most > 0 && (text.data[most] & 0xC0) == 0x80) most--;
    return (struct slice){text.data, most};
}

size_t utf8_count(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += (text.data[i] & 0xC0) != 0x80;
    return count;
}

size_t utf8_piece(struct slice text, bool *out_plain)
{
    unsigned char low, high;
    size_t size = sequence((unsigned char)text.data[0], &low, &high);
    *out_plain = size > 0 && size <= text.size && utf8_valid((struct slice){text.data, size}, NULL);
    if (!*out_plain) return 1;
    const char *end = text.data;
    uint32_t c = utf8_next(&end);
    *out_plain = c >= 0x20 && (c < 0x7F || c >= 0xA0);
    return size;
}

size_t utf8_show(struct slice *text, struct writer *writer)
{
    bool plain;
    size_t size = utf8_piece(*text, &plain);
    if (plain) writer_bytes(writer, text->data, size);
    for (size_t i = 0; !plain && i < size; i++)
        writer_format(writer, "\\x%02X", (unsigned)(unsigned char)text->data[i]);
    *text = slice_from(*text, size);
    return plain ? 1 : 4 * size;
}

unsigned utf8_put(uint32_t code_point, char *out)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}
