/* root.h - files of /proc and /sys, of this machine or of a recorded tree.
 *
 * A tree is a folder that holds proc/ and sys/ with the files that were read. A
 * file of a tree whose text is "EACCES" is a recorded refusal. What could not be
 * seen is remembered, so that a verdict can say what it did not know.
 *
 * Bound   a line beyond ROOT_LINE_MAX is cut; ROOT_UNSEEN_MAX names are kept
 * Memory  none of its own
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_ROOT_H
#define BASE_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum { ROOT_LINE_MAX = 4096, ROOT_PATH_MAX = 1024, ROOT_UNSEEN_MAX = 24, ROOT_TEXT_MAX = 256 };

#define ROOT_UNSEEN    ((int64_t)-1)
#define ROOT_UNLIMITED INT64_MAX

/* Files may say anything: numbers beyond this are taken for "no limit". */
#define ROOT_MOST (INT64_C(1) << 56)

struct root {
    const char *folder; /* "" is this machine */
    bool live;
    size_t unseen_count;
    struct root_unseen {
        char path[128];
        int reason; /* errno */
    } unseen[ROOT_UNSEEN_MAX];
};

struct root root_of(const char *folder_or_null);

/* ERR_NO_INPUT where there is no /proc: nothing could be seen, which must not pass for well. */
MUST_CHECK enum error_code root_check(const struct root *root, struct error *err);

/* The whole file, cut to size - 1, ended by a NUL; false, and remembered, if it
 * cannot be read. root_try remembers only refusals, not absence. */
bool root_read(struct root *root, const char *path, char *out, size_t size, size_t *out_size);
bool root_try(struct root *root, const char *path, char *out, size_t size, size_t *out_size);

/* A file that is one number, times unit; "max" and v1's huge number are
 * ROOT_UNLIMITED; ROOT_UNSEEN where there is none. Absence is not remembered. */
int64_t root_number(struct root *root, const char *path, int64_t unit);

/* The number text begins with. */
bool root_parse(struct slice text, int64_t *out_number);

/* Lines "NAME: number" or "NAME number": those of the table are put, times unit, at
 * their offsets of *into. Returns whether the file could be read. */
struct root_field {
    const char *name;
    size_t offset;
    int64_t unit;
};
bool root_fields(struct root *root, const char *path, const struct root_field *fields, size_t count,
                 void *into);

struct root_lines {
    int fd;
    size_t used, next;
    bool ended;
    char buffer[ROOT_LINE_MAX];
};

bool root_lines_open(struct root *root, struct root_lines *lines, const char *path);
bool root_lines_next(struct root_lines *lines, struct slice *out_line);
void root_lines_close(struct root_lines *lines);

/* The next word of *rest, split at blanks; empty at the end. */
struct slice root_word(struct slice *rest);

/* The full path of a file of the tree, for calls other than reading. */
void root_path(const struct root *root, const char *path, char out[ROOT_PATH_MAX]);

void root_unseen(struct root *root, const char *path, int reason);

/* Copies text from a file: bytes that are not printable ASCII become '?'. */
void root_set_text(char out[ROOT_TEXT_MAX], const char *data, size_t size);

/* The averages over ten seconds of a file of pressures, in hundredths of a percent. */
void root_pressure(struct root *root, const char *path, int64_t *out_some, int64_t *out_full);

#endif
