/* safetensors.c - a header read with suspicion, and written so that data lies aligned.
 *
 * The format allows no gaps, so padding between tensors is a tensor as well
 * ("pad.N"), and the header ends in blanks up to a multiple of 64.
 */
// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"

const struct safetensors_row safetensors_types[SAFETENSORS_TYPES] = {
    [SAFETENSORS_U8] = {"U8", 1},   [SAFETENSORS_I8] = {"I8", 1},
    [SAFETENSORS_I16] = {"I16", 2}, [SAFETENSORS_U16] = {"U16", 2},
    [SAFETENSORS_I32] = {"I32", 4}, [SAFETENSORS_U32] = {"U32", 4},
    [SAFETENSORS_I64] = {"I64", 8}, [SAFETENSORS_U64] = {"U64", 8},
    [SAFETENSORS_F16] = {"F16", 2}, [SAFETENSORS_BF16] = {"BF16", 2},
    [SAFETENSORS_F32] = {"F32", 4}, [SAFETENSORS_F64] = {"F64", 8},
};

static enum error_code refuse(const char *file, const char *tensor, const char *what,
                              struct error *err)
{
    return error_set(err, ERR_MODEL, 0, "%s: %s%s%s", file, tensor != NULL ? tensor : "",
                     tensor != NULL ? ": " : "", what);
}

static enum error_code parse_shape(struct safetensors_entry *entry, const json_t *shape,
                                   const char *file, size_t *out_bytes, struct error *err)
{
    if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_DIMENSIONS)
        return refuse(file, entry->name, "shape is no list of at most 4 numbers", err);
    size_t bytes = safetensors_types[entry->type].size;
    entry->dimensions = (unsigned)json_array_size(shape);
    for (unsigned d = 0; d < entry->dimensions; d++) {
        const json_t *item = json_array_get(shape, d);
        json_int_t extent = json_integer_value(item);
        if (!json_is_integer(item) || extent < 0)
            return refuse(file, entry->name, "shape holds no natural number", err);
        entry->shape[d] = (size_t)extent;
        if (__builtin_mul_overflow(bytes, (size_t)extent, &bytes))
            return refuse(file, entry->name, "shape is too large", err);
    }
    *out_bytes = bytes;
    return ERR_NONE;
}

static enum error_code parse_entry(struct safetensors_entry *entry, const json_t *value,
                                   struct slice data, const char *file, struct error *err)
{
    const char *type = json_string_value(json_object_get(value, "dtype"));
    entry->type = 0;
    while (entry->type < SAFETENSORS_TYPES &&
           (type == NULL || strcmp(type, safetensors_types[entry->type].name) != 0))
        entry->type++;
    if (entry->type == SAFETENSORS_TYPES)
        return refuse(file, entry->name, "dtype is missing or unknown", err);
    size_t bytes = 0;
    TRY(parse_shape(entry, json_object_get(value, "shape"), file, &bytes, err));
    const json_t *offsets = json_object_get(value, "data_offsets");
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return refuse(file, entry->name, "data_offsets is no pair of numbers", err);
    json_int_t begin = json_integer_value(from), end = json_integer_value(to);
    if (begin < 0 || end < begin || (size_t)end > data.size)
        return refuse(file, entry->name, "runs past the end of the file", err);
    if ((size_t)(end - begin) != bytes)
        return refuse(file, entry->name, "its bytes do not match dtype and shape", err);
    entry->data = (struct slice){data.data + begin, bytes};
    return ERR_NONE;
}

static int by_place(const void *a, const void *b)
{
    const struct safetensors_entry *x = a, *y = b;
    if (x->data.data != y->data.data) return x->data.data < y->data.data ? -1 : 1;
    return (x->data.size > y->data.size) - (x->data.size < y->data.size);
}

/* The tensors, in order of place, must fill the data exactly. */
static enum error_code check_places(struct safetensors *file, const char *name, struct error *err)
{
    qsort(file->entries, file->count, sizeof *file->entries, by_place);
    const char *next = file->data.data;
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_entry *entry = &file->entries[i];
        if (entry->data.data < next) return refuse(name, entry->name, "overlaps another", err);
        if (entry->data.data > next)
            return refuse(name, entry->name, "leaves a gap before it", err);
        next += entry->data.size;
    }
    if (next != file->data.data + file->data.size)
        return refuse(name, NULL, "bytes follow the last tensor", err);
    return ERR_NONE;
}

static enum error_code parse_entries(struct safetensors *file, const char *name, struct error *err)
{
    size_t members = json_object_size(file->header);
    if (members > SAFETENSORS_MAX + 1) return refuse(name, NULL, "too many tensors", err);
    TRY(mem_take(&file->entries, members, sizeof *file->entries, err));
    const char *key;
    json_t *value;
    json_object_foreach(file->header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) continue;
        struct safetensors_entry *entry = &file->entries[file->count++];
        entry->name = key;
        TRY(parse_entry(entry, value, file->data, name, err));
    }
    return check_places(file, name, err);
}

