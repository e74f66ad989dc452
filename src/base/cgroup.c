/* cgroup.c - finds the group's folder for each controller, then walks up to the mount.
 *
 * A group's folder is the mount point and the path of /proc/PID/cgroup, less the
 * part that the mount already begins at (a container's own view). A path that does
 * not lie below the mount's root is that of another namespace: then the mount point
 * is all that can be seen.
 */
// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_MAX = 512 };

/* Where one controller is: its mount and the group's path. */
struct place {
    bool mounted, listed;
    char top[ROOT_TEXT_MAX];   /* the mount point */
    char begin[ROOT_TEXT_MAX]; /* the root of the mount within the hierarchy */
    char path[ROOT_TEXT_MAX];  /* the group, from /proc/PID/cgroup */
    char folder[FOLDER_MAX];
};

struct places {
    struct place memory, pids, unified;
};

/* Whether name is one of the words of a comma-separated list. */
static bool listed(struct slice list, struct slice name)
{
    for (size_t at = 0; at <= list.size;) {
        const char *comma = memchr(list.data + at, ',', list.size - at);
        size_t end = comma != NULL ? (size_t)(comma - list.data) : list.size;
        if (slice_equal((struct slice){list.data + at, end - at}, name)) return true;
        at = end + 1;
    }
    return false;
}

static void set_mount(struct place *place, struct slice begin, struct slice top)
{
    /* The first mount wins; others are the same tree. */
    if (place->mounted || top.size == 0 || top.data[0] != '/') return;
    place->mounted = true;
    root_set_text(place->begin, begin.data, begin.size);
    root_set_text(place->top, top.data, top.size);
}

/* "36 35 0:31 /root /point options [tags] - type source options" */
static void find_mounts(struct root *root, struct places *places)
{
    struct root_lines lines;
    if (!root_lines_open(root, &lines, "/proc/self/mountinfo")) {
        root_unseen(root, "/proc/self/mountinfo", ENOENT);
        return;
    }
    struct slice line;
    while (root_lines_next(&lines, &line)) {
        for (int i = 0; i < 3; i++) (void)root_word(&line);
        struct slice begin = root_word(&line), top = root_word(&line), word;
        do word = root_word(&line);
        while (word.size > 0 && !slice_equal(word, SLICE("-")));
        struct slice type = root_word(&line);
        (void)root_word(&line);
        struct slice options = root_word(&line);
        if (slice_equal(type, SLICE("cgroup2"))) set_mount(&places->unified, begin, top);
        if (!slice_equal(type, SLICE("cgroup"))) continue;
        if (listed(options, SLICE("memory"))) set_mount(&places->memory, begin, top);
        if (listed(options, SLICE("pids"))) set_mount(&places->pids, begin, top);
    }
    root_lines_close(&lines);
}

static void set_path(struct place *place, struct slice path)
{
    place->listed = true;
    root_set_text(place->path, path.data, path.size);
}

/* "4:memory:/path", "0::/path" */
static bool find_paths(struct root *root, const char *pid, struct places *places)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%s/cgroup", pid);
    struct root_lines lines;
    if (!root_lines_open(root, &lines, name)) {
        root_unseen(root, name, ENOENT);
        return false;
    }
    struct slice line;
    while (root_lines_next(&lines, &line)) {
        const char *first = memchr(line.data, ':', line.size);
        if (first == NULL) continue;
        struct slice rest = slice_from(line, (size_t)(first + 1 - line.data));
        const char *second = memchr(rest.data, ':', rest.size);
        if (second == NULL) continue;
        struct slice names = {rest.data, (size_t)(second - rest.data)};
        struct slice path = slice_from(rest, names.size + 1);
        if (names.size == 0 && line.data[0] == '0') set_path(&places->unified, path);
        if (listed(names, SLICE("memory"))) set_path(&places->memory, path);
        if (listed(names, SLICE("pids"))) set_path(&places->pids, path);
    }
    root_lines_close(&lines);
    return true;
}

