/* journal.c - one pass over the bytes; only lines with a needle, or in a traceback, cost more.
 *
 * Tracebacks of several processes are interleaved in a journal, so each source (tag
 * and pid) has one of its own. A group is found by what tells two troubles apart:
 * kind, exception, errno and place; the table is small and searched from its start.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/journal.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/file.h"
#include "base/mem.h"
#include "doctor/needles.h"
#include "text/form.h"

/* What a needle means beyond a kind. */
enum { TRACEBACK = JOURNAL_KINDS, REQUEST, EXCEPTION_ON };

static const struct {
    const char *needle;
    int kind;
    bool quoted; /* may stand in a traceback, which then has it */
} table[] = {
    {"Traceback (most recent call last)", TRACEBACK, false},
    {"Memory cgroup out of memory: Kill", JOURNAL_OOM_GROUP, false},
    {"Out of memory: Kill", JOURNAL_OOM_HOST, false},
    {"fork rejected by pids controller", JOURNAL_PIDS_REFUSED, false},
    {"not enough memory for the allocation", JOURNAL_PROMISE_REFUSED, false},
    {"Failed with result 'oom-kill'", JOURNAL_UNIT_OOM, false},
    {"killed by the OOM killer", JOURNAL_UNIT_OOM, false},
    {"Failed with result 'watchdog'", JOURNAL_UNIT_WATCHDOG, false},
    {"Start request repeated too quickly", JOURNAL_UNIT_LOOP, false},
    {"code=killed, status=9/KILL", JOURNAL_UNIT_KILLED, false},
    {"OOMKilled", JOURNAL_CONTAINER_OOM, false},
    {"exit code 137", JOURNAL_CONTAINER_OOM, false},
    {"exited with code 137", JOURNAL_CONTAINER_OOM, false},
    {"exitCode=137", JOURNAL_CONTAINER_OOM, false},
    {"WORKER TIMEOUT (pid:", JOURNAL_WORKER_TIMEOUT, false},
    {"was sent SIGKILL!", JOURNAL_WORKER_KILLED, false},
    {"Worker failed to boot", JOURNAL_BOOT_FAILED, false},
    {"Booting worker with pid", JOURNAL_WORKER_BOOT, false},
    {"fork: Cannot allocate memory", JOURNAL_SHELL_FORK, false},
    {"fork: retry: Resource temporarily unavailable", JOURNAL_SHELL_FORK, false},
    {"fork: Resource temporarily unavailable", JOURNAL_SHELL_FORK, false},
    {"Bus error", JOURNAL_BUS_ERROR, true},
    {"process pool was terminated abruptly", JOURNAL_POOL_BROKEN, true},
    {"can't start new thread", JOURNAL_THREAD_REFUSED, true},
    {"Cannot allocate memory", JOURNAL_NO_MEMORY, true},
    {"Exception on /", EXCEPTION_ON, false},
    {" HTTP/1.", REQUEST, false},
    {" HTTP/2", REQUEST, false},
};

enum { NEEDLES = sizeof table / sizeof table[0] };

struct stream {
    bool open;
    uint64_t source, touched, first_line;
    char stamp[LOGLINE_STAMP_MAX + 1];
    struct traceback traceback;
};

struct journal {
    struct needles needles, frames;
    uint64_t quoted; /* the needles that a traceback may hold */
    struct journal_totals totals;
    struct stream streams[JOURNAL_STREAMS_MAX];
    size_t open_streams;
    struct journal_group groups[JOURNAL_GROUPS_MAX];
    size_t group_count;
    char stamp[LOGLINE_STAMP_MAX + 1]; /* the last one seen in any line */
    char *buffer, *scratch;
};

enum error_code journal_open(struct journal **out_journal, struct error *err)
{
    struct journal *journal = NULL;
    const char *needles[NEEDLES];
    for (size_t i = 0; i < NEEDLES; i++) needles[i] = table[i].needle;
    TRY(mem_take(&journal, 1, sizeof *journal, err));
    enum error_code code = mem_take(&journal->buffer, JOURNAL_BUFFER_BYTES, 1, err);
    if (code == ERR_NONE) code = mem_take(&journal->scratch, JOURNAL_BUFFER_BYTES, 1, err);
    if (code == ERR_NONE) code = needles_open(&journal->needles, needles, NEEDLES, err);
    if (code == ERR_NONE) code = traceback_needles(&journal->frames, err);
    if (code != ERR_NONE) {
        journal_close(journal);
        return code;
    }
    for (size_t i = 0; i < NEEDLES; i++)
        if (table[i].quoted) journal->quoted |= UINT64_C(1) << i;
    *out_journal = journal;
    return ERR_NONE;
}

