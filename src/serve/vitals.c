/* vitals.c - a few files of /proc; their numbers have the names of Prometheus' own clients. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/vitals.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgroup.h"

/* Places in /proc/self/stat, counted from the state, which stands behind the name's bracket. */
enum { STAT_USER = 11, STAT_SYSTEM = 12, STAT_START = 19 };

static double known(int64_t number)
{
    return number == ROOT_UNSEEN || number == ROOT_UNLIMITED ? NAN : (double)number;
}

static void read_status(struct root *root, struct metrics_now *now)
{
    struct {
        int64_t peak, resident, address, threads;
    } found = {ROOT_UNSEEN, ROOT_UNSEEN, ROOT_UNSEEN, ROOT_UNSEEN};
    static const struct root_field fields[] = {
        {"VmHWM", 0, 1024},
        {"VmRSS", sizeof(int64_t), 1024},
        {"VmSize", 2 * sizeof(int64_t), 1024},
        {"Threads", 3 * sizeof(int64_t), 1},
    };
    if (!root_fields(root, "/proc/self/status", fields, sizeof fields / sizeof *fields, &found))
        return;
    now->peak_bytes = known(found.peak);
    now->resident_bytes = known(found.resident);
    now->virtual_bytes = known(found.address);
    now->threads = known(found.threads);
}

static double boot_seconds(struct root *root)
{
    int64_t seconds = ROOT_UNSEEN;
    static const struct root_field field = {"btime", 0, 1};
    root_fields(root, "/proc/stat", &field, 1, &seconds);
    return known(seconds);
}

static void read_stat(struct root *root, struct metrics_now *now)
{
    char text[1024];
    size_t size;
    if (!root_try(root, "/proc/self/stat", text, sizeof text, &size)) return;
    const char *behind = strrchr(text, ')');
    if (behind == NULL) return;
    struct slice rest = slice_of(behind + 1);
    int64_t ticks[STAT_START + 1] = {0};
    for (int i = 0; i <= STAT_START; i++)
        if (!root_parse(root_word(&rest), &ticks[i]) && i > 0) return;
    double second = (double)sysconf(_SC_CLK_TCK);
    now->cpu_seconds = (double)(ticks[STAT_USER] + ticks[STAT_SYSTEM]) / second;
    now->start_seconds = boot_seconds(root) + (double)ticks[STAT_START] / second;
}

/* Linux tells the number as the folder's size since 6.2; before, its entries are counted. */
static double count_descriptors(const struct root *root)
{
    char path[ROOT_PATH_MAX], entries[2048];
    struct stat folder;
    root_path(root, "/proc/self/fd", path);
    if (stat(path, &folder) != 0) return NAN;
    if (folder.st_size > 0) return (double)folder.st_size;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return NAN;
    double count = 0;
    for (ssize_t got; (got = getdents64(fd, entries, sizeof entries)) > 0;)
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            at += entry->d_reclen;
            count += entry->d_name[0] != '.';
        }
    close(fd);
    return count - 1; /* without this one */
}

static void read_descriptors(struct root *root, struct metrics_now *now)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        now->fds_limit = (double)limit.rlim_cur;
    now->open_fds = count_descriptors(root);
}

static void read_cgroup(struct root *root, struct metrics_now *now)
{
    struct cgroup cgroup;
    cgroup_read(root, "self", &cgroup);
    now->cgroup_bytes = known(cgroup.memory_used);
    now->cgroup_limit_bytes = known(cgroup.memory_limit);
    now->cgroup_kills = known(cgroup.memory_oom_kills);
}

void vitals_read(struct root *root, struct metrics_now *now)
{
    read_status(root, now);
    read_stat(root, now);
    read_descriptors(root, now);
    read_cgroup(root, now);
}
