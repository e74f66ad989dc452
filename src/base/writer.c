/* writer.c - the one place that counts what fits. */
// SPDX-License-Identifier: Apache-2.0
#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct writer writer_of(char *data, size_t size)
{
    return (struct writer){.data = data, .size = size};
}

struct slice writer_slice(const struct writer *writer)
{
    return (struct slice){writer->data, writer->used};
}

void writer_bytes(struct writer *writer, const char *data, size_t size)
{
    size_t room = writer->size - writer->used;
    if (size > room) {
        writer->cut = true;
        size = room;
    }
    if (size > 0) memcpy(writer->data + writer->used, data, size);
    writer->used += size;
}

void writer_add(struct writer *writer, struct slice text)
{
    writer_bytes(writer, text.data, text.size);
}

void writer_text(struct writer *writer, const char *zero_terminated)
{
    writer_bytes(writer, zero_terminated, strlen(zero_terminated));
}

void writer_char(struct writer *writer, char c) { writer_bytes(writer, &c, 1); }

void writer_format(struct writer *writer, const char *format, ...)
{
    size_t room = writer->size - writer->used;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(writer->data + writer->used, room, format, args);
    va_end(args);
    check(wanted >= 0);
    if ((size_t)wanted >= room) {
        /* vsnprintf wants a byte for its NUL; a writer does not end in one. */
        writer->cut = true;
        wanted = room > 0 ? (int)room - 1 : 0;
    }
    writer->used += (size_t)wanted;
}