void journal_close(struct journal *journal)
{
    needles_close(&journal->needles);
    needles_close(&journal->frames);
    mem_free(journal->buffer);
    mem_free(journal->scratch);
    mem_free(journal);
}

static void keep_stamp(char out[LOGLINE_STAMP_MAX + 1], struct slice stamp)
{
    size_t size = stamp.size < LOGLINE_STAMP_MAX ? stamp.size : LOGLINE_STAMP_MAX;
    if (memcmp(out, stamp.data, size) == 0 && out[size] == '\0') return; /* mostly */
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)stamp.data[i];
        out[i] = c >= 0x20 && c < 0x7F ? (char)c : '?';
    }
    out[size] = '\0';
}

static bool same_place(const struct traceback *a, const struct traceback *b)
{
    return a->line_number == b->line_number && a->errno_value == b->errno_value &&
           strcmp(a->file, b->file) == 0 && strcmp(a->error, b->error) == 0 &&
           strcmp(a->call, b->call) == 0;
}

static struct journal_group *group_of(struct journal *journal, enum journal_kind kind,
                                      const struct traceback *traceback)
{
    for (size_t i = 0; i < journal->group_count; i++) {
        struct journal_group *group = &journal->groups[i];
        if (group->kind == kind && same_place(&group->traceback, traceback)) return group;
    }
    if (journal->group_count == JOURNAL_GROUPS_MAX) {
        journal->totals.lost_groups++;
        return NULL;
    }
    struct journal_group *group = &journal->groups[journal->group_count++];
    *group = (struct journal_group){.kind = kind, .traceback = *traceback};
    return group;
}

static void count(struct journal *journal, enum journal_kind kind,
                  const struct traceback *traceback, const char *stamp, uint64_t line,
                  uint64_t bytes)
{
    struct journal_group *group = group_of(journal, kind, traceback);
    if (group == NULL) return;
    if (group->count++ == 0) {
        group->first_line = line;
        memcpy(group->first, stamp, sizeof group->first);
    }
    group->last_line = line;
    memcpy(group->last, stamp, sizeof group->last);
    if (bytes > group->bytes) group->bytes = bytes;
}

static enum journal_kind kind_of(const struct traceback *t)
{
    bool refused = t->errno_value == ENOMEM || t->errno_value == EAGAIN;
    if (t->threads && (refused || t->errno_value == 0)) return JOURNAL_THREAD_REFUSED;
    if (t->forks && refused) return JOURNAL_FORK_REFUSED;
    if (t->errno_value == ENOMEM || strcmp(t->error, "MemoryError") == 0) return JOURNAL_NO_MEMORY;
    if (strcmp(t->error, "BrokenProcessPool") == 0) return JOURNAL_POOL_BROKEN;
    return JOURNAL_EXCEPTION;
}

static void close_stream(struct journal *journal, struct stream *stream)
{
    /* One that was cut off before its exception tells nothing. */
    if (stream->traceback.error[0] != '\0')
        count(journal, kind_of(&stream->traceback), &stream->traceback, stream->stamp,
              stream->first_line, 0);
    stream->open = false;
    journal->open_streams--;
}

static struct stream *find_stream(struct journal *journal, uint64_t source)
{
    for (size_t i = 0; i < JOURNAL_STREAMS_MAX; i++)
        if (journal->streams[i].open && journal->streams[i].source == source)
            return &journal->streams[i];
    return NULL;
}

