/* log.c - formatted on the stack, written at once, so that lines of threads never mix. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/writer.h"

/* A line names files and labels that others wrote, who must not begin a line of their own or steer
 * a terminal. */
static void keep_to_line(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i], next = (unsigned char)text[i + 1];
        bool second = c == 0xC2 && next >= 0x80 && next < 0xA0; /* of UTF-8's C1 controls */
        if (c < 0x20 || c == 0x7F || second) text[i] = '?';
        if (second) text[++i] = '?';
    }
}

__attribute__((format(printf, 4, 0))) static size_t
form(char *out, size_t size, enum log_level level, const char *format, va_list args)
{
    struct writer line = writer_of(out, size - 1);
    if (getenv("JOURNAL_STREAM") != NULL)
        writer_format(&line, "<%d>", (int)level);
    else
        writer_text(&line, level == LOG_LEVEL_ERROR     ? "error: "
                           : level == LOG_LEVEL_WARNING ? "warning: "
                                                        : "");
    size_t begin = line.used;
    int length = vsnprintf(out + line.used, size - 1 - line.used, format, args);
    if (length > 0) line.used += (size_t)length;
    if (line.used > size - 2) line.used = size - 2;
    keep_to_line(out + begin, line.used - begin);
    out[line.used++] = '\n';
    return line.used;
}

size_t log_write(char *out, size_t size, enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t used = form(out, size, level, format, args);
    va_end(args);
    return used;
}

void log_line(enum log_level level, const char *format, ...)
{
    char buffer[1024];
    va_list args;
    va_start(args, format);
    size_t used = form(buffer, sizeof buffer, level, format, args);
    va_end(args);
    /* Nobody is left to tell when standard error is gone. */
    if (write(STDERR_FILENO, buffer, used) < 0) return;
}
