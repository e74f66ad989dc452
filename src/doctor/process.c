/* process.c - status, limits and the dead namespace, of which only the kernel's behaviour tells.
 *
 * After the init of a pid namespace has died every fork into it fails with ENOMEM.
 * Nothing says so openly; the signs are a process that lives in (or is set to fork
 * into) a namespace in which no living process has the inner pid 1.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/process.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define AT(member)      offsetof(struct facts, member)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { CAP_BIT_ADMIN = 21, CAP_BIT_RESOURCE = 24 };

static const struct root_field status_fields[] = {
    {"Pid", AT(pid), 1},
    {"PPid", AT(parent), 1},
    {"Uid", AT(uid), 1},
    {"Threads", AT(threads), 1},
    {"VmSize", AT(vm_size), 1024},
    {"VmData", AT(vm_data), 1024},
    {"VmStk", AT(vm_stack), 1024},
    {"VmRSS", AT(resident), 1024},
    {"RssAnon", AT(resident_anon), 1024},
    {"VmPTE", AT(page_tables_own), 1024},
    {"Seccomp", AT(seccomp), 1},
};

static const struct {
    const char *name;
    size_t offset;
    bool hard; /* the second number of its line */
} limit_fields[] = {
    {"Max processes", AT(limit_nproc), false},       {"Max address space", AT(limit_as), false},
    {"Max data size", AT(limit_data), false},        {"Max stack size", AT(limit_stack), false},
    {"Max locked memory", AT(limit_memlock), false}, {"Max open files", AT(limit_nofile), false},
    {"Max open files", AT(limit_nofile_hard), true},
};

static bool open_lines(struct root *root, struct root_lines *lines, const char *pid,
                       const char *file)
{
    char path[ROOT_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
    return root_lines_open(root, lines, path);
}

/* The user namespace of the machine itself maps every number onto itself. */
static bool first_user_namespace(struct root *root, const char *pid)
{
    struct root_lines lines;
    if (!open_lines(root, &lines, pid, "uid_map")) return true;
    struct slice line = {"", 0};
    int64_t inside = 0, outside = 0, count = 0;
    if (root_lines_next(&lines, &line)) {
        struct slice first = root_word(&line), second = root_word(&line);
        (void)root_parse(first, &inside);
        (void)root_parse(second, &outside);
        (void)root_parse(line, &count);
    }
    root_lines_close(&lines);
    return inside == 0 && outside == 0 && (count == 0 || count == 4294967295);
}

static void read_capabilities(struct root *root, const char *pid, struct slice hex,
                              struct facts *facts)
{
    char text[32];
    struct slice digits = slice_trim(hex);
    if (digits.size == 0 || digits.size >= sizeof text) return;
    memcpy(text, digits.data, digits.size);
    text[digits.size] = '\0';
    unsigned long long bits = strtoull(text, NULL, 16);
    bool first = first_user_namespace(root, pid);
    facts->cap_admin = first && (bits >> CAP_BIT_ADMIN & 1);
    facts->cap_resource = first && (bits >> CAP_BIT_RESOURCE & 1);
}

static bool read_status(struct root *root, const char *pid, struct facts *facts)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    if (!root_fields(root, path, status_fields, COUNT_OF(status_fields), facts)) {
        root_unseen(root, path, ENOENT);
        return false;
    }
    struct root_lines lines;
    if (!root_lines_open(root, &lines, path)) return false;
    struct slice line;
    while (root_lines_next(&lines, &line)) {
        struct slice name = root_word(&line);
        struct slice value = slice_trim(line);
        if (slice_equal(name, SLICE("Name:")))
            root_set_text(facts->command, value.data, value.size);
        if (slice_equal(name, SLICE("CapEff:"))) read_capabilities(root, pid, value, facts);
    }
    root_lines_close(&lines);
    return true;
}

static void read_limits(struct root *root, const char *pid, struct facts *facts)
{
    struct root_lines lines;
    if (!open_lines(root, &lines, pid, "limits")) return;
    struct slice line;
    while (root_lines_next(&lines, &line)) {
        for (size_t i = 0; i < COUNT_OF(limit_fields); i++) {
            int64_t limit;
            struct slice name = slice_of(limit_fields[i].name);
            if (!slice_starts(line, name)) continue;
            struct slice numbers = slice_from(line, name.size);
            if (limit_fields[i].hard) (void)root_word(&numbers);
            if (!root_parse(numbers, &limit) || limit < 0) continue;
            memcpy((char *)facts + limit_fields[i].offset, &limit, sizeof limit);
        }
    }
    root_lines_close(&lines);
}

static bool is_number(const char *name)
{
    if (name[0] == '\0') return false;
    for (; *name != '\0'; name++)
        if (*name < '0' || *name > '9') return false;
    return true;
}

