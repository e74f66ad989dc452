/* pickle.h - a closed reader of Python pickles: state dicts and lists, nothing else.
 *
 * Knows the opcodes that torch and fastai write for state dicts and
 * vocabularies, and the classes listed in pickle.c. Everything else is refused
 * by name. Nothing is ever executed: a "call" of a known class makes a value.
 *
 * In      bytes that hold at least one pickle
 * Out     a graph of values; value 0 is unused, the root is `root`
 * Bound   values, cells and memo grow with the input's bytes at most; no recursion
 * Memory  heap; pickle_close frees it. Strings point into the input
 * Threads one a struct
 * Source  Python's pickletools (opcodes), torch.serialization (persistent ids)
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_PICKLE_H
#define MODEL_PICKLE_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_STRING,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT, /* cells: key, value, key, value, ... */
    PICKLE_CLASS,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_OBJECT, /* of a class whose content nobody needs */
    PICKLE_MARK,   /* on the stack only */
};

/* What an element of a storage is. */
enum pickle_type {
    PICKLE_F32,
    PICKLE_F64,
    PICKLE_F16,
    PICKLE_BF16,
    PICKLE_I64,
    PICKLE_I32,
    PICKLE_I16,
    PICKLE_I8,
    PICKLE_U8,
    PICKLE_BOOLS,
    PICKLE_TYPES
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        int64_t integer; /* INT, BOOL; row of the table of classes for CLASS */
        double real;
        struct slice text;
        struct {
            uint32_t first, last, count; /* cells */
        } items;
        struct {
            enum pickle_type type;
            uint32_t key;  /* a string: the name of the bytes */
            int64_t count; /* of elements */
        } storage;
        struct {
            uint32_t storage, shape, strides; /* values */
            int64_t offset;                   /* in elements */
        } tensor;
    };
};

struct pickle_cell {
    uint32_t value, next; /* next 0 is the end */
};

struct pickle {
    uint32_t root;
    struct pickle_value *values;
    struct pickle_cell *cells;
    size_t values_count, values_room, cells_count, cells_room;
};

/* Reads the first pickle of bytes; out_used says where it ends. */
MUST_CHECK enum error_code pickle_read(struct slice bytes, struct pickle *out_pickle,
                                       size_t *out_used, struct error *err);
void pickle_close(struct pickle *pickle);

/* "F32", and its bytes. */
const char *pickle_type_name(enum pickle_type type);
size_t pickle_type_size(enum pickle_type type);

static inline const struct pickle_value *pickle_get(const struct pickle *pickle, uint32_t value)
{
    return &pickle->values[value];
}

/* The item at a place of a tuple or list; NULL beyond its end. */
const struct pickle_value *pickle_item(const struct pickle *pickle,
                                       const struct pickle_value *container, size_t at);

/* The value of a key that is a string; NULL where there is none. */
const struct pickle_value *pickle_lookup(const struct pickle *pickle,
                                         const struct pickle_value *dict, struct slice key);

#endif
