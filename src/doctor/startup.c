/* startup.c - reads what a Python service was told, and hides what is nobody's business. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/startup.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { READ_MAX = 64 * 1024, LONG_ARGUMENT = 300 };

static const char *const secret_words[] = {"token",  "pass",    "pwd",       "secret",
                                           "apikey", "api-key", "api_key",   "auth",
                                           "bearer", "cookie",  "credential"};

static bool names_secret(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof secret_words / sizeof secret_words[0]; i++) {
        size_t length = strlen(secret_words[i]);
        for (size_t at = 0; at + length <= size; at++)
            if (strncasecmp(text + at, secret_words[i], length) == 0) return true;
    }
    return false;
}

/* A text with every "://user:password@" in it hidden; a password may hold an '@' itself. */
static void add_without_users(struct writer *writer, struct slice text)
{
    for (const char *scheme; (scheme = memmem(text.data, text.size, "://", 3)) != NULL;) {
        size_t before = (size_t)(scheme - text.data), size = 0;
        struct slice authority = slice_from(text, before + 3);
        while (size < authority.size && strchr("/?#, ;", authority.data[size]) == NULL) size++;
        const char *at = memrchr(authority.data, '@', size);
        writer_format(writer, "%.*s://%s", (int)before, text.data, at != NULL ? "***" : "");
        text = at != NULL ? slice_from(authority, (size_t)(at - authority.data)) : authority;
    }
    writer_format(writer, "%.*s", (int)text.size, text.data);
}

/* Where the value of a secret begins: behind "--api-token=", "?password=", "Authorization:"; the
 * text's end where there is none. */
static size_t secret_at(const char *argument)
{
    size_t at = 0;
    for (; argument[at] != '\0'; at++) {
        bool ends_name =
            argument[at] == '=' || (argument[at] == ':' && strncmp(argument + at, "://", 3) != 0);
        if (ends_name && names_secret(argument, at)) return at + 1;
    }
    return at;
}

/* One argument as it may be shown. */
static void add_argument(struct writer *writer, const char *argument, bool after_secret)
{
    size_t size = strlen(argument), secret = secret_at(argument);
    if (writer->used > 0) writer_char(writer, ' ');
    if (after_secret) {
        writer_text(writer, "***");
    } else if (secret == size && (size > LONG_ARGUMENT || strchr(argument, '\n') != NULL)) {
        writer_format(writer, "<%zu bytes>", size); /* a program, or a text */
    } else {
        add_without_users(writer, (struct slice){argument, secret});
        if (secret < size) writer_text(writer, "***");
    }
}

static void set_number(const char *value, int64_t *out)
{
    int64_t number;
    if (value != NULL && root_parse(slice_of(value), &number)) *out = number;
}

/* Whether argument is this option; *value is what follows "=", or the next argument. */
static bool option_is(const char *argument, const char *next, const char *longer,
                      const char *shorter, const char **value)
{
    size_t size = strlen(longer);
    *value = next;
    if (strcmp(argument, longer) == 0) return true;
    if (strncmp(argument, longer, size) == 0 && argument[size] == '=') {
        *value = argument + size + 1;
        return true;
    }
    if (shorter == NULL || strncmp(argument, shorter, 2) != 0) return false;
    if (argument[2] != '\0') *value = argument + 2;
    return true;
}

static void take_gunicorn(struct startup *startup, const char *argument, const char *next)
{
    const char *value;
    if (strcmp(argument, "--preload") == 0) startup->preload = true;
    if (option_is(argument, next, "--workers", "-w", &value)) set_number(value, &startup->workers);
    if (option_is(argument, next, "--threads", NULL, &value)) set_number(value, &startup->threads);
    if (option_is(argument, next, "--timeout", "-t", &value)) set_number(value, &startup->timeout);
    if (option_is(argument, next, "--max-requests", NULL, &value))
        set_number(value, &startup->max_requests);
    if (option_is(argument, next, "--worker-class", "-k", &value) && value != NULL)
        snprintf(startup->worker_class, sizeof startup->worker_class, "%s", value);
}