static int64_t count_entries(struct root *root, const char *path)
{
    char full[ROOT_PATH_MAX];
    root_path(root, path, full);
    DIR *folder = opendir(full);
    if (folder == NULL) {
        if (errno == EACCES) root_unseen(root, path, errno);
        return FACTS_UNSEEN;
    }
    int64_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static bool read_brief(struct root *root, const char *pid, struct process_brief *out)
{
    struct process_brief one = {.pid = strtoll(pid, NULL, 10), .state = '?'};
    struct root_lines lines;
    if (!open_lines(root, &lines, pid, "status")) return false;
    struct slice line;
    one.inner_pid = 1; /* kernels before 4.1 do not say: could be an init */
    while (root_lines_next(&lines, &line)) {
        struct slice name = root_word(&line), word;
        if (slice_equal(name, SLICE("PPid:"))) (void)root_parse(line, &one.parent);
        if (slice_equal(name, SLICE("Uid:"))) (void)root_parse(line, &one.uid);
        if (slice_equal(name, SLICE("Threads:"))) (void)root_parse(line, &one.threads);
        if (slice_equal(name, SLICE("State:")) && (word = root_word(&line)).size > 0)
            one.state = word.data[0];
        if (slice_equal(name, SLICE("NSpid:")))
            for (; (word = root_word(&line)).size > 0; one.levels++)
                (void)root_parse(word, &one.inner_pid);
    }
    root_lines_close(&lines);
    *out = one;
    return true;
}

void process_each(struct root *root, void (*visit)(void *context, const struct process_brief *one),
                  void *context)
{
    char full[ROOT_PATH_MAX];
    root_path(root, "/proc", full);
    DIR *folder = opendir(full);
    if (folder == NULL) return;
    const struct dirent *entry;
    struct process_brief one;
    while ((entry = readdir(folder)) != NULL)
        if (is_number(entry->d_name) && read_brief(root, entry->d_name, &one)) visit(context, &one);
    closedir(folder);
}

struct family {
    int64_t pid, uid, children, tasks;
};

static void count_family(void *context, const struct process_brief *one)
{
    struct family *family = context;
    if (one->parent == family->pid) family->children++;
    if (one->uid == family->uid)
        family->tasks = facts_term(family->tasks + facts_term(one->threads));
}

/* "pid:[4026531836]" of a link below /proc/PID/ns; 0 where it cannot be read. */
static uint64_t namespace_of(struct root *root, const char *pid, const char *name)
{
    char path[96], full[ROOT_PATH_MAX], text[64];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, name);
    root_path(root, path, full);
    ssize_t size = readlink(full, text, sizeof text - 1);
    if (size <= 0) return 0;
    text[size] = '\0';
    const char *bracket = strchr(text, '[');
    return bracket != NULL ? strtoull(bracket + 1, NULL, 10) : 0;
}

struct search {
    struct root *root;
    uint64_t wanted;
    uint64_t outermost; /* the namespace /proc shows, 0 if unknown */
    bool found;
};

static void look_for_init(void *context, const struct process_brief *one)
{
    struct search *search = context;
    if (search->found || one->inner_pid != 1 || one->state == 'Z' || one->state == 'X') return;
    char pid[24];
    snprintf(pid, sizeof pid, "%lld", (long long)one->pid);
    uint64_t here = namespace_of(search->root, pid, "pid");
    if (here == 0 && one->levels == 1) here = search->outermost;
    /* A namespace that may not be read could be the one wanted: no conclusion. */
    if (here == 0 || here == search->wanted) search->found = true;
}

static void read_namespace(struct root *root, const char *pid, struct facts *facts)
{
    uint64_t own = namespace_of(root, pid, "pid");
    uint64_t children = namespace_of(root, pid, "pid_for_children");
    char init[16];
    /* Without the machine's (or container's) own init in sight, others may be hidden too. */
    if (own == 0 || !root_try(root, "/proc/1/status", init, sizeof init, NULL)) return;
    struct search search = {.root = root, .wanted = children != 0 ? children : own};
    struct process_brief self;
    if (read_brief(root, "self", &self) && self.levels == 1)
        search.outermost = namespace_of(root, "self", "pid");
    process_each(root, look_for_init, &search);
    facts->namespace_dead = !search.found;
}

/* The size from the mount's options: "size=65536k". */
static void shm_from_mounts(struct root *root, const char *pid, struct facts *facts)
{
    struct root_lines lines;
    if (!open_lines(root, &lines, pid, "mountinfo")) return;
    struct slice line;
    while (root_lines_next(&lines, &line)) {
        for (int i = 0; i < 4; i++) (void)root_word(&line);
        if (!slice_equal(root_word(&line), SLICE("/dev/shm"))) continue;
        for (size_t i = 0; i + 5 < line.size; i++) {
            struct slice rest = slice_from(line, i);
            int64_t number;
            if (!slice_starts(rest, SLICE("size=")) || !root_parse(slice_from(rest, 5), &number))
                continue;
            size_t at = i + 5;
            while (at < line.size && line.data[at] >= '0' && line.data[at] <= '9') at++;
            char suffix = at < line.size ? line.data[at] : ' ';
            facts->shm_size = facts_times(number, suffix == 'k'   ? 1024
                                                  : suffix == 'm' ? 1 << 20
                                                                  : 1);
        }
    }
    root_lines_close(&lines);
}

static void read_shm(struct root *root, const char *pid, struct facts *facts)
{
    char path[64];
    struct statvfs disk;
    snprintf(path, sizeof path, "/proc/%s/root/dev/shm", pid);
    if (root->live && statvfs(path, &disk) == 0) {
        facts->shm_size = (int64_t)(disk.f_blocks * disk.f_frsize);
        facts->shm_free = (int64_t)(disk.f_bavail * disk.f_frsize);
        return;
    }
    shm_from_mounts(root, pid, facts);
}

bool process_read(struct root *root, const char *pid, struct facts *facts)
{
    if (!read_status(root, pid, facts)) return false;
    read_limits(root, pid, facts);
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    facts->open_files = count_entries(root, path);
    struct family family = {.pid = facts->pid, .uid = facts->uid};
    process_each(root, count_family, &family);
    facts->children = family.children;
    /* In a tree only the processes recorded are seen: too few to count a user's. */
    facts->user_tasks = root->live ? family.tasks : FACTS_UNSEEN;
    read_namespace(root, pid, facts);
    read_shm(root, pid, facts);
    return true;
}
