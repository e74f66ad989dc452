/* pth.c - storages first, then tensors as views into them. */
// SPDX-License-Identifier: Apache-2.0
#include "model/pth.h"

#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "base/library.h"
#include "base/mem.h"

/* libzip brings libcrypto with it: only who imports a .pth file opens it. */
#define LIBZIP "libzip.so.4"
/* clang-format off */
#define CALLS \
    CALL(zip_stat) CALL(zip_fopen_index) CALL(zip_fread) CALL(zip_fclose) \
    CALL(zip_get_num_entries) CALL(zip_get_name) CALL(zip_name_locate) CALL(zip_error_init) \
    CALL(zip_source_buffer_create) CALL(zip_open_from_source) CALL(zip_error_strerror) CALL(zip_source_free) \
    CALL(zip_error_fini) CALL(zip_discard)

static struct {
#define CALL(name) __typeof__(name) *name;
    CALLS
#undef CALL
} libzip;

static const struct library_call calls[] = {
#define CALL(name) {#name, &libzip.name},
    CALLS
#undef CALL
};
/* clang-format on */

enum { MEMBERS_MAX = 100000, KEY_MAX = 32, PREFIX_MAX = 256 };

/* The stream begins with a pickle of this number, 0x1950a86a20f9469cfc6c. */
static const struct slice MAGIC = {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15};

struct storage {
    struct slice key, bytes;
};

struct reader {
    struct checkpoint *checkpoint;
    struct slice file;
    zip_t *zip;
    char prefix[PREFIX_MAX]; /* of the zip's members, with its slash */
    struct storage *storages;
    size_t count, room;
};

bool pth_is(struct slice bytes)
{
    return slice_starts(bytes, SLICE("PK\x03\x04")) || slice_starts(bytes, MAGIC);
}

static enum error_code damaged(const char *what, struct error *err)
{
    return error_set(err, ERR_WEIGHTS, 0, "the .pth file is damaged: %s", what);
}

static const struct storage *storage_find(const struct reader *reader, struct slice key)
{
    for (size_t i = 0; i < reader->count; i++)
        if (slice_equal(reader->storages[i].key, key)) return &reader->storages[i];
    return NULL;
}

static enum error_code storage_add(struct reader *reader, struct slice key, struct slice bytes,
                                   struct error *err)
{
    if (reader->count >= 2 * CHECKPOINT_TENSORS_MAX)
        return damaged("it holds too many storages", err);
    TRY(mem_grow(&reader->storages, &reader->room, reader->count + 1, sizeof *reader->storages,
                 err));
    reader->storages[reader->count++] = (struct storage){key, bytes};
    return ERR_NONE;
}

/* The zip */

/* Copies a member behind what was copied before. All members together are no
 * larger than the file, or some overlap. */
static enum error_code member(struct reader *reader, const char *name, struct slice *out_bytes,
                              struct error *err)
{
    struct checkpoint *checkpoint = reader->checkpoint;
    zip_stat_t stat;
    const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_INDEX;
    if (libzip.zip_stat(reader->zip, name, 0, &stat) != 0 || (stat.valid & needed) != needed)
        return error_set(err, ERR_WEIGHTS, 0, "the .pth file is damaged: it lacks %s", name);
    if (stat.comp_method != ZIP_CM_STORE)
        return error_set(err, ERR_WEIGHTS, 0, "the member %s is packed; torch stores it as it is",
                         name);
    size_t room = checkpoint->copy_size - checkpoint->copy_used;
    if (stat.size > room)
        return error_set(err, ERR_WEIGHTS, 0,
                         "the .pth file is damaged: its members are larger than the file at %s",
                         name);
    zip_file_t *file = libzip.zip_fopen_index(reader->zip, stat.index, 0);
    if (file == NULL) return error_set(err, ERR_WEIGHTS, 0, "the member %s cannot be read", name);
    char *to = checkpoint->copy + checkpoint->copy_used;
    zip_int64_t got = libzip.zip_fread(file, to, stat.size);
    char beyond;
    /* Reading to the end is what makes libzip compare the checksum. */
    bool whole =
        got >= 0 && (zip_uint64_t)got == stat.size && libzip.zip_fread(file, &beyond, 1) == 0;
    if ((libzip.zip_fclose(file) != 0) || !whole)
        return error_set(err, ERR_WEIGHTS, 0, "the .pth file is damaged at %s", name);
    checkpoint->copy_used += (size_t)stat.size;
    *out_bytes = (struct slice){to, (size_t)stat.size};
    return ERR_NONE;
}

