/* log.h - one line an event on standard error, with the levels of the journal.
 *
 * A line is lost rather than waited with: where nobody reads standard error, the next one that
 * goes out tells how many were.
 *
 * Only rooms and the door log. A line never holds a customer's words. Where
 * standard error is the journal's (JOURNAL_STREAM) a line begins with its <level>.
 *
 * Threads  any number; a line is one write
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6 };

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Such a line, newline included, for whoever must write it when nothing can be formatted any more;
 * gives its bytes, size at most. */
size_t log_write(char *out, size_t size, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes what log_write made, also out of a handler of signals; false: there was no room, and
 * nothing is written. */
bool log_put(const char *lines, size_t size);

#endif
