/* names.c - reads FIELD=NAME pairs, each field and each name at most once. */
// SPDX-License-Identifier: Apache-2.0
#include "text/names.h"

#include <stdbool.h>
#include <string.h>

static bool is_given(const struct names *names, struct slice name)
{
    bool found = false;
    for (unsigned f = 0; f < NAMES_ALL; f++) found |= slice_equal(names->given[f], name);
    return found;
}

static enum error_code take_pair(struct names *names, struct slice pair, struct error *err)
{
    const char *equals = memchr(pair.data, '=', pair.size);
    size_t left = equals != NULL ? (size_t)(equals - pair.data) : 0;
    if (left == 0 || left + 1 == pair.size)
        return error_set(err, ERR_USAGE, 0, "--columns: '%.*s' is not FIELD=COLUMN", (int)pair.size,
                         pair.data);
    struct slice key = {pair.data, left}, name = slice_from(pair, left + 1);
    bool label = slice_equal(key, SLICE(CASE_LABEL));
    unsigned field = label ? NAMES_LABEL : case_find(key);
    if (!label && field == CASE_FIELDS)
        return error_set(err, ERR_USAGE, 0, "--columns: a case has no field '%.*s'", (int)left,
                         pair.data);
    if (names->given[field].size > 0)
        return error_set(err, ERR_USAGE, 0, "--columns: '%.*s' stands there twice", (int)left,
                         pair.data);
    if (is_given(names, name))
        return error_set(err, ERR_USAGE, 0,
                         "--columns: the column '%.*s' cannot be two fields of a case",
                         (int)name.size, name.data);
    names->given[field] = name;
    return ERR_NONE;
}

enum error_code names_parse(struct names *out_names, struct slice option, struct error *err)
{
    struct names names = {0};
    while (option.size > 0) {
        const char *comma = memchr(option.data, ',', option.size);
        size_t size = comma != NULL ? (size_t)(comma - option.data) : option.size;
        TRY(take_pair(&names, (struct slice){option.data, size}, err));
        option = slice_from(option, comma != NULL ? size + 1 : size);
    }
    *out_names = names;
    return ERR_NONE;
}

struct slice names_of(const struct names *names, unsigned field)
{
    if (names != NULL && names->given[field].size > 0) return names->given[field];
    struct slice own = field == NAMES_LABEL ? SLICE(CASE_LABEL) : slice_of(case_rows[field].name);
    return names != NULL && is_given(names, own) ? (struct slice){"", 0} : own;
}
