/* file.c - mapping, streaming, and the rename that makes a file appear whole. */
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/torn.h"

enum {
    TEMPORARIES_MAX = 100, /* leftovers of killed runs that a new one steps over */
    LINKS_MAX = 40,        /* as the kernel follows */
};

/* flags: O_NONBLOCK where a pipe without a writer must not be waited for. */
static enum error_code open_regular(int *out_fd, struct stat *out_stat, const char *path, int flags,
                                    struct error *err)
{
    int fd = fault_hit() ? (errno = EIO, -1) : open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0) return error_set(err, ERR_NO_INPUT, 0, "%s: %s", path, strerror(errno));
    if (fstat(fd, out_stat) != 0 || S_ISDIR(out_stat->st_mode)) {
        int reason = S_ISDIR(out_stat->st_mode) ? EISDIR : errno;
        close(fd);
        return error_set(err, ERR_NO_INPUT, 0, "%s: %s", path, strerror(reason));
    }
    *out_fd = fd;
    return ERR_NONE;
}

/* /dev/null the wrong way round: reading 0 and writing 1 and 2 are refused, as if closed. */
enum error_code file_hold_standard(struct error *err)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY; /* lower ones are taken: it gets fd */
        if (fault_hit() ? (errno = EIO, true) : open("/dev/null", mode) != fd)
            return error_set(err, ERR_SYSTEM, 0,
                             "descriptor %d is closed, and /dev/null cannot take its place: %s", fd,
                             strerror(errno));
    }
    return ERR_NONE;
}

/* stdio forgets why it failed: 0 is an earlier call of printf or putchar. */
static enum error_code not_printed(int reason, struct error *err)
{
    return error_set(err, ERR_OUTPUT, 0, "standard output could not be written%s%s",
                     reason != 0 ? ": " : "", reason != 0 ? strerror(reason) : "");
}

enum error_code file_print(FILE *output, struct slice text, struct error *err)
{
    if (fwrite(text.data, 1, text.size, output) == text.size) return ERR_NONE;
    return not_printed(errno, err);
}

enum error_code file_print_raw(int fd, struct slice text, struct error *err)
{
    return file_put(fd, text.data, text.size) == text.size ? ERR_NONE : not_printed(errno, err);
}

enum error_code file_flush(FILE *output, struct error *err)
{
    errno = 0;
    return fflush(output) == 0 && !ferror(output) ? ERR_NONE : not_printed(errno, err);
}

enum error_code file_map(struct file_map *out_map, const char *path, struct error *err)
{
    int fd;
    struct stat stat;
    if (strcmp(path, "-") == 0)
        return error_set(err, ERR_NO_INPUT, 0,
                         "standard input cannot be mapped here: give a file; ./- is one");
    TRY(open_regular(&fd, &stat, path, O_NONBLOCK, err));
    if (!S_ISREG(stat.st_mode)) {
        close(fd);
        return error_set(err, ERR_NO_INPUT, 0, "%s: not a regular file", path);
    }
    size_t size = (size_t)stat.st_size;
    void *data = "";
    if (size > 0) data = fault_hit() ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int reason = errno;
    close(fd);
    if (data == MAP_FAILED && reason == ENOMEM)
        return error_set(err, ERR_MEMORY, 0, "%s: %zu bytes of address space could not be had",
                         path, size);
    if (data == MAP_FAILED)
        return error_set(err, ERR_READ, 0, "%s: cannot be mapped: %s", path, strerror(reason));
    out_map->bytes = (struct slice){data, size};
    torn_enter(out_map->bytes, path, &stat);
    return ERR_NONE;
}

void file_unmap(struct file_map *map)
{
    torn_leave(map->bytes);
    if (map->bytes.size > 0) munmap((void *)(size_t)map->bytes.data, map->bytes.size);
    map->bytes = (struct slice){0};
}

enum error_code file_read_open(int *out_fd, const char *path, struct error *err)
{
    if (strcmp(path, "-") == 0) {
        *out_fd = STDIN_FILENO;
        return ERR_NONE;
    }
    struct stat stat;
    return open_regular(out_fd, &stat, path, 0, err);
}