/* Members are named NAME/data.pkl, NAME/data/KEY; NAME is free. */
static enum error_code prefix_find(struct reader *reader, struct error *err)
{
    static const char *const PICKLE = "data.pkl";
    zip_int64_t count = libzip.zip_get_num_entries(reader->zip, 0);
    if (count > MEMBERS_MAX) return damaged("it has too many members", err);
    for (zip_int64_t i = 0; i < count; i++) {
        const char *name = libzip.zip_get_name(reader->zip, (zip_uint64_t)i, 0);
        size_t length = name == NULL ? 0 : strlen(name), tail = strlen(PICKLE);
        if (length < tail || length >= PREFIX_MAX || strcmp(name + length - tail, PICKLE) != 0)
            continue;
        if (length > tail && name[length - tail - 1] != '/') continue;
        memcpy(reader->prefix, name, length - tail);
        reader->prefix[length - tail] = 0;
        return ERR_NONE;
    }
    return damaged("it is a zip without torch's data.pkl", err);
}

static enum error_code zip_storage(struct reader *reader, struct slice key, struct error *err)
{
    char name[PREFIX_MAX + KEY_MAX + 8];
    struct slice bytes = {0};
    if (key.size == 0 || key.size >= KEY_MAX || memchr(key.data, '/', key.size) != NULL)
        return damaged("a storage has no proper key", err);
    snprintf(name, sizeof name, "%sdata/%.*s", reader->prefix, (int)key.size, key.data);
    TRY(member(reader, name, &bytes, err));
    return storage_add(reader, key, bytes, err);
}

static enum error_code zip_root(struct reader *reader, struct error *err)
{
    char name[PREFIX_MAX + 16];
    struct slice bytes = {0};
    size_t used = 0;
    TRY(prefix_find(reader, err));
    snprintf(name, sizeof name, "%sbyteorder", reader->prefix);
    if (libzip.zip_name_locate(reader->zip, name, 0) >= 0) {
        TRY(member(reader, name, &bytes, err));
        if (!slice_equal(bytes, SLICE("little")))
            return damaged("its numbers are not little-endian", err);
    }
    snprintf(name, sizeof name, "%sdata.pkl", reader->prefix);
    TRY(member(reader, name, &bytes, err));
    return pickle_read(bytes, &reader->checkpoint->pickle, &used, err);
}

static enum error_code zip_start(struct reader *reader, struct error *err)
{
    zip_error_t why;
    TRY(library_open(LIBZIP, calls, sizeof calls / sizeof *calls, err));
    libzip.zip_error_init(&why);
    zip_source_t *source =
        libzip.zip_source_buffer_create(reader->file.data, reader->file.size, 0, &why);
    reader->zip = source == NULL ? NULL : libzip.zip_open_from_source(source, ZIP_RDONLY, &why);
    if (reader->zip == NULL) {
        error_set(err, ERR_WEIGHTS, 0, "the .pth file is no proper zip: %s",
                  libzip.zip_error_strerror(&why));
        libzip.zip_source_free(source);
    }
    libzip.zip_error_fini(&why);
    if (reader->zip == NULL) return ERR_WEIGHTS;
    reader->checkpoint->copy_size = reader->file.size;
    return mem_take(&reader->checkpoint->copy, reader->file.size, 1, err);
}

/* The stream */

/* After the magic: the protocol's version, the machine's sizes, the value, the
 * keys of the storages in order; then count and bytes of each. */
static enum error_code stream_pickle(struct slice *rest, struct pickle *pickle, struct error *err)
{
    size_t used = 0;
    TRY(pickle_read(*rest, pickle, &used, err));
    *rest = slice_from(*rest, used);
    return ERR_NONE;
}