enum error_code safetensors_parse(struct safetensors *out_file, struct slice bytes,
                                  const char *name, struct error *err)
{
    uint64_t size = 0;
    for (unsigned i = 8; i-- > 0 && bytes.size >= 8;)
        size = size << 8 | (unsigned char)bytes.data[i];
    if (bytes.size < 8 || size == 0 || size > BUNDLE_HEADER_MAX || size > bytes.size - 8)
        return refuse(name, NULL, "not a safetensors file, or cut short", err);
    struct safetensors file = {.data = slice_from(bytes, 8 + (size_t)size)};
    json_error_t detail;
    file.header = json_loadb(bytes.data + 8, (size_t)size, JSON_REJECT_DUPLICATES, &detail);
    enum error_code code = ERR_NONE;
    if (!json_is_object(file.header))
        code = error_set(err, ERR_MODEL, 0, "%s: the header is no JSON object: %s", name,
                         file.header == NULL ? detail.text : "");
    if (code == ERR_NONE) code = parse_entries(&file, name, err);
    if (code != ERR_NONE) {
        safetensors_close(&file);
        return code;
    }
    *out_file = file;
    return ERR_NONE;
}

enum error_code safetensors_open(struct safetensors *out_file, const char *path, struct error *err)
{
    struct file_map map;
    TRY(file_map(&map, path, err));
    enum error_code code = safetensors_parse(out_file, map.bytes, path, err);
    if (code != ERR_NONE) {
        file_unmap(&map);
        return code;
    }
    out_file->map = map;
    return ERR_NONE;
}

void safetensors_close(struct safetensors *file)
{
    json_decref(file->header);
    mem_free(file->entries);
    file_unmap(&file->map);
    *file = (struct safetensors){0};
}

const struct safetensors_entry *safetensors_find(const struct safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, name) == 0) return &file->entries[i];
    return NULL;
}

const char *safetensors_meta(const struct safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

static size_t padding(size_t at)
{
    return (SAFETENSORS_ALIGN - at % SAFETENSORS_ALIGN) % SAFETENSORS_ALIGN;
}

static json_t *describe(enum safetensors_type type, const size_t *shape, unsigned dimensions,
                        size_t begin, size_t end)
{
    json_t *extents = json_array();
    for (unsigned d = 0; d < dimensions; d++)
        json_array_append_new(extents, json_integer((json_int_t)shape[d]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", safetensors_types[type].name, "shape",
                     extents, "data_offsets", (json_int_t)begin, (json_int_t)end);
}

json_t *safetensors_header(const json_t *metadata, const struct safetensors_entry *entries,
                           size_t count)
{
    json_t *header = json_object();
    size_t at = 0, pads = 0;
    if (json_object_set_new(header, "__metadata__", json_deep_copy(metadata)) != 0) goto failed;
    for (size_t i = 0; i < count; i++) {
        const struct safetensors_entry *entry = &entries[i];
        json_t *described =
            describe(entry->type, entry->shape, entry->dimensions, at, at + entry->data.size);
        if (json_object_set_new(header, entry->name, described) != 0) goto failed;
        at += entry->data.size;
        size_t pad = padding(at);
        if (pad == 0 || i + 1 == count) continue;
        char name[32];
        snprintf(name, sizeof name, "pad.%zu", pads++);
        if (json_object_set_new(header, name, describe(SAFETENSORS_U8, &pad, 1, at, at + pad)) != 0)
            goto failed;
        at += pad;
    }
    return header;
failed:
    json_decref(header);
    return NULL;
}

static enum error_code write_header(struct file_write *file, const json_t *metadata,
                                    const struct safetensors_entry *entries, size_t count,
                                    struct error *err)
{
    json_t *header = safetensors_header(metadata, entries, count);
    char *text = header != NULL ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (text == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the header of a model");
    size_t size = strlen(text), pad = padding(8 + size);
    unsigned char prefix[8];
    for (unsigned i = 0; i < 8; i++) prefix[i] = (unsigned char)((size + pad) >> (8 * i));
    static const char blanks[SAFETENSORS_ALIGN + 1] =
        "                                                                ";
    enum error_code code = file_write_add(file, prefix, 8, err);
    if (code == ERR_NONE) code = file_write_add(file, text, size, err);
    if (code == ERR_NONE) code = file_write_add(file, blanks, pad, err);
    free(text);
    return code;
}

enum error_code safetensors_write(const char *path, const json_t *metadata,
                                  const struct safetensors_entry *entries, size_t count,
                                  struct error *err)
{
    static const char zeros[SAFETENSORS_ALIGN];
    struct file_write file;
    TRY(file_write_open(&file, path, err));
    enum error_code code = write_header(&file, metadata, entries, count, err);
    for (size_t i = 0; i < count && code == ERR_NONE; i++) {
        code = file_write_add(&file, entries[i].data.data, entries[i].data.size, err);
        if (code == ERR_NONE && i + 1 < count)
            code = file_write_add(&file, zeros, padding(entries[i].data.size), err);
    }
    if (code == ERR_NONE) code = file_write_commit(&file, err);
    file_write_abandon(&file);
    return code;
}