static void read_command(struct startup *startup, struct root *root, const char *pid, char *text)
{
    char path[64];
    size_t size;
    snprintf(path, sizeof path, "/proc/%s/cmdline", pid);
    if (!root_read(root, path, text, READ_MAX, &size)) return;
    struct writer writer = writer_of(startup->command, sizeof startup->command - 1);
    bool after_secret = false;
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        const char *argument = text + at;
        size_t length = strlen(argument);
        const char *next = at + length + 1 < size ? argument + length + 1 : NULL;
        if (strstr(argument, "gunicorn") != NULL && at < 512) startup->gunicorn = true;
        if (startup->gunicorn) take_gunicorn(startup, argument, next);
        add_argument(&writer, argument, after_secret);
        after_secret =
            argument[0] == '-' && strchr(argument, '=') == NULL && names_secret(argument, length);
    }
    startup->command[writer.used] = '\0';
    for (char *c = startup->command; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7F) *c = '?';
}

/* GUNICORN_CMD_ARGS="--workers=4 --preload": known options only are looked at. */
static void take_environment(struct startup *startup, char *value)
{
    char *state = NULL, *word = strtok_r(value, " ", &state);
    while (word != NULL) {
        char *next = strtok_r(NULL, " ", &state);
        take_gunicorn(startup, word, next);
        word = next;
    }
}

static bool append_name(json_t *array, const char *name, size_t size)
{
    if (json_array_size(array) >= STARTUP_NAMES_MAX) return true;
    char clean[FACTS_TEXT_MAX];
    root_set_text(clean, name, size);
    size_t i;
    const json_t *other;
    json_array_foreach(array, i,
                       other) if (strcmp(json_string_value(other), clean) == 0) return true;
    return json_array_append_new(array, json_string(clean)) == 0;
}

static bool read_environment(struct startup *startup, struct root *root, const char *pid,
                             char *text)
{
    char path[64];
    size_t size;
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    if (!root_read(root, path, text, READ_MAX, &size)) return true;
    bool fine = true;
    char *arguments = NULL;
    for (size_t at = 0; fine && at < size;) {
        char *entry = text + at;
        at += strlen(entry) + 1;
        char *equals = strchr(entry, '=');
        if (equals == NULL || equals == entry) continue;
        fine = append_name(startup->environment, entry, (size_t)(equals - entry));
        if (strncmp(entry, "WEB_CONCURRENCY=", 16) == 0) set_number(equals + 1, &startup->workers);
        if (strncmp(entry, "GUNICORN_CMD_ARGS=", 18) == 0) arguments = equals + 1;
    }
    if (arguments != NULL) take_environment(startup, arguments);
    return fine;
}

