/* unit.c - sd-journal(3) by dlopen, each entry made into the line journalctl would print.
 *
 * journalctl itself would be a process; the library is not.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/unit.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The functions used, as sd-journal(3) declares them. */
struct library {
    void *handle;
    int (*open)(void **out_journal, int flags);
    int (*open_folder)(void **out_journal, const char *path, int flags);
    void (*close)(void *journal);
    int (*add_match)(void *journal, const void *data, size_t size);
    int (*add_disjunction)(void *journal);
    int (*next)(void *journal);
    int (*get_data)(void *journal, const char *field, const void **out_data, size_t *out_size);
    int (*get_time)(void *journal, uint64_t *out_microseconds);
};

enum { LOCAL_ONLY = 1, LINE_MAX_BYTES = 8192 };

static enum error_code library_open(struct library *out, struct error *err)
{
    struct library lib = {.handle = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL)};
    if (lib.handle == NULL)
        return error_set(err, ERR_UNAVAILABLE, 0,
                         "the journal cannot be read here: libsystemd.so.0 is not installed; give "
                         "a FILE, for example from journalctl -u NAME");
    const struct {
        const char *name;
        void *slot;
    } symbols[] = {
        {"sd_journal_open", &lib.open},
        {"sd_journal_open_directory", &lib.open_folder},
        {"sd_journal_close", &lib.close},
        {"sd_journal_add_match", &lib.add_match},
        {"sd_journal_add_disjunction", &lib.add_disjunction},
        {"sd_journal_next", &lib.next},
        {"sd_journal_get_data", &lib.get_data},
        {"sd_journal_get_realtime_usec", &lib.get_time},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(lib.handle, symbols[i].name);
        if (symbol == NULL) {
            dlclose(lib.handle);
            return error_set(err, ERR_UNAVAILABLE, 0, "libsystemd lacks %s", symbols[i].name);
        }
        memcpy(symbols[i].slot, &symbol, sizeof symbol);
    }
    *out = lib;
    return ERR_NONE;
}

static bool add_matches(const struct library *lib, void *journal, const char *unit)
{
    static const char *const fields[] = {"_SYSTEMD_UNIT", "UNIT", "CONTAINER_NAME",
                                         "SYSLOG_IDENTIFIER"};
    const char *ending = strchr(unit, '.') == NULL ? ".service" : "";
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char match[300];
        bool systemd = i < 2;
        snprintf(match, sizeof match, "%s=%s%s", fields[i], unit, systemd ? ending : "");
        if (lib->add_match(journal, match, 0) < 0 || lib->add_disjunction(journal) < 0)
            return false;
    }
    return lib->add_match(journal, "_TRANSPORT=kernel", 0) >= 0;
}

/* The value of a field of the current entry, without "FIELD=". */
static struct slice field_of(const struct library *lib, void *journal, const char *field)
{
    const void *data;
    size_t size, skip = strlen(field) + 1;
    if (lib->get_data(journal, field, &data, &size) < 0 || size < skip)
        return (struct slice){"", 0};
    return (struct slice){(const char *)data + skip, size - skip};
}

/* The kernel's entries come with those of any unit, one that is not there as well. */
static bool is_of(const struct library *lib, void *journal, const char *unit)
{
    return !slice_equal(field_of(lib, journal, "_TRANSPORT"), SLICE("kernel")) ||
           slice_equal(field_of(lib, journal, "SYSLOG_IDENTIFIER"), slice_of(unit));
}

static void give_entry(const struct library *lib, void *sd, struct journal *journal)
{
    char prefix[128], line[LINE_MAX_BYTES];
    uint64_t microseconds = 0;
    (void)lib->get_time(sd, &microseconds);
    time_t seconds = (time_t)(microseconds / 1000000);
    struct tm day;
    char stamp[32] = "1970-01-01 00:00:00";
    if (gmtime_r(&seconds, &day) != NULL) strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &day);
    struct slice tag = field_of(lib, sd, "SYSLOG_IDENTIFIER");
    int tag_size = tag.size < 48 ? (int)tag.size : 48;
    snprintf(prefix, sizeof prefix, "%.*s", tag_size, tag.data);
    struct slice pid = field_of(lib, sd, "_PID");
    int pid_size = pid.size < 20 ? (int)pid.size : 20;
    size_t used =
        (size_t)snprintf(line, sizeof line, "%s - %s[%.*s]: ", stamp, prefix, pid_size, pid.data);
    struct slice words = field_of(lib, sd, "MESSAGE");
    /* A message may hold several lines; each is one of this source. */
    while (words.size > 0) {
        const char *end = memchr(words.data, '\n', words.size);
        size_t size = end != NULL ? (size_t)(end - words.data) : words.size;
        size_t room = sizeof line - used;
        memcpy(line + used, words.data, size < room ? size : room);
        journal_line(journal, (struct slice){line, used + (size < room ? size : room)});
        words = slice_from(words, end != NULL ? size + 1 : size);
    }
}

enum error_code unit_read_folder(struct journal *journal, const char *unit, const char *folder,
                                 struct error *err)
{
    struct library lib;
    void *sd = NULL;
    if (strlen(unit) > 200) return error_set(err, ERR_USAGE, 0, "the name of the unit is too long");
    TRY(library_open(&lib, err));
    enum error_code code = ERR_NONE;
    int opened = folder != NULL ? lib.open_folder(&sd, folder, 0) : lib.open(&sd, LOCAL_ONLY);
    if (opened < 0) {
        code = error_set(err, ERR_UNAVAILABLE, 0, "the journal cannot be opened: %s",
                         strerror(-opened));
    } else if (!add_matches(&lib, sd, unit)) {
        code = error_set(err, ERR_SYSTEM, 0, "the journal takes no filter for %s", unit);
    } else {
        bool found = false;
        int more;
        while ((more = lib.next(sd)) > 0) {
            give_entry(&lib, sd, journal);
            found = found || is_of(&lib, sd, unit);
        }
        if (more < 0)
            code = error_set(err, ERR_READ, 0, "the journal: %s", strerror(-more));
        else if (!found)
            code = error_set(err, ERR_UNSEEN, 0,
                             "the journal has nothing of %s that this user may read", unit);
    }
    if (sd != NULL) lib.close(sd);
    dlclose(lib.handle);
    return code;
}

enum error_code unit_read(struct journal *journal, const char *unit, struct error *err)
{
    return unit_read_folder(journal, unit, NULL, err);
}