static enum error_code stream_head(struct slice *rest, struct error *err)
{
    struct pickle pickle = {0};
    TRY(stream_pickle(rest, &pickle, err));
    const struct pickle_value *version = pickle_get(&pickle, pickle.root);
    bool known = version->kind == PICKLE_INT && version->integer == 1001;
    pickle_close(&pickle);
    if (!known) return damaged("its protocol is not 1001", err);
    TRY(stream_pickle(rest, &pickle, err));
    const struct pickle_value *little =
        pickle_lookup(&pickle, pickle_get(&pickle, pickle.root), SLICE("little_endian"));
    known = little != NULL && little->kind == PICKLE_BOOL && little->integer == 1;
    pickle_close(&pickle);
    return known ? ERR_NONE : damaged("its numbers are not little-endian", err);
}

/* What the value says of the storage with this key; the key there outlives the list. */
static const struct pickle_value *stream_user(const struct pickle *pickle, struct slice key)
{
    for (size_t i = 1; i < pickle->values_count; i++) {
        const struct pickle_value *value = &pickle->values[i];
        if (value->kind == PICKLE_STORAGE &&
            slice_equal(pickle_get(pickle, value->storage.key)->text, key))
            return value;
    }
    return NULL;
}

static enum error_code stream_storage(struct reader *reader, struct slice key, struct slice *rest,
                                      struct error *err)
{
    const struct pickle *pickle = &reader->checkpoint->pickle;
    const struct pickle_value *user = stream_user(pickle, key);
    uint64_t count = 0;
    if (user == NULL) return damaged("a storage that nothing uses", err);
    if (rest->size < sizeof count) return damaged("it ends early", err);
    memcpy(&count, rest->data, sizeof count);
    *rest = slice_from(*rest, sizeof count);
    size_t size = pickle_type_size(user->storage.type);
    if (count > rest->size / size) return damaged("it ends early", err);
    struct slice bytes = {rest->data, (size_t)count * size};
    *rest = slice_from(*rest, bytes.size);
    return storage_add(reader, pickle_get(pickle, user->storage.key)->text, bytes, err);
}

static enum error_code stream_storages(struct reader *reader, const struct pickle *keys,
                                       struct slice rest, struct error *err)
{
    const struct pickle_value *list = pickle_get(keys, keys->root);
    if (list->kind != PICKLE_LIST || list->items.count > CHECKPOINT_TENSORS_MAX)
        return damaged("the list of its storages is wrong", err);
    for (uint32_t cell = list->items.first; cell != 0; cell = keys->cells[cell].next) {
        const struct pickle_value *key = pickle_get(keys, keys->cells[cell].value);
        if (key->kind != PICKLE_STRING) return damaged("the list of its storages is wrong", err);
        TRY(stream_storage(reader, key->text, &rest, err));
    }
    return ERR_NONE;
}

static enum error_code stream_start(struct reader *reader, struct error *err)
{
    struct slice rest = slice_from(reader->file, MAGIC.size);
    struct pickle keys = {0};
    TRY(stream_head(&rest, err));
    TRY(stream_pickle(&rest, &reader->checkpoint->pickle, err));
    TRY(stream_pickle(&rest, &keys, err));
    enum error_code code = stream_storages(reader, &keys, rest, err);
    pickle_close(&keys);
    return code;
}

/* Tensors */

static enum error_code refused(struct slice name, const char *why, struct error *err)
{
    return error_set(err, ERR_WEIGHTS, 0, "the tensor %.*s %s",
                     (int)(name.size < 200 ? name.size : 200), name.data, why);
}

