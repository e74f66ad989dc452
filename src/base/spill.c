/* spill.c - O_TMPFILE where the file system has it, else a name that is taken away at once. */
// SPDX-License-Identifier: Apache-2.0
#include "base/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"

static int open_nameless(const char *folder)
{
    char path[4096];
    if (fault_hit()) return errno = EIO, -1;
    int fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return fd;
    int length = snprintf(path, sizeof path, "%s/.air-classifier.XXXXXX", folder);
    if (length < 0 || (size_t)length >= sizeof path) return errno = ENAMETOOLONG, -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

enum error_code spill_open(struct spill *out_spill, const char *beside, struct error *err)
{
    char folder[4096];
    if (!file_folder(beside, folder, sizeof folder))
        return error_set(err, ERR_CREATE, 0, "the path of the file to write is too long");
    struct spill spill = {0};
    TRY(mem_take(&spill.buffer, SPILL_BUFFER, 1, err));
    spill.fd = open_nameless(folder);
    if (spill.fd < 0) {
        mem_free(spill.buffer);
        return error_set(err, ERR_CREATE, 0, "%s: no temporary file can be made: %s", folder,
                         strerror(errno));
    }
    *out_spill = spill;
    return ERR_NONE;
}

static enum error_code write_out(struct spill *spill, struct error *err)
{
    size_t done = file_put(spill->fd, spill->buffer, spill->buffered);
    if (done < spill->buffered)
        return error_set(err, ERR_WRITE, 0, "the temporary file, after %zu bytes: %s",
                         spill->size - spill->buffered + done, strerror(errno));
    spill->buffered = 0;
    return ERR_NONE;
}

enum error_code spill_add(struct spill *spill, const void *data, size_t size, struct error *err)
{
    const char *next = data;
    check(spill->map == NULL);
    while (size > 0) {
        size_t part = SPILL_BUFFER - spill->buffered;
        if (part > size) part = size;
        memcpy(spill->buffer + spill->buffered, next, part);
        spill->buffered += part;
        spill->size += part;
        next += part;
        size -= part;
        if (spill->buffered == SPILL_BUFFER) TRY(write_out(spill, err));
    }
    return ERR_NONE;
}

enum error_code spill_map(struct spill *spill, void *out_data, struct error *err)
{
    check(spill->map == NULL);
    TRY(write_out(spill, err));
    if (spill->size == 0) return ERR_NONE;
    void *map = fault_hit()
                    ? (errno = ENOMEM, MAP_FAILED)
                    : mmap(NULL, spill->size, PROT_READ | PROT_WRITE, MAP_SHARED, spill->fd, 0);
    if (map == MAP_FAILED)
        return error_set(err, ERR_MEMORY, 0, "%zu bytes of a temporary file cannot be mapped: %s",
                         spill->size, strerror(errno));
    spill->map = map;
    mem_free(spill->buffer);
    spill->buffer = NULL;
    memcpy(out_data, &map, sizeof map);
    return ERR_NONE;
}

void spill_close(struct spill *spill)
{
    if (spill->map != NULL) munmap(spill->map, spill->size);
    if (spill->buffer != NULL || spill->map != NULL) close(spill->fd);
    mem_free(spill->buffer);
    *spill = (struct spill){.fd = -1};
}
