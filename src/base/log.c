/* log.c - formatted on the stack, written at once, so that lines of threads never mix. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/writer.h"

void log_line(enum log_level level, const char *format, ...)
{
    char buffer[1024];
    struct writer line = writer_of(buffer, sizeof buffer - 1);
    if (getenv("JOURNAL_STREAM") != NULL)
        writer_format(&line, "<%d>", (int)level);
    else
        writer_text(&line, level == LOG_LEVEL_ERROR     ? "error: "
                           : level == LOG_LEVEL_WARNING ? "warning: "
                                                        : "");
    va_list args;
    va_start(args, format);
    int length = vsnprintf(buffer + line.used, sizeof buffer - 1 - line.used, format, args);
    va_end(args);
    if (length > 0) line.used += (size_t)length;
    if (line.used > sizeof buffer - 2) line.used = sizeof buffer - 2;
    buffer[line.used++] = '\n';
    /* Nobody is left to tell when standard error is gone. */
    if (write(STDERR_FILENO, buffer, line.used) < 0) return;
}