/* Fills folder; top is where the walk ends, and all there is where folder is not. */
static void join(const struct root *root, struct place *place)
{
    char full[ROOT_PATH_MAX];
    const char *path = place->path;
    size_t skip = strcmp(place->begin, "/") == 0 ? 0 : strlen(place->begin);
    bool below = strncmp(path, place->begin, skip) == 0 && strncmp(path, "/..", 3) != 0 &&
                 (path[skip] == '/' || path[skip] == '\0');
    path = below ? path + skip : "";
    if (strcmp(path, "/") == 0) path = "";
    snprintf(place->folder, sizeof place->folder, "%s%s", place->top, path);
    root_path(root, place->folder[0] == '/' ? place->folder : "/", full);
    if (access(full, F_OK) != 0) snprintf(place->folder, sizeof place->folder, "%s", place->top);
}

/* One step up; false at the top. */
static bool up(struct place *place)
{
    if (strlen(place->folder) <= strlen(place->top)) return false;
    char *slash = strrchr(place->folder, '/');
    if (slash == NULL) return false;
    *slash = '\0';
    return true;
}

static int64_t number_in(struct root *root, const struct place *place, const char *file)
{
    char path[FOLDER_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", place->folder, file);
    return root_number(root, path, 1);
}

static void take_lowest(int64_t *lowest, int64_t value)
{
    if (value != ROOT_UNSEEN && (*lowest == ROOT_UNSEEN || value < *lowest)) *lowest = value;
}

static void take_room(struct cgroup *group, int64_t room, const char *where)
{
    if (room < 0) room = 0;
    if (group->memory_headroom != ROOT_UNSEEN && room >= group->memory_headroom) return;
    group->memory_headroom = room;
    root_set_text(group->memory_headroom_at, where, strlen(where));
}

/* One level of a memory hierarchy: the tightest limit, and the least room. */
static void add_limit(struct root *root, const struct place *place, const char *limit_name,
                      const char *used_name, struct cgroup *group)
{
    int64_t limit = number_in(root, place, limit_name);
    int64_t used = number_in(root, place, used_name);
    if (limit == ROOT_UNSEEN) return;
    if (group->memory_limit == ROOT_UNSEEN || limit < group->memory_limit) {
        group->memory_limit = limit;
        group->memory_used = used;
        root_set_text(group->memory_limit_at, place->folder, strlen(place->folder));
    }
    int64_t room = limit == ROOT_UNLIMITED || used == ROOT_UNSEEN ? ROOT_UNLIMITED : limit - used;
    take_room(group, room, place->folder);
}

#define AT(member)      offsetof(struct cgroup, member)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct root_field events_v2[] = {
    {"oom_kill", AT(memory_oom_kills), 1},
    {"max", AT(memory_refusals), 1},
    {"high", AT(memory_throttles), 1},
};

static const struct root_field oom_v1[] = {
    {"oom_kill", AT(memory_oom_kills), 1},
    {"oom_kill_disable", AT(memory_oom_disabled), 1},
};

