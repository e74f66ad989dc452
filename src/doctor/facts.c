/* facts.c - the rows of facts.def as data: shown, written and read back by one loop each. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/facts.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const struct facts_row rows[] = {
#define FACT(name, unit, weight, where)                                                            \
    {#name, where, FACTS_##unit, weight, offsetof(struct facts, name)},
#define TEXT(name, weight, where) {#name, where, FACTS_TEXT, weight, offsetof(struct facts, name)},
#include "doctor/facts.def"
#undef FACT
#undef TEXT
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

size_t facts_row_count(void) { return ROW_COUNT; }

const struct facts_row *facts_row(size_t index)
{
    check(index < ROW_COUNT);
    return &rows[index];
}

int64_t facts_number(const struct facts *facts, const struct facts_row *row)
{
    check(row->unit != FACTS_TEXT);
    int64_t value;
    memcpy(&value, (const char *)facts + row->offset, sizeof value);
    return value;
}

const char *facts_text(const struct facts *facts, const struct facts_row *row)
{
    check(row->unit == FACTS_TEXT);
    return (const char *)facts + row->offset;
}

static void set_number(struct facts *facts, const struct facts_row *row, int64_t value)
{
    memcpy((char *)facts + row->offset, &value, sizeof value);
}

void facts_clear(struct facts *facts)
{
    memset(facts, 0, sizeof *facts);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].unit != FACTS_TEXT) set_number(facts, &rows[i], FACTS_UNSEEN);
}

bool facts_same(const struct facts *a, const struct facts *b, const struct facts_row *row)
{
    if (row->unit == FACTS_TEXT) return strcmp(facts_text(a, row), facts_text(b, row)) == 0;
    return facts_number(a, row) == facts_number(b, row);
}

void facts_copy_row(struct facts *to, const struct facts *from, const struct facts_row *row)
{
    size_t size = row->unit == FACTS_TEXT ? (size_t)FACTS_TEXT_MAX : sizeof(int64_t);
    memcpy((char *)to + row->offset, (const char *)from + row->offset, size);
}

void facts_set_cgroup(struct facts *facts, const struct cgroup *group)
{
#define NUMBER(name) facts->name = group->name;
#define TEXT(name)   memcpy(facts->name, group->name, sizeof facts->name);
#include "base/cgroup.def"
#undef NUMBER
#undef TEXT
}

/* Several of these stand in one printf, hence the ring. */
static char *ring_next(size_t *out_size)
{
    static _Thread_local char ring[8][32];
    static _Thread_local unsigned turn;
    *out_size = sizeof ring[0];
    return ring[turn++ % 8];
}

const char *facts_bytes(int64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    size_t size;
    char *text = ring_next(&size);
    if (bytes == FACTS_UNSEEN) return "not seen";
    if (bytes == FACTS_UNLIMITED) return "unlimited";
    if (bytes > -1024 && bytes < 1024) {
        snprintf(text, size, "%" PRId64 " B", bytes);
        return text;
    }
    double value = (double)bytes / 1024;
    unsigned unit = 0;
    while ((value >= 1024 || value <= -1024) && unit < 3) {
        value /= 1024;
        unit++;
    }
    double magnitude = value < 0 ? -value : value;
    int digits = magnitude < 10 ? 2 : magnitude < 100 ? 1 : 0;
    snprintf(text, size, "%.*f %s", digits, value, units[unit]);
    return text;
}

const char *facts_count(int64_t count)
{
    size_t size;
    char *text = ring_next(&size);
    if (count == FACTS_UNSEEN) return "not seen";
    if (count == FACTS_UNLIMITED) return "unlimited";
    snprintf(text, size, "%" PRId64, count);
    return text;
}

void facts_show(const struct facts *facts, const struct facts_row *row, struct writer *writer)
{
    if (row->unit == FACTS_TEXT) {
        const char *text = facts_text(facts, row);
        writer_text(writer, text[0] != '\0' ? text : "not seen");
        return;
    }
    int64_t value = facts_number(facts, row);
    if (row->unit == FACTS_BYTES)
        writer_text(writer, facts_bytes(value));
    else if (row->unit == FACTS_CENTI && value >= 0)
        writer_format(writer, "%.2f", (double)value / 100);
    else
        writer_text(writer, facts_count(value));
}

json_t *facts_to_json(const struct facts *facts)
{
    json_t *object = json_object();
    if (object == NULL) return NULL;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        json_t *value = NULL;
        if (rows[i].unit == FACTS_TEXT) {
            const char *text = facts_text(facts, &rows[i]);
            if (text[0] == '\0') continue;
            value = json_string(text);
        } else {
            int64_t number = facts_number(facts, &rows[i]);
            if (number == FACTS_UNSEEN) continue;
            value = number == FACTS_UNLIMITED ? json_string("unlimited") : json_integer(number);
        }
        if (value == NULL || json_object_set_new(object, rows[i].name, value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

enum error_code facts_from_json(struct facts *out_facts, const json_t *object, const char *path,
                                struct error *err)
{
    if (!json_is_object(object))
        return error_set(err, ERR_SNAPSHOT, 0, "%s: 'facts' is not an object: not a snapshot",
                         path);
    struct facts facts;
    facts_clear(&facts);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const json_t *value = json_object_get(object, rows[i].name);
        if (value == NULL) continue;
        bool fine = rows[i].unit == FACTS_TEXT ? json_is_string(value)
                                               : json_is_integer(value) || json_is_string(value);
        if (!fine)
            return error_set(err, ERR_SNAPSHOT, 0, "%s: fact '%s' has the wrong type", path,
                             rows[i].name);
        if (rows[i].unit == FACTS_TEXT) {
            root_set_text((char *)&facts + rows[i].offset, json_string_value(value),
                          json_string_length(value));
        } else if (json_is_integer(value)) {
            json_int_t number = json_integer_value(value);
            bool most = number > FACTS_MOST;
            set_number(&facts, &rows[i],
                       number < 0 ? FACTS_UNSEEN
                       : most     ? FACTS_UNLIMITED
                                  : number);
        } else if (strcmp(json_string_value(value), "unlimited") == 0) {
            set_number(&facts, &rows[i], FACTS_UNLIMITED);
        } else {
            return error_set(err, ERR_SNAPSHOT, 0,
                             "%s: fact '%s' is neither a number nor 'unlimited'", path,
                             rows[i].name);
        }
    }
    *out_facts = facts;
    return ERR_NONE;
}

bool facts_bound_by_nproc(const struct facts *facts)
{
    return facts->uid > 0 && facts->cap_admin != 1 && facts->cap_resource != 1;
}

bool facts_release(const struct facts *facts, unsigned long *out_major, unsigned long *out_minor)
{
    char *end;
    unsigned long major = strtoul(facts->kernel_release, &end, 10);
    if (end == facts->kernel_release || *end != '.') return false;
    *out_major = major;
    *out_minor = strtoul(end + 1, NULL, 10);
    return true;
}
