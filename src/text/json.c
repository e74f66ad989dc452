/* json.c - jansson under our bounds.
 *
 * jansson's parser descends 2,048 levels on the stack; ours asks for 16, so the
 * brackets are counted before it begins.
 *
 * It takes memory through take_block, which is the heap, or, in a service, a room that the
 * request owns (json_room): there taking is an addition, and giving back nothing, but for
 * the last block, so that a growing string does not leave all its former selves behind.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/json.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "text/utf8.h"

enum { ROOM_ALIGN = 16 };

static _Thread_local struct {
    char *base, *last; /* the block handed out last, or NULL */
    size_t size, used;
    bool full; /* something did not fit */
} room;

static void *take_block(size_t size)
{
    if (room.base == NULL) return malloc(size);
    size_t wanted = (size + ROOM_ALIGN - 1) / ROOM_ALIGN * ROOM_ALIGN;
    if (wanted < size || wanted > room.size - room.used) {
        room.full = true;
        return NULL;
    }
    room.last = room.base + room.used;
    room.used += wanted;
    return room.last;
}

static void give_block(void *block)
{
    if (block == NULL) return;
    uintptr_t at = (uintptr_t)block - (uintptr_t)room.base;
    if (room.base == NULL || at >= room.size) {
        free(block);
    } else if (block == room.last) {
        room.used = (size_t)at;
        room.last = NULL;
    }
}

static void use_rooms(void) { json_set_alloc_funcs(take_block, give_block); }

void json_room(void *memory, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    check((uintptr_t)memory % ROOM_ALIGN == 0);
    pthread_once(&once, use_rooms);
    room.base = memory;
    room.size = memory == NULL ? 0 : size;
    room.last = NULL;
    room.used = 0;
    room.full = false;
}

static enum error_code check_depth(struct slice bytes, struct error *err)
{
    size_t depth = 0, line = 1;
    bool in_string = false;
    for (size_t i = 0; i < bytes.size; i++) {
        char c = bytes.data[i];
        if (c == '\n') line++;
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return error_set(err, ERR_JSON, line,
                                 "line %zu, byte %zu: nested deeper than %d levels", line, i + 1,
                                 JSON_DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            if (depth > 0) depth--;
        }
    }
    return ERR_NONE;
}

enum error_code json_parse(json_t **out_root, struct slice bytes, bool *out_unfinished,
                           struct error *err)
{
    if (out_unfinished != NULL) *out_unfinished = false;
    TRY(check_depth(bytes, err));
    json_error_t detail;
    /* Numbers mean nothing to us; as reals, those of twenty digits are no errors. */
    json_t *root = json_loadb(bytes.data, bytes.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY |
                                  JSON_DECODE_INT_AS_REAL,
                              &detail);
    if (root != NULL) {
        *out_root = root;
        return ERR_NONE;
    }
    if (room.full) /* whatever jansson made of it */
        return error_set(err, ERR_BODY_LONG, 0,
                         "the JSON's members and elements take more room than there is");
    /* Where an allocation fails jansson mostly says nothing, and the kind is not set either. */
    bool told = detail.text[0] != '\0';
    enum json_error_code kind = told ? json_error_code(&detail) : json_error_out_of_memory;
    if (out_unfinished != NULL) *out_unfinished = kind == json_error_premature_end_of_input;
    if (kind == json_error_out_of_memory)
        return error_set(err, ERR_MEMORY, 0, "no memory for a JSON text of %zu bytes", bytes.size);
    /* The text near the fault may end inside a character, and goes out in JSON again. */
    utf8_mend(detail.text, strlen(detail.text));
    size_t line = detail.line > 0 ? (size_t)detail.line : 1;
    return error_set(err, kind == json_error_invalid_utf8 ? ERR_UTF8 : ERR_JSON, line,
                     "line %zu, column %d: %s", line, detail.column > 0 ? detail.column : 1,
                     detail.text);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static enum error_code take_string(struct slice *out_text, const json_t *object, struct slice key,
                                   struct error *err)
{
    const json_t *value = key.size > 0 ? json_object_getn(object, key.data, key.size) : NULL;
    if (value == NULL || json_is_null(value)) {
        *out_text = (struct slice){"", 0};
        return ERR_NONE;
    }
    if (!json_is_string(value))
        return error_set(err, ERR_FIELD, 0, "%.*s: must be a string, not %s", (int)key.size,
                         key.data, type_name(value));
    *out_text = (struct slice){json_string_value(value), json_string_length(value)};
    return ERR_NONE;
}

enum error_code json_case_of(struct case_text *out_text, struct slice *out_label,
                             const json_t *value, const struct names *names, struct error *err)
{
    if (!json_is_object(value))
        return error_set(err, ERR_FIELD, 0, "a case must be a JSON object, not %s",
                         type_name(value));
    struct case_text text;
    struct slice label;
    for (enum case_field f = 0; f < CASE_FIELDS; f++)
        TRY(take_string(&text.field[f], value, names_of(names, f), err));
    if (out_label != NULL) TRY(take_string(&label, value, names_of(names, NAMES_LABEL), err));
    TRY(case_check(&text, 0, err));
    *out_text = text;
    if (out_label != NULL) *out_label = label;
    return ERR_NONE;
}

enum error_code json_case_open(struct json_case *out_case, struct slice bytes, struct error *err)
{
    struct json_case json = {0};
    TRY(json_parse(&json.root, bytes, NULL, err));
    enum error_code code = json_case_of(&json.text, NULL, json.root, NULL, err);
    if (code != ERR_NONE) {
        json_case_close(&json);
        return code;
    }
    *out_case = json;
    return ERR_NONE;
}

void json_case_close(struct json_case *json)
{
    json_decref(json->root);
    json->root = NULL;
}

/* The shortest form there is, so that no string is longer here than in the JSON it came from. */
void json_put(struct writer *writer, struct slice text)
{
    static const char short_escapes[] = "\b\f\n\r\t", short_letters[] = "bfnrt";
    size_t plain = 0;
    writer_char(writer, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        writer_bytes(writer, text.data + plain, i - plain);
        plain = i + 1;
        const char *short_form = c < 0x20 ? strchr(short_escapes, c) : NULL;
        if (c == '"' || c == '\\')
            writer_format(writer, "\\%c", c);
        else if (c != '\0' && short_form != NULL)
            writer_format(writer, "\\%c", short_letters[short_form - short_escapes]);
        else
            writer_format(writer, "\\u%04x", c);
    }
    writer_bytes(writer, text.data + plain, text.size - plain);
    writer_char(writer, '"');
}
