/* root.c - one door to /proc and /sys, so that a recorded tree is read by the same code. */
// SPDX-License-Identifier: Apache-2.0
#include "base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"

struct root root_of(const char *folder_or_null)
{
    bool live = folder_or_null == NULL || folder_or_null[0] == '\0';
    return (struct root){.folder = live ? "" : folder_or_null, .live = live};
}

enum error_code root_check(const struct root *root, struct error *err)
{
    struct stat stat_;
    char proc[ROOT_PATH_MAX];
    root_path(root, "/proc", proc);
    if (stat(proc, &stat_) == 0) return ERR_NONE;
    return error_set(err, ERR_NO_INPUT, 0, "%s: cannot be seen: %s", proc, strerror(errno));
}

void root_path(const struct root *root, const char *path, char out[ROOT_PATH_MAX])
{
    check(path[0] == '/');
    int length = snprintf(out, ROOT_PATH_MAX, "%s%s", root->folder, path);
    if (length < 0 || length >= ROOT_PATH_MAX) out[0] = '\0'; /* opens as "no such file" */
}

void root_unseen(struct root *root, const char *path, int reason)
{
    for (size_t i = 0; i < root->unseen_count; i++)
        if (strcmp(root->unseen[i].path, path) == 0) return;
    if (root->unseen_count == ROOT_UNSEEN_MAX) return;
    struct root_unseen *unseen = &root->unseen[root->unseen_count++];
    snprintf(unseen->path, sizeof unseen->path, "%s", path);
    unseen->reason = reason;
}

/* A descriptor, or -1 with errno; a recorded refusal is a refusal. */
static int open_below(const struct root *root, const char *path)
{
    char full[ROOT_PATH_MAX];
    root_path(root, path, full);
    /* A pipe in a recorded tree would keep us waiting for ever. */
    int fd = fault_hit() ? (errno = EACCES, -1) : open(full, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || root->live) return fd;
    struct stat stat_;
    if (fstat(fd, &stat_) != 0 || !S_ISREG(stat_.st_mode)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    char head[8] = "";
    ssize_t got = pread(fd, head, sizeof head - 1, 0);
    if (got < 6 || memcmp(head, "EACCES", 6) != 0) return fd;
    close(fd);
    errno = EACCES;
    return -1;
}

static bool refused(int reason) { return reason == EACCES || reason == EPERM; }

static bool read_file(struct root *root, const char *path, char *out, size_t size, size_t *out_size,
                      bool needed)
{
    check(size > 1);
    int fd = open_below(root, path);
    int reason = errno;
    size_t used = 0;
    bool fine = fd >= 0;
    while (fine && used + 1 < size) {
        ssize_t got = read(fd, out + used, size - 1 - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            reason = errno;
            fine = false;
        }
        if (got <= 0) break;
        used += (size_t)got;
    }
    if (fd >= 0) close(fd);
    if (!fine) {
        if (needed || refused(reason)) root_unseen(root, path, reason);
        return false;
    }
    out[used] = '\0';
    if (out_size != NULL) *out_size = used;
    return true;
}

bool root_read(struct root *root, const char *path, char *out, size_t size, size_t *out_size)
{
    return read_file(root, path, out, size, out_size, true);
}

bool root_try(struct root *root, const char *path, char *out, size_t size, size_t *out_size)
{
    return read_file(root, path, out, size, out_size, false);
}

bool root_parse(struct slice text, int64_t *out_number)
{
    text = slice_trim(text);
    if (slice_starts(text, SLICE("max")) || slice_starts(text, SLICE("unlimited"))) {
        *out_number = ROOT_UNLIMITED;
        return true;
    }
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t at = negative;
    int64_t number = 0;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9') {
        int digit = text.data[at++] - '0';
        bool fits = number <= (INT64_MAX - digit) / 10;
        number = fits ? number * 10 + digit : INT64_MAX;
    }
    if (at == (size_t)negative) return false;
    *out_number = negative ? -number : number;
    return true;
}

/* cgroup v1 writes "no limit" as the largest number of whole pages; nothing real comes near. */
static int64_t scale(int64_t number, int64_t unit)
{
    if (number < 0) return ROOT_UNSEEN;
    return number > ROOT_MOST / unit ? ROOT_UNLIMITED : number * unit;
}