enum error_code file_read(int fd, char *buffer, size_t size, size_t *out_size, const char *path,
                          struct error *err)
{
    ssize_t got;
    do got = fault_hit() ? (errno = EIO, -1) : read(fd, buffer, size);
    while (got < 0 && errno == EINTR);
    if (got < 0) return error_set(err, ERR_READ, 0, "%s: %s", path, strerror(errno));
    *out_size = (size_t)got;
    return ERR_NONE;
}

void file_close(int fd)
{
    if (fd > STDERR_FILENO) close(fd);
}

size_t file_put(int fd, const void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t wrote =
            fault_hit() ? (errno = ENOSPC, -1) : write(fd, (const char *)data + done, size - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) break;
        done += (size_t)wrote;
    }
    return done;
}

/* Bytes of path up to its last slash, this included. */
static size_t folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

bool file_folder(const char *path, char *out_folder, size_t capacity)
{
    size_t size = folder_size(path);
    if (size == 0) path = ".", size = 1;
    if (size > 1) size--; /* the slash, but for the root's */
    if (size >= capacity) return false;
    memcpy(out_folder, path, size);
    out_folder[size] = '\0';
    return true;
}

/* Replaces path by what it leads to while it is a link, be there a file or not: a rename on the
 * link would take it away. False with errno where there is no end of it. */
static bool follow_links(char *path, size_t capacity)
{
    char target[PATH_MAX];
    for (int i = 0; i < LINKS_MAX; i++) {
        ssize_t size = readlink(path, target, sizeof target);
        if (size < 0) return true; /* no link, or nothing: creating tells what is wrong */
        size_t start = target[0] == '/' ? 0 : folder_size(path);
        if (start + (size_t)size >= capacity) return errno = ENAMETOOLONG, false;
        memcpy(path + start, target, (size_t)size);
        path[start + (size_t)size] = '\0';
    }
    return errno = ELOOP, false;
}

/* Told with the file behind the link, where it is one. */
static enum error_code not_created(const struct file_write *file, const char *path,
                                   const char *reason, struct error *err)
{
    if (strcmp(file->path, path) == 0) return error_set(err, ERR_CREATE, 0, "%s: %s", path, reason);
    return error_set(err, ERR_CREATE, 0, "%s, a link to %s: %s", path, file->path, reason);
}

/* Whoever may read the file that is replaced may read the new one: a service with a user of its own
 * its model. Where that cannot be, fewer may than before, not more: another group gets what all
 * have. The mode comes last, for a change of owner takes bits away. */
static void keep_access(int fd, const struct stat *before)
{
    struct stat now;
    if (fchown(fd, before->st_uid, before->st_gid) != 0)
        (void)!fchown(fd, (uid_t)-1, before->st_gid);
    mode_t mode = before->st_mode & 0777;
    if (fstat(fd, &now) != 0 || now.st_gid != before->st_gid)
        mode = (mode & 0707) | (mode & 07) << 3;
    (void)!fchmod(fd, mode);
}

