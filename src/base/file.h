/* file.h - files read by mapping, written whole or not at all.
 *
 * A mapping is read-only and private: it adds nothing to what a fork would have
 * to promise, and the kernel may take its pages back. A written file gets a
 * temporary name in the same folder, is synced, then renamed, and the folder is
 * synced, so that a power cut takes nothing back. Whoever fails before the rename
 * leaves the earlier file as it was and no new one; behind it, the new file stands.
 * It keeps the permissions of the one it replaces, which the umask would give away.
 * A symbolic link stays, as with cp or a shell's '>': what it leads to is written,
 * or made.
 *
 * Results go to standard output, and a failure there is ERR_OUTPUT: it is told in
 * the same words whatever was printing.
 *
 * Threads  any number, each with its own struct
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

/* Before any file is opened: where a standard descriptor is closed, holds its number, which the
 * next file would get, and what is printed would go into that. Using it fails as before. */
MUST_CHECK enum error_code file_hold_standard(struct error *err);

MUST_CHECK enum error_code file_print(FILE *output, struct slice text, struct error *err);
/* The same without stdio. */
MUST_CHECK enum error_code file_print_raw(int fd, struct slice text, struct error *err);
/* Whether all that was printed has arrived; flushes what has not left yet. */
MUST_CHECK enum error_code file_flush(FILE *output, struct error *err);

struct file_map {
    struct slice bytes;
};

/* Maps a regular file. Empty files give an empty slice. */
MUST_CHECK enum error_code file_map(struct file_map *out_map, const char *path, struct error *err);
void file_unmap(struct file_map *map);

/* A descriptor for streaming; "-" is standard input. Folders are refused. */
MUST_CHECK enum error_code file_read_open(int *out_fd, const char *path, struct error *err);

/* Reads up to size bytes, across interrupts; 0 bytes is the end. */
MUST_CHECK enum error_code file_read(int fd, char *buffer, size_t size, size_t *out_size,
                                     const char *path, struct error *err);
void file_close(int fd);

/* Writes all of it, in as many calls as that takes; gives how much, less with errno on failure. */
size_t file_put(int fd, const void *data, size_t size);

/* The folder that a path is in, "." where it names none; false where it does not fit. */
bool file_folder(const char *path, char *out_folder, size_t capacity);

struct file_write {
    int fd;          /* -1 when closed */
    char path[4096]; /* behind all links */
    char temporary[4096 + 32];
};

MUST_CHECK enum error_code file_write_open(struct file_write *out_file, const char *path,
                                           struct error *err);
MUST_CHECK enum error_code file_write_add(struct file_write *file, const void *data, size_t size,
                                          struct error *err);
/* Brings what was written to the disk, so that hardly anything is left for commit to fail for. */
MUST_CHECK enum error_code file_write_sync(struct file_write *file, struct error *err);
/* Syncs, renames, and syncs the folder; on failure the temporary file is gone. ERR_SYNC alone: the
 * file is there, but whether it outlasts a power cut is not known. */
MUST_CHECK enum error_code file_write_commit(struct file_write *file, struct error *err);
/* Removes what killed writers of this path left behind (PATH.tmp.PID.N); for whoever is its only
 * writer. */
void file_sweep(const char *path);
/* Drops what was written; harmless after commit. */
void file_write_abandon(struct file_write *file);

#endif