/* Shape and strides of a row-major tensor, as torch keeps them. */
static enum error_code shape_read(const struct pickle *pickle, const struct pickle_value *value,
                                  struct checkpoint_tensor *tensor, struct error *err)
{
    const struct pickle_value *shape = pickle_get(pickle, value->tensor.shape);
    const struct pickle_value *strides = pickle_get(pickle, value->tensor.strides);
    if (shape->items.count > CHECKPOINT_RANK_MAX || strides->items.count != shape->items.count)
        return refused(tensor->name, "has a shape of too many dimensions", err);
    tensor->rank = shape->items.count;
    tensor->count = 1;
    for (unsigned d = tensor->rank; d > 0; d--) {
        const struct pickle_value *dim = pickle_item(pickle, shape, d - 1);
        const struct pickle_value *stride = pickle_item(pickle, strides, d - 1);
        if (dim->kind != PICKLE_INT || stride->kind != PICKLE_INT || dim->integer < 1 ||
            dim->integer > (int64_t)1 << 40)
            return refused(tensor->name, "has a shape that cannot be", err);
        if (dim->integer > 1 && stride->integer != (int64_t)tensor->count)
            return refused(tensor->name, "is not stored row by row", err);
        tensor->dims[d - 1] = (uint64_t)dim->integer;
        if (__builtin_mul_overflow(tensor->count, tensor->dims[d - 1], &tensor->count) ||
            tensor->count > (uint64_t)1 << 40)
            return refused(tensor->name, "has a shape that cannot be", err);
    }
    return ERR_NONE;
}

static enum error_code tensor_read(struct reader *reader, struct slice name,
                                   const struct pickle_value *value, struct error *err)
{
    const struct pickle *pickle = &reader->checkpoint->pickle;
    if (value->kind != PICKLE_TENSOR) return refused(name, "is no tensor", err);
    const struct pickle_value *stored = pickle_get(pickle, value->tensor.storage);
    struct slice key = pickle_get(pickle, stored->storage.key)->text;
    if (storage_find(reader, key) == NULL) {
        if (reader->zip == NULL) return refused(name, "lies in a storage that is missing", err);
        TRY(zip_storage(reader, key, err));
    }
    const struct storage *storage = storage_find(reader, key);
    struct checkpoint_tensor tensor = {.name = name, .type = stored->storage.type};
    TRY(shape_read(pickle, value, &tensor, err));
    size_t size = pickle_type_size(tensor.type);
    uint64_t held = storage->bytes.size / size;
    if (stored->storage.count < 0 || (uint64_t)stored->storage.count != held ||
        storage->bytes.size % size != 0)
        return refused(name, "lies in a storage of another size", err);
    if (value->tensor.offset < 0 || (uint64_t)value->tensor.offset > held ||
        tensor.count > held - (uint64_t)value->tensor.offset)
        return refused(name, "runs past its storage", err);
    tensor.bytes = storage->bytes.data + (size_t)value->tensor.offset * size;
    return checkpoint_add(reader->checkpoint, &tensor, err);
}

static enum error_code tensors_read(struct reader *reader, struct error *err)
{
    const struct pickle *pickle = &reader->checkpoint->pickle;
    const struct pickle_value *root = pickle_get(pickle, pickle->root);
    const struct pickle_value *model = pickle_lookup(pickle, root, SLICE("model"));
    if (model != NULL && model->kind == PICKLE_DICT) root = model;
    if (root->kind != PICKLE_DICT) return damaged("it holds no state dict", err);
    for (uint32_t cell = root->items.first; cell != 0;) {
        const struct pickle_cell *key = &pickle->cells[cell], *item = &pickle->cells[key->next];
        const struct pickle_value *name = pickle_get(pickle, key->value);
        if (name->kind != PICKLE_STRING) return damaged("a tensor has no name", err);
        TRY(tensor_read(reader, name->text, pickle_get(pickle, item->value), err));
        cell = item->next;
    }
    return ERR_NONE;
}

enum error_code pth_read(struct checkpoint *checkpoint, struct slice bytes, struct error *err)
{
    struct reader reader = {.checkpoint = checkpoint, .file = bytes};
    enum error_code code;
    checkpoint->aliases = true;
    if (slice_starts(bytes, MAGIC)) {
        code = stream_start(&reader, err);
    } else {
        code = zip_start(&reader, err);
        if (code == ERR_NONE) code = zip_root(&reader, err);
    }
    if (code == ERR_NONE) code = tensors_read(&reader, err);
    if (reader.zip != NULL) libzip.zip_discard(reader.zip);
    mem_free(reader.storages);
    return code;
}
