/* strings.c - two small formats into one list. */
// SPDX-License-Identifier: Apache-2.0
#include "model/strings.h"

#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/pickle.h"

enum error_code strings_add(struct strings *strings, struct slice text, struct error *err)
{
    size_t used = strings->count == 0 ? 0 : strings->start[strings->count];
    if (strings->count == STRINGS_MAX || text.size > STRINGS_FILE_MAX - used)
        return error_set(err, ERR_WEIGHTS, 0, "a list of more than %d strings or %d bytes",
                         STRINGS_MAX, STRINGS_FILE_MAX);
    TRY(mem_grow(&strings->start, &strings->start_room, strings->count + 2, sizeof *strings->start,
                 err));
    TRY(mem_grow(&strings->text, &strings->text_room, used + text.size + 1, 1, err));
    if (text.size > 0) memcpy(strings->text + used, text.data, text.size);
    strings->start[strings->count++] = (uint32_t)used;
    strings->start[strings->count] = (uint32_t)(used + text.size);
    return ERR_NONE;
}

static enum error_code read_json(struct strings *strings, struct slice bytes, const char *name,
                                 struct error *err)
{
    json_error_t why;
    json_t *list = json_loadb(bytes.data, bytes.size, JSON_ALLOW_NUL, &why), *item;
    enum error_code code = ERR_NONE;
    size_t i;
    if (list == NULL)
        return error_set(err, ERR_WEIGHTS, why.line > 0 ? (size_t)why.line : 0, "%s: line %d: %s",
                         name, why.line, why.text);
    if (!json_is_array(list))
        code = error_set(err, ERR_WEIGHTS, 0, "%s: this is no JSON array of strings", name);
    json_array_foreach(list, i, item)
    {
        if (code != ERR_NONE) break;
        struct slice text = {json_string_value(item), json_string_length(item)};
        code = json_is_string(item)
                   ? strings_add(strings, text, err)
                   : error_set(err, ERR_WEIGHTS, 0, "%s: item %zu is no string", name, i + 1);
    }
    json_decref(list);
    return code;
}

static enum error_code read_pickle(struct strings *strings, struct slice bytes, const char *name,
                                   struct error *err)
{
    struct pickle pickle;
    size_t used = 0, i = 0;
    struct error detail;
    enum error_code code = pickle_read(bytes, &pickle, &used, &detail);
    if (code != ERR_NONE) return error_set(err, code, 0, "%s: %.400s", name, detail.detail);
    const struct pickle_value *list = pickle_get(&pickle, pickle.root);
    if (list->kind != PICKLE_LIST && list->kind != PICKLE_TUPLE)
        code = error_set(err, ERR_WEIGHTS, 0, "%s: this is no pickled list of strings", name);
    uint32_t cell = code == ERR_NONE ? list->items.first : 0;
    for (; cell != 0 && code == ERR_NONE; cell = pickle.cells[cell].next, i++) {
        const struct pickle_value *item = pickle_get(&pickle, pickle.cells[cell].value);
        code = item->kind == PICKLE_STRING
                   ? strings_add(strings, item->text, err)
                   : error_set(err, ERR_WEIGHTS, 0, "%s: item %zu is no string", name, i + 1);
    }
    pickle_close(&pickle);
    return code;
}

enum error_code strings_read(struct strings *out_strings, struct slice bytes, const char *name,
                             struct error *err)
{
    struct strings strings = {0};
    if (bytes.size > STRINGS_FILE_MAX)
        return error_set(err, ERR_WEIGHTS, 0, "%s: longer than %d bytes", name, STRINGS_FILE_MAX);
    bool pickled = bytes.size > 0 && (unsigned char)bytes.data[0] == 0x80;
    enum error_code code =
        pickled ? read_pickle(&strings, bytes, name, err) : read_json(&strings, bytes, name, err);
    if (code == ERR_NONE && strings.count == 0)
        code = error_set(err, ERR_WEIGHTS, 0, "%s: the list is empty", name);
    if (code != ERR_NONE) {
        strings_close(&strings);
        return code;
    }
    *out_strings = strings;
    return ERR_NONE;
}

enum error_code strings_open(struct strings *out_strings, const char *path, struct error *err)
{
    struct file_map map;
    TRY(file_map(&map, path, err));
    enum error_code code = strings_read(out_strings, map.bytes, path, err);
    file_unmap(&map);
    return code;
}

void strings_close(struct strings *strings)
{
    mem_free(strings->start);
    mem_free(strings->text);
    *strings = (struct strings){0};
}
