/* safetensors.h - named arrays in one file, to map and to write.
 *
 * In       8 bytes little-endian: size of the header; the header, a JSON object
 *          of name to {dtype, shape, data_offsets} and "__metadata__" of strings;
 *          then the data, without gap or overlap
 * Out      slices into the mapping
 * Bound    header BUNDLE_HEADER_MAX bytes, SAFETENSORS_MAX tensors
 * Errors   anything else than the above is refused by name
 * Memory   a mapping and the parsed header; safetensors_close gives both back
 * Threads  read-only once open
 * Source   https://github.com/huggingface/safetensors, format of version 0.3 on
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_SAFETENSORS_H
#define MODEL_SAFETENSORS_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/slice.h"

enum { SAFETENSORS_MAX = 1024, SAFETENSORS_DIMENSIONS = 4, SAFETENSORS_ALIGN = 64 };

enum safetensors_type {
    SAFETENSORS_U8,
    SAFETENSORS_I8,
    SAFETENSORS_I16,
    SAFETENSORS_U16,
    SAFETENSORS_I32,
    SAFETENSORS_U32,
    SAFETENSORS_I64,
    SAFETENSORS_U64,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_F32,
    SAFETENSORS_F64,
    SAFETENSORS_TYPES
};

struct safetensors_row {
    const char *name; /* "F32" */
    size_t size;
};
extern const struct safetensors_row safetensors_types[SAFETENSORS_TYPES];

struct safetensors_entry {
    const char *name;
    enum safetensors_type type;
    unsigned dimensions;
    size_t shape[SAFETENSORS_DIMENSIONS];
    struct slice data;
};

struct safetensors {
    struct file_map map;
    struct slice data; /* all tensors' bytes */
    struct safetensors_entry *entries;
    size_t count;
    json_t *header;
};

MUST_CHECK enum error_code safetensors_open(struct safetensors *out_file, const char *path,
                                            struct error *err);
/* The same over bytes that stay the caller's; name is for messages. */
MUST_CHECK enum error_code safetensors_parse(struct safetensors *out_file, struct slice bytes,
                                             const char *name, struct error *err);
void safetensors_close(struct safetensors *file);

/* The entry of this name, or NULL. */
const struct safetensors_entry *safetensors_find(const struct safetensors *file, const char *name);

/* A string of __metadata__, or NULL. */
const char *safetensors_meta(const struct safetensors *file, const char *key);

/* The header that safetensors_write would write, to be released; NULL when memory ends. */
json_t *safetensors_header(const json_t *metadata, const struct safetensors_entry *entries,
                           size_t count);

/* Writes a file with every tensor at a multiple of SAFETENSORS_ALIGN, padded by U8 tensors.
 * metadata is a JSON object of strings (borrowed). */
MUST_CHECK enum error_code safetensors_write(const char *path, const json_t *metadata,
                                             const struct safetensors_entry *entries, size_t count,
                                             struct error *err);

#endif