enum error_code file_write_open(struct file_write *out_file, const char *path, struct error *err)
{
    struct file_write file = {.fd = -1};
    int length = snprintf(file.path, sizeof file.path, "%s", path);
    if (length <= 0 || (size_t)length >= sizeof file.path)
        return error_set(err, ERR_CREATE, 0, "the path of the file to write is empty or too long");
    if (strcmp(path, "-") == 0)
        return error_set(err, ERR_USAGE, 0,
                         "'-' is standard input, which is no file to write; ./- is one");
    if (!follow_links(file.path, sizeof file.path))
        return error_set(err, ERR_CREATE, 0, "%s: %s", path, strerror(errno));
    struct stat stat_;
    bool there = stat(file.path, &stat_) == 0;
    if (there && !S_ISREG(stat_.st_mode)) /* it would be taken away */
        return not_created(&file, path,
                           S_ISDIR(stat_.st_mode) ? strerror(EISDIR) : "not a regular file", err);
    mode_t mode = there ? stat_.st_mode & 0777 : 0666;
    /* In a container the process number is always the same, so what a killed run left behind
     * may have the first name. */
    for (int i = 0; i < TEMPORARIES_MAX && (i == 0 || errno == EEXIST); i++) {
        snprintf(file.temporary, sizeof file.temporary, "%s.tmp.%ld.%d", file.path, (long)getpid(),
                 i);
        file.fd = fault_hit() ? (errno = EIO, -1)
                              : open(file.temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (file.fd >= 0) break;
    }
    if (file.fd < 0) return not_created(&file, path, strerror(errno), err);
    if (there) keep_access(file.fd, &stat_);
    *out_file = file;
    return ERR_NONE;
}

/* Of "name.tmp.PID.N". */
static bool is_leftover(const char *entry, const char *name)
{
    static const char mark[] = ".tmp.";
    size_t size = strlen(name);
    if (strncmp(entry, name, size) != 0 || strncmp(entry + size, mark, sizeof mark - 1) != 0)
        return false;
    const char *digits = entry + size + sizeof mark - 1;
    size_t process = strspn(digits, "0123456789");
    if (process == 0 || digits[process] != '.') return false;
    size_t number = strspn(digits + process + 1, "0123456789");
    return number > 0 && digits[process + 1 + number] == '\0';
}

void file_sweep(const char *path)
{
    struct file_write file;
    char folder_path[sizeof file.path];
    int length = snprintf(file.path, sizeof file.path, "%s", path);
    if (length <= 0 || (size_t)length >= sizeof file.path) return;
    if (!follow_links(file.path, sizeof file.path)) return;
    if (!file_folder(file.path, folder_path, sizeof folder_path)) return;
    DIR *folder = opendir(folder_path);
    if (folder == NULL) return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (is_leftover(entry->d_name, file.path + folder_size(file.path)))
            unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

enum error_code file_write_add(struct file_write *file, const void *data, size_t size,
                               struct error *err)
{
    check(file->fd >= 0);
    if (file_put(file->fd, data, size) == size) return ERR_NONE;
    return error_set(err, ERR_WRITE, 0, "%s: %s", file->path, strerror(errno));
}

/* False with errno. */
static bool sync_data(int fd) { return fault_hit() ? (errno = EIO, false) : fsync(fd) == 0; }

enum error_code file_write_sync(struct file_write *file, struct error *err)
{
    check(file->fd >= 0);
    if (sync_data(file->fd)) return ERR_NONE;
    return error_set(err, ERR_WRITE, 0, "%s: %s", file->path, strerror(errno));
}

/* The new name is an entry of its folder, which has to reach the disk as well. A folder that may
 * be written but not read cannot be synced, and some file systems sync none: then what the file
 * system does by itself has to do. */
static enum error_code sync_folder(const struct file_write *file, struct error *err)
{
    char folder[sizeof file->path];
    check(file_folder(file->path, folder, sizeof folder));
    int fd = fault_hit() ? (errno = EIO, -1) : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == EACCES) return ERR_NONE;
    bool fine = fd >= 0 && ((fault_hit() ? (errno = EIO, -1) : fsync(fd)) == 0 || errno == EINVAL);
    int reason = errno;
    if (fd >= 0) close(fd);
    if (fine) return ERR_NONE;
    return error_set(err, ERR_SYNC, 0, "%s: written, but its folder could not be synced: %s",
                     file->path, strerror(reason));
}

enum error_code file_write_commit(struct file_write *file, struct error *err)
{
    check(file->fd >= 0);
    bool fine = sync_data(file->fd);
    int reason = errno;
    if (close(file->fd) != 0 && fine) {
        fine = false;
        reason = errno;
    }
    file->fd = -1;
    if (fine && (fault_hit() || rename(file->temporary, file->path) != 0)) {
        fine = false;
        reason = errno;
    }
    if (fine) return sync_folder(file, err);
    unlink(file->temporary);
    return error_set(err, ERR_WRITE, 0, "%s: %s", file->path, strerror(reason));
}

void file_write_abandon(struct file_write *file)
{
    if (file->fd < 0) return;
    close(file->fd);
    file->fd = -1;
    unlink(file->temporary);
}
