/* writer.h - text into a fixed buffer, never over its end.
 *
 * What does not fit is dropped and `cut` says so; nothing is NUL-terminated.
 *
 * Memory   the caller's buffer
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include "base/slice.h"

struct writer {
    char *data;
    size_t size, used;
    bool cut;
};

struct writer writer_of(char *data, size_t size);
struct slice writer_slice(const struct writer *writer);
void writer_bytes(struct writer *writer, const char *data, size_t size);
void writer_add(struct writer *writer, struct slice text);
void writer_text(struct writer *writer, const char *zero_terminated);
void writer_char(struct writer *writer, char c);
void writer_format(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
