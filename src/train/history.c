/* history.c - lines gathered in a buffer, so that a step costs no system call. */
// SPDX-License-Identifier: Apache-2.0
#include "train/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/tick.h"
#include "base/writer.h"

enum { LINE_MAX_BYTES = 512 };

enum error_code history_open(struct history *out_history, const char *path, bool keep,
                             struct error *err)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (keep ? 0 : O_TRUNC);
    int fd = fault_hit() ? (errno = EIO, -1) : open(path, flags, 0666);
    if (fd < 0) return error_set(err, ERR_CREATE, 0, "%s: %s", path, strerror(errno));
    off_t end = lseek(fd, 0, SEEK_END);
    *out_history = (struct history){
        .fd = fd, .path = path, .size = end > 0 ? (uint64_t)end : 0, .begun = tick_now()};
    return ERR_NONE;
}

enum error_code history_flush(struct history *history, uint64_t *out_size, struct error *err)
{
    if (file_put(history->fd, history->buffer, history->buffered) < history->buffered)
        return error_set(err, ERR_WRITE, 0, "%s: %s", history->path, strerror(errno));
    history->buffered = 0;
    *out_size = history->size;
    return ERR_NONE;
}

static void write_number(struct writer *to, const char *name, double value)
{
    /* JSON has no word for what is no number. */
    if (isfinite(value))
        writer_format(to, ",\"%s\":%.9g", name, value);
    else
        writer_format(to, ",\"%s\":null", name);
}

static void write_line(struct writer *to, const struct history *history,
                       const struct history_line *line)
{
    writer_format(to, "{\"training\":\"%s\",\"stage\":\"%s\",\"epoch\":%u,\"step\":%" PRIu64,
                  line->training, line->stage, line->epoch, line->step);
    write_number(to, line->validation ? "valid_loss" : "loss", line->loss);
    write_number(to, line->validation ? "valid_perplexity" : "perplexity", exp(line->loss));
    if (!line->validation) {
        write_number(to, "total", line->total);
        write_number(to, "rate", line->rate);
        write_number(to, "momentum", line->momentum);
        if (line->norm > 0) write_number(to, "gradient_norm", line->norm);
        writer_format(to, ",\"items\":%" PRIu64, line->items);
    }
    writer_format(to, ",\"seconds\":%.3f}\n", tick_seconds_since(history->begun));
}

enum error_code history_add(struct history *history, const struct history_line *line,
                            struct error *err)
{
    uint64_t size;
    if (history->buffered + LINE_MAX_BYTES > HISTORY_BUFFER)
        TRY(history_flush(history, &size, err));
    struct writer to = writer_of(history->buffer + history->buffered, LINE_MAX_BYTES);
    write_line(&to, history, line);
    history->buffered += to.used;
    history->size += to.used;
    return ERR_NONE;
}

enum error_code history_rewind(struct history *history, uint64_t size, struct error *err)
{
    uint64_t flushed;
    TRY(history_flush(history, &flushed, err));
    if (size >= flushed) return ERR_NONE;
    if (fault_hit() || ftruncate(history->fd, (off_t)size) != 0)
        return error_set(err, ERR_WRITE, 0, "%s: it cannot be cut: %s", history->path,
                         strerror(errno));
    history->size = size;
    return ERR_NONE;
}

void history_close(struct history *history)
{
    uint64_t size;
    struct error err;
    if (history->fd >= 0) {
        /* After an error, of which its last lines tell; where nothing went wrong none are left. */
        (void)!history_flush(history, &size, &err);
        close(history->fd);
    }
    *history = (struct history){.fd = -1};
}