int64_t root_number(struct root *root, const char *path, int64_t unit)
{
    char text[64];
    size_t size;
    int64_t number;
    if (!root_try(root, path, text, sizeof text, &size)) return ROOT_UNSEEN;
    if (!root_parse((struct slice){text, size}, &number)) return ROOT_UNSEEN;
    return scale(number, unit);
}

bool root_fields(struct root *root, const char *path, const struct root_field *fields, size_t count,
                 void *into)
{
    struct root_lines lines;
    if (!root_lines_open(root, &lines, path)) return false;
    struct slice line;
    while (root_lines_next(&lines, &line)) {
        struct slice name = root_word(&line);
        if (name.size > 0 && name.data[name.size - 1] == ':') name.size--;
        for (size_t i = 0; i < count; i++) {
            int64_t number;
            if (!slice_equal(name, slice_of(fields[i].name)) || !root_parse(line, &number))
                continue;
            number = scale(number, fields[i].unit);
            memcpy((char *)into + fields[i].offset, &number, sizeof number);
        }
    }
    root_lines_close(&lines);
    return true;
}

bool root_lines_open(struct root *root, struct root_lines *lines, const char *path)
{
    *lines = (struct root_lines){.fd = open_below(root, path)};
    if (lines->fd >= 0) return true;
    if (refused(errno)) root_unseen(root, path, errno);
    return false;
}

bool root_lines_next(struct root_lines *lines, struct slice *out_line)
{
    for (;;) {
        char *start = lines->buffer + lines->next;
        size_t left = lines->used - lines->next;
        char *end = memchr(start, '\n', left);
        if (end != NULL) {
            *out_line = (struct slice){start, (size_t)(end - start)};
            lines->next += out_line->size + 1;
            return true;
        }
        if (lines->ended || left == sizeof lines->buffer) {
            *out_line = (struct slice){start, left};
            lines->next = lines->used;
            if (left == 0) return false;
            return true;
        }
        memmove(lines->buffer, start, left);
        lines->next = 0;
        lines->used = left;
        ssize_t got = read(lines->fd, lines->buffer + left, sizeof lines->buffer - left);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) lines->ended = true;
        if (got > 0) lines->used += (size_t)got;
    }
}

void root_lines_close(struct root_lines *lines)
{
    close(lines->fd);
    lines->fd = -1;
}

struct slice root_word(struct slice *rest)
{
    struct slice text = *rest;
    size_t at = 0;
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\t')) at++;
    size_t start = at;
    while (at < text.size && text.data[at] != ' ' && text.data[at] != '\t' && text.data[at] != '\n')
        at++;
    *rest = slice_from(text, at);
    return (struct slice){text.data + start, at - start};
}

void root_set_text(char out[ROOT_TEXT_MAX], const char *data, size_t size)
{
    if (size >= ROOT_TEXT_MAX) size = ROOT_TEXT_MAX - 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        out[i] = c >= 0x20 && c < 0x7F ? (char)c : '?';
    }
    out[size] = '\0';
}

/* "some avg10=1.25 avg60=..." */
static int64_t average_of(struct slice line)
{
    (void)root_word(&line);
    struct slice word = root_word(&line);
    if (!slice_starts(word, SLICE("avg10="))) return ROOT_UNSEEN;
    word = slice_from(word, 6);
    int64_t whole, part = 0;
    if (!root_parse(word, &whole) || whole < 0 || whole > 100) return ROOT_UNSEEN;
    const char *dot = memchr(word.data, '.', word.size);
    if (dot != NULL) (void)root_parse(slice_from(word, (size_t)(dot + 1 - word.data)), &part);
    return whole * 100 + (part < 0 || part > 99 ? 0 : part);
}

void root_pressure(struct root *root, const char *path, int64_t *out_some, int64_t *out_full)
{
    struct root_lines lines;
    if (!root_lines_open(root, &lines, path)) return;
    struct slice line;
    while (root_lines_next(&lines, &line)) {
        if (slice_starts(line, SLICE("some "))) *out_some = average_of(line);
        if (slice_starts(line, SLICE("full "))) *out_full = average_of(line);
    }
    root_lines_close(&lines);
}