static void open_stream(struct journal *journal, const struct logline *line)
{
    struct stream *stream = find_stream(journal, line->source);
    if (stream == NULL) {
        stream = &journal->streams[0];
        for (size_t i = 0; i < JOURNAL_STREAMS_MAX; i++) {
            struct stream *other = &journal->streams[i];
            if (!other->open) stream = other;
            if (!other->open) break;
            if (other->touched < stream->touched) stream = other;
        }
    }
    if (stream->open) close_stream(journal, stream);
    *stream = (struct stream){.open = true,
                              .source = line->source,
                              .touched = journal->totals.lines,
                              .first_line = journal->totals.lines};
    memcpy(stream->stamp, journal->stamp, sizeof stream->stamp);
    journal->open_streams++;
}

/* Whether the line was part of an open traceback. */
static bool continue_stream(struct journal *journal, const struct logline *line)
{
    struct stream *stream = find_stream(journal, line->source);
    if (stream == NULL) return false;
    stream->touched = journal->totals.lines;
    if (traceback_line(&stream->traceback, &journal->frames, line->words))
        close_stream(journal, stream);
    return true;
}

/* "bytes: 6442450944 not enough memory" */
static uint64_t bytes_in(struct slice words)
{
    const char *at = memmem(words.data, words.size, "bytes: ", 7);
    if (at == NULL) return 0;
    uint64_t value = 0;
    for (at += 7;
         at < words.data + words.size && *at >= '0' && *at <= '9' && value < UINT64_MAX / 20; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}

static void count_request(struct journal *journal, struct slice line)
{
    int status = logline_status(line);
    if (status == 0) return;
    journal->totals.requests++;
    if (status >= 500 && status <= 599) journal->totals.failed++;
}

static void take_found(struct journal *journal, uint64_t found, const struct logline *line)
{
    static const struct traceback none;
    for (size_t i = 0; i < NEEDLES; i++) {
        if (!(found >> i & 1)) continue;
        switch (table[i].kind) {
        case TRACEBACK:
            open_stream(journal, line);
            return;
        case REQUEST:
            count_request(journal, line->words);
            return;
        case EXCEPTION_ON:
            journal->totals.exceptions_on++;
            return;
        default:
            count(journal, (enum journal_kind)table[i].kind, &none, journal->stamp,
                  journal->totals.lines, bytes_in(line->words));
            return;
        }
    }
}

void journal_line(struct journal *journal, struct slice line)
{
    journal->totals.lines++;
    journal->totals.bytes += line.size + 1;
    if (line.size == 0) return;
    if (line.data[line.size - 1] == '\r') line.size--;
    if (line.size > JOURNAL_BUFFER_BYTES) line.size = JOURNAL_BUFFER_BYTES;
    uint64_t found = needles_find(&journal->needles, line);
    if (found == 0 && journal->open_streams == 0) {
        /* The stamp may be wanted by a later line that has none. */
        struct slice stamp = logline_stamp(line);
        if (stamp.size > 0) keep_stamp(journal->stamp, stamp);
        return;
    }
    struct logline split = logline_split(line, journal->scratch);
    if (split.stamp.size > 0) keep_stamp(journal->stamp, split.stamp);
    uint64_t loud = found & ~journal->quoted;
    if (loud != 0)
        take_found(journal, loud, &split);
    else if (!continue_stream(journal, &split) && found != 0)
        take_found(journal, found, &split);
}

/* The first bytes, enough to tell whether it is text at all. */
static enum error_code read_first(const struct journal *journal, int fd, const char *path,
                                  size_t *out_used, struct error *err)
{
    size_t used = 0, got = 1;
    while (used < FORM_BYTES && got > 0) {
        TRY(file_read(fd, journal->buffer + used, JOURNAL_BUFFER_BYTES - used, &got, path, err));
        used += got;
    }
    *out_used = used;
    return form_check((struct slice){journal->buffer, used}, path, err);
}

enum error_code journal_read(struct journal *journal, const char *path, struct error *err)
{
    int fd;
    TRY(file_read_open(&fd, path, err));
    char *buffer = journal->buffer;
    size_t used = 0, got = 1;
    bool skipping = false; /* the rest of a line too long */
    enum error_code code = read_first(journal, fd, path, &used, err);
    while (code == ERR_NONE && got > 0) {
        size_t start = 0;
        const char *end;
        while ((end = memchr(buffer + start, '\n', used - start)) != NULL) {
            size_t size = (size_t)(end - buffer) - start;
            if (!skipping) journal_line(journal, (struct slice){buffer + start, size});
            skipping = false;
            start += size + 1;
        }
        memmove(buffer, buffer + start, used - start);
        used -= start;
        if (used == JOURNAL_BUFFER_BYTES) {
            if (!skipping) journal_line(journal, (struct slice){buffer, used});
            journal->totals.long_lines += !skipping;
            skipping = true;
            used = 0;
        }
        got = 0;
        code = file_read(fd, buffer + used, JOURNAL_BUFFER_BYTES - used, &got, path, err);
        used += got;
    }
    if (code == ERR_NONE && used > 0 && !skipping)
        journal_line(journal, (struct slice){buffer, used});
    file_close(fd);
    return code;
}

void journal_end(struct journal *journal)
{
    for (size_t i = 0; i < JOURNAL_STREAMS_MAX; i++)
        if (journal->streams[i].open) close_stream(journal, &journal->streams[i]);
}

size_t journal_group_count(const struct journal *journal) { return journal->group_count; }

const struct journal_group *journal_group(const struct journal *journal, size_t index)
{
    check(index < journal->group_count);
    return &journal->groups[index];
}

const struct journal_totals *journal_totals(const struct journal *journal)
{
    return &journal->totals;
}

const char *journal_kind_name(enum journal_kind kind)
{
    static const char *const names[JOURNAL_KINDS] = {
        [JOURNAL_FORK_REFUSED] = "log.fork",
        [JOURNAL_THREAD_REFUSED] = "log.thread",
        [JOURNAL_NO_MEMORY] = "log.memory",
        [JOURNAL_EXCEPTION] = "log.exception",
        [JOURNAL_OOM_GROUP] = "log.oom_group",
        [JOURNAL_OOM_HOST] = "log.oom_host",
        [JOURNAL_PIDS_REFUSED] = "log.pids",
        [JOURNAL_PROMISE_REFUSED] = "log.overcommit",
        [JOURNAL_UNIT_OOM] = "log.unit_oom",
        [JOURNAL_UNIT_KILLED] = "log.unit_killed",
        [JOURNAL_UNIT_WATCHDOG] = "log.watchdog",
        [JOURNAL_UNIT_LOOP] = "log.restarts",
        [JOURNAL_CONTAINER_OOM] = "log.container_oom",
        [JOURNAL_WORKER_TIMEOUT] = "log.worker_timeout",
        [JOURNAL_WORKER_KILLED] = "log.worker_killed",
        [JOURNAL_WORKER_BOOT] = "log.worker_boot",
        [JOURNAL_BOOT_FAILED] = "log.boot_failed",
        [JOURNAL_SHELL_FORK] = "log.shell_fork",
        [JOURNAL_POOL_BROKEN] = "log.pool",
        [JOURNAL_BUS_ERROR] = "log.bus_error",
    };
    check((unsigned)kind < JOURNAL_KINDS);
    return names[kind];
}

static json_t *group_json(const struct journal_group *group)
{
    const struct traceback *t = &group->traceback;
    return json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:s, s:i, s:s, s:i, s:s, s:s}", "kind",
                     journal_kind_name(group->kind), "count", (json_int_t)group->count, "first",
                     group->first, "last", group->last, "first_line", (json_int_t)group->first_line,
                     "last_line", (json_int_t)group->last_line, "error", t->error, "errno",
                     t->errno_value, "file", t->file, "line", (int)t->line_number, "function",
                     t->function, "call", t->call);
}

json_t *journal_json(const struct journal *journal)
{
    const struct journal_totals *totals = &journal->totals;
    json_t *groups = json_array();
    for (size_t i = 0; groups != NULL && i < journal->group_count; i++)
        if (json_array_append_new(groups, group_json(&journal->groups[i])) != 0) {
            json_decref(groups);
            return NULL;
        }
    if (groups == NULL) return NULL;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "lines", (json_int_t)totals->lines,
                     "bytes", (json_int_t)totals->bytes, "requests", (json_int_t)totals->requests,
                     "failed", (json_int_t)totals->failed, "exceptions_on",
                     (json_int_t)totals->exceptions_on, "groups_not_kept",
                     (json_int_t)totals->lost_groups, "groups", groups);
}