/* "flask-3.1.3.dist-info" in the folder that holds the package of a mapped library. */
static bool read_packages(struct startup *startup, const struct root *root, const char *pid,
                          struct slice folder)
{
    char path[ROOT_PATH_MAX], full[ROOT_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%s/root%.*s", pid, (int)folder.size, folder.data);
    root_path(root, path, full);
    DIR *directory = opendir(full);
    if (directory == NULL) return true;
    bool fine = true;
    const struct dirent *entry;
    while (fine && (entry = readdir(directory)) != NULL) {
        const char *ending = strstr(entry->d_name, ".dist-info");
        if (ending != NULL)
            fine = append_name(startup->packages, entry->d_name, (size_t)(ending - entry->d_name));
    }
    closedir(directory);
    return fine;
}

/* Pure packages map nothing: they lie beside Python's own modules, and in a virtual
 * environment beside the interpreter that was called. dynload is the path of a module
 * ".../lib/python3.11/lib-dynload/...". */
static bool read_pure(struct startup *startup, const struct root *root, const char *pid,
                      struct slice dynload)
{
    static const char *const names[] = {"site-packages", "dist-packages"};
    const char *version = memmem(dynload.data, dynload.size, "/python", 7);
    if (version == NULL) return true;
    struct slice rest = slice_from(dynload, (size_t)(version - dynload.data));
    const char *end = memchr(rest.data + 1, '/', rest.size - 1);
    if (end == NULL) return true;
    int library = (int)(end - dynload.data), name = (int)(end - version);
    const char *blank = strchr(startup->command, ' ');
    size_t first = blank != NULL ? (size_t)(blank - startup->command) : 0;
    const char *bin = memmem(startup->command, first, "/bin/", 5);
    bool fine = true;
    for (size_t i = 0; fine && i < sizeof names / sizeof names[0]; i++) {
        char path[ROOT_PATH_MAX];
        snprintf(path, sizeof path, "%.*s/%s", library, dynload.data, names[i]);
        fine = read_packages(startup, root, pid, slice_of(path));
        if (!fine || bin == NULL || startup->command[0] != '/') continue;
        snprintf(path, sizeof path, "%.*s/lib%.*s/%s", (int)(bin - startup->command),
                 startup->command, name, version, names[i]);
        fine = read_packages(startup, root, pid, slice_of(path));
    }
    return fine;
}

static bool read_libraries(struct startup *startup, struct root *root, const char *pid)
{
    char path[64], last_folder[ROOT_PATH_MAX] = "";
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    struct root_lines lines;
    if (!root_lines_open(root, &lines, path)) return true;
    struct slice line;
    bool fine = true, pure = false;
    while (fine && root_lines_next(&lines, &line)) {
        for (int i = 0; i < 5; i++) (void)root_word(&line);
        struct slice file = slice_trim(line);
        if (file.size == 0 || file.data[0] != '/') continue;
        const char *slash = memrchr(file.data, '/', file.size);
        struct slice name = slice_from(file, (size_t)(slash + 1 - file.data));
        if (memmem(name.data, name.size, ".so", 3) != NULL)
            fine = append_name(startup->libraries, name.data, name.size);
        bool dynload = memmem(file.data, file.size, "/lib-dynload/", 13) != NULL;
        if (fine && dynload && !pure) fine = read_pure(startup, root, pid, file);
        pure = pure || dynload;
        const char *site = memmem(file.data, file.size, "-packages/", 10);
        if (site == NULL || !fine) continue;
        struct slice folder = {file.data, (size_t)(site + 9 - file.data)};
        bool seen = strlen(last_folder) == folder.size &&
                    memcmp(last_folder, folder.data, folder.size) == 0;
        if (seen || folder.size >= sizeof last_folder) continue;
        memcpy(last_folder, folder.data, folder.size);
        last_folder[folder.size] = '\0';
        fine = read_packages(startup, root, pid, folder);
    }
    root_lines_close(&lines);
    return fine;
}

enum error_code startup_read(struct startup *out, struct root *root, const char *pid,
                             struct error *err)
{
    *out = (struct startup){.workers = 1, .threads = 1, .timeout = 30, .worker_class = "sync"};
    out->environment = json_array();
    out->libraries = json_array();
    out->packages = json_array();
    char *text = malloc(READ_MAX);
    bool fine =
        text != NULL && out->environment != NULL && out->libraries != NULL && out->packages != NULL;
    if (fine) {
        /* As gunicorn: the command line overrides GUNICORN_CMD_ARGS, that WEB_CONCURRENCY. */
        fine = read_environment(out, root, pid, text);
        read_command(out, root, pid, text);
        fine = fine && read_libraries(out, root, pid);
    }
    free(text);
    return fine ? ERR_NONE : error_set(err, ERR_MEMORY, 0, "no memory for a list of names");
}

void startup_close(struct startup *startup)
{
    json_decref(startup->environment);
    json_decref(startup->libraries);
    json_decref(startup->packages);
}

static bool has_package(const struct startup *startup, const char *name, const char **out)
{
    size_t i;
    const json_t *package;
    json_array_foreach(startup->packages, i, package)
    {
        const char *text = json_string_value(package);
        if (strncmp(text, name, strlen(name)) != 0) continue;
        *out = text;
        return true;
    }
    return false;
}

static void add_command(const struct startup *startup, const struct facts *facts,
                        struct finding_list *list)
{
    struct finding *f = finding_add(list, "process.start", "how it was started");
    finding_grade(f, FINDING_NOTE);
    finding_read(f, "%s, %s threads, %s children: %.600s", facts->command,
                 facts_count(facts->threads), facts_count(facts->children), startup->command);
    if (!startup->gunicorn) return;
    finding_means(f,
                  "gunicorn: %" PRId64 " workers, class %s, %" PRId64
                  " threads each, time-out %" PRId64 " s, %s, max_requests %" PRId64,
                  startup->workers, startup->worker_class, startup->threads, startup->timeout,
                  startup->preload ? "preloaded" : "not preloaded", startup->max_requests);
}

static void add_memory(const struct startup *startup, const struct facts *facts,
                       struct finding_list *list)
{
    struct finding *f = finding_add(list, "process.memory", "its memory");
    finding_grade(f, FINDING_NOTE);
    finding_read(f, "resident %s, private %s, VmSize %s, largest mapping %s (%s), %s mappings",
                 facts_bytes(facts->resident), facts_bytes(facts->resident_private),
                 facts_bytes(facts->vm_size), facts_bytes(facts->fork_largest),
                 facts->largest_mapping, facts_count(facts->maps));
    finding_means(f, "a fork of it must promise %s", facts_bytes(facts->fork_charge));
    int64_t room = facts->mem_available;
    if (facts->memory_headroom >= 0 && (room < 0 || facts->memory_headroom < room))
        room = facts->memory_headroom;
    bool copies = startup->gunicorn && startup->workers > 1;
    if (!copies || facts->resident_private < 0 || room < 0) return;
    int64_t missing = startup->workers - facts_term(facts->children);
    if (facts->children == 0 || missing < 0) missing = 0;
    if (facts_times(missing, facts->resident_private) <= room) return;
    finding_grade(f, FINDING_WARNING);
    finding_means(f, "; %" PRId64 " workers more do not fit the room of %s", missing,
                  facts_bytes(room));
    finding_todo(f, "fewer workers, --preload, or weights mapped read-only");
}

static void add_libraries(const struct startup *startup, struct finding_list *list)
{
    static const char *const known[] = {"fastai",    "fastcore",  "torch-",   "spacy-",
                                        "flask-",    "Flask-",    "flasgger", "gunicorn-",
                                        "Werkzeug-", "werkzeug-", "numpy-"};
    struct finding *f = finding_add(list, "process.libraries", "what it has loaded");
    finding_read(f, "%zu shared libraries, %zu packages beside them",
                 json_array_size(startup->libraries), json_array_size(startup->packages));
    const char *package;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (has_package(startup, known[i], &package)) finding_read(f, "; %s", package);
    if (!has_package(startup, "fastai", &package)) return;
    finding_grade(f, FINDING_NOTE);
    finding_means(f, "fastai's tokenize_df starts processes for one text unless n_workers=0: each "
                     "request then depends on fork");
}

void startup_findings(const struct startup *startup, const struct facts *facts,
                      struct finding_list *list)
{
    add_command(startup, facts, list);
    add_memory(startup, facts, list);
    add_libraries(startup, list);
    struct finding *f = finding_add(list, "process.environment", "its environment");
    finding_read(f, "%zu variables; values are not shown:", json_array_size(startup->environment));
    size_t i;
    const json_t *name;
    json_array_foreach(startup->environment, i, name)
        finding_read(f, " %s", json_string_value(name));
}

json_t *startup_json(const struct startup *startup)
{
    return json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:s, s:O, s:O, s:O}", "command",
                     startup->command, "gunicorn", startup->gunicorn, "preload", startup->preload,
                     "workers", (json_int_t)startup->workers, "threads",
                     (json_int_t)startup->threads, "timeout", (json_int_t)startup->timeout,
                     "max_requests", (json_int_t)startup->max_requests, "worker_class",
                     startup->worker_class, "environment", startup->environment, "libraries",
                     startup->libraries, "packages", startup->packages);
}
