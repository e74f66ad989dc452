/* log.c - formatted on the stack, written at once, so that lines of threads never mix.
 *
 * Whoever reads standard error may stop reading: a pipe is full then, and a write waits for ever,
 * on the thread that lets clients in as well. So it is asked first whether there is room. It is
 * not set to O_NONBLOCK, which others who have it from the same parent would find set, too. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/writer.h"

static atomic_ulong lost; /* lines, since that was last told */

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

/* Any child of a service has JOURNAL_STREAM; whose standard error is that stream, device and inode
 * tell (systemd.exec(5)). */
static bool is_journal(void)
{
    const char *named = getenv("JOURNAL_STREAM");
    struct stat own;
    char name[48];
    if (named == NULL || fstat(STDERR_FILENO, &own) != 0) return false;
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)own.st_dev, (uintmax_t)own.st_ino);
    return strcmp(named, name) == 0;
}

static void begin(struct writer *line, enum log_level level)
{
    if (is_journal())
        writer_format(line, "<%d>", (int)level);
    else
        writer_text(line, level == LOG_LEVEL_ERROR     ? "error: "
                          : level == LOG_LEVEL_WARNING ? "warning: "
                                                       : "");
}

__attribute__((format(printf, 4, 0))) static size_t
form(char *out, size_t size, enum log_level level, const char *format, va_list args)
{
    struct writer line = writer_of(out, size - 1);
    begin(&line, level);
    size_t begun = line.used;
    int length = vsnprintf(out + line.used, size - 1 - line.used, format, args);
    if (length > 0) line.used += (size_t)length;
    if (line.used > size - 2) line.used = size - 2;
    keep_to_line(out + begun, line.used - begun);
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

/* A pipe with room has a page of it, four of the longest lines, should several threads ask at
 * once. What is closed or broken is not full: a write tells so at once. */
static bool is_full(void)
{
    struct pollfd polled = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&polled, 1, 0) == 0;
}

bool log_put(const char *lines, size_t size)
{
    if (is_full()) return false;
    /* Nobody is left to tell when standard error is gone. */
    return write(STDERR_FILENO, lines, size) >= 0 || errno != EAGAIN;
}

void log_line(enum log_level level, const char *format, ...)
{
    char buffer[1024];
    unsigned long before = atomic_exchange(&lost, 0);
    size_t used = 0;
    if (before > 0)
        used = log_write(buffer, sizeof buffer, LOG_LEVEL_WARNING,
                         "lost %lu lines of the log: nobody read standard error", before);
    va_list args;
    va_start(args, format);
    used += form(buffer + used, sizeof buffer - used, level, format, args);
    va_end(args);
    if (!log_put(buffer, used)) atomic_fetch_add(&lost, before + 1);
}