static void fields_in(struct root *root, const struct place *place, const char *file,
                      const struct root_field *fields, size_t count, void *into)
{
    char path[FOLDER_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", place->folder, file);
    (void)root_fields(root, path, fields, count, into);
}

static void read_memory_v2(struct root *root, struct place *place, struct cgroup *group)
{
    char path[FOLDER_MAX + 64];
    fields_in(root, place, "memory.events", events_v2, COUNT_OF(events_v2), group);
    snprintf(path, sizeof path, "%s/memory.pressure", place->folder);
    root_pressure(root, path, &group->memory_pressure_some, &group->memory_pressure_full);
    for (int level = 1; level <= CGROUP_LEVELS_MAX; level++) {
        add_limit(root, place, "memory.max", "memory.current", group);
        take_lowest(&group->memory_high, number_in(root, place, "memory.high"));
        take_lowest(&group->memory_swap_limit, number_in(root, place, "memory.swap.max"));
        int64_t together = number_in(root, place, "memory.oom.group");
        if (together > group->memory_oom_group) group->memory_oom_group = together;
        group->memory_levels = level;
        if (!up(place)) break;
    }
}

/* memory.stat names the tightest limit of all ancestors, those unseen included. */
static void read_hierarchical(struct root *root, const struct place *place, struct cgroup *group)
{
    struct {
        int64_t limit;
    } stat = {ROOT_UNSEEN};
    const struct root_field field = {"hierarchical_memory_limit", 0, 1};
    fields_in(root, place, "memory.stat", &field, 1, &stat);
    if (stat.limit == ROOT_UNSEEN || stat.limit >= group->memory_limit) return;
    group->memory_limit = stat.limit;
    static const char above[] = "a group above, not visible here (hierarchical_memory_limit)";
    root_set_text(group->memory_limit_at, above, sizeof above - 1);
    if (group->memory_used >= 0) take_room(group, stat.limit - group->memory_used, above);
}

static void read_memory_v1(struct root *root, struct place *place, struct cgroup *group)
{
    struct place own = *place;
    group->memory_refusals = number_in(root, place, "memory.failcnt");
    fields_in(root, place, "memory.oom_control", oom_v1, COUNT_OF(oom_v1), group);
    for (int level = 1; level <= CGROUP_LEVELS_MAX; level++) {
        add_limit(root, place, "memory.limit_in_bytes", "memory.usage_in_bytes", group);
        int64_t kmem = number_in(root, place, "memory.kmem.limit_in_bytes");
        if (kmem != ROOT_UNSEEN && (group->kmem_limit == ROOT_UNSEEN || kmem < group->kmem_limit)) {
            group->kmem_limit = kmem;
            group->kmem_used = number_in(root, place, "memory.kmem.usage_in_bytes");
        }
        take_lowest(&group->memory_swap_limit,
                    number_in(root, place, "memory.memsw.limit_in_bytes"));
        group->memory_levels = level;
        if (!up(place)) break;
    }
    read_hierarchical(root, &own, group);
}

/* The pids limit that is nearest, not the lowest: an outer group may be fuller. */
static void read_pids(struct root *root, struct place *place, struct cgroup *group)
{
    struct {
        int64_t max;
    } events = {ROOT_UNSEEN};
    const struct root_field field = {"max", 0, 1};
    fields_in(root, place, "pids.events", &field, 1, &events);
    group->pids_refusals = events.max;
    int64_t least = ROOT_UNSEEN;
    for (int level = 1; level <= CGROUP_LEVELS_MAX; level++) {
        int64_t limit = number_in(root, place, "pids.max");
        int64_t used = number_in(root, place, "pids.current");
        int64_t room =
            limit == ROOT_UNLIMITED || used == ROOT_UNSEEN ? ROOT_UNLIMITED : limit - used;
        if (limit != ROOT_UNSEEN && (least == ROOT_UNSEEN || room < least)) {
            least = room;
            group->pids_limit = limit;
            group->pids_used = used;
            root_set_text(group->pids_limit_at, place->folder, strlen(place->folder));
        }
        if (!up(place)) break;
    }
}

static void clear(struct cgroup *group)
{
    *group = (struct cgroup){
#define NUMBER(name) .name = ROOT_UNSEEN,
#define TEXT(name)
#include "base/cgroup.def"
#undef NUMBER
#undef TEXT
    };
}

void cgroup_read(struct root *root, const char *pid, struct cgroup *group)
{
    struct places places = {0};
    clear(group);
    find_mounts(root, &places);
    if (!find_paths(root, pid, &places)) return;
    bool memory_v1 = places.memory.listed && places.memory.mounted;
    bool pids_v1 = places.pids.listed && places.pids.mounted;
    bool v2 = places.unified.listed && places.unified.mounted;
    if (!memory_v1 && !pids_v1 && !v2) return;
    group->cgroup_version = !v2 ? CGROUP_V1 : (memory_v1 || pids_v1) ? CGROUP_HYBRID : CGROUP_V2;
    struct place *memory = memory_v1 ? &places.memory : &places.unified;
    struct place *pids = pids_v1 ? &places.pids : &places.unified;
    root_set_text(group->memory_cgroup, memory->path, strlen(memory->path));
    join(root, memory);
    if (memory_v1)
        read_memory_v1(root, memory, group);
    else if (v2)
        read_memory_v2(root, memory, group);
    join(root, pids);
    if (pids->mounted) read_pids(root, pids, group);
}
