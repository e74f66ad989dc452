/* pickle.c - the machine: a stack, a memo, and one small function an opcode.
 *
 * Every opcode takes at least one byte and makes at most one value and one cell
 * a stacked item, so the memory is bounded by the input. Values are numbered,
 * because lists and dicts grow after the memo has seen them. */
// SPDX-License-Identifier: Apache-2.0
#include "model/pickle.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "text/utf8.h"

struct machine {
    struct slice bytes;
    size_t at;
    struct pickle pickle;
    uint32_t *stack, *memo; /* values; 0 in the memo is empty */
    size_t stack_count, stack_room, memo_count, memo_room;
    bool stopped;
};

enum class { CLASS_ORDERED_DICT, CLASS_TENSOR, CLASS_PARAMETER, CLASS_OBJECT, CLASS_STORAGE };

/* The only classes a pickle may name. What calls one of an object makes is never looked into. */
static const struct class_row {
    const char *module, *name;
    enum class class;
    enum pickle_type type; /* of a storage */
} CLASSES[] = {
    {"collections", "OrderedDict", CLASS_ORDERED_DICT, PICKLE_TYPES},
    {"torch._utils", "_rebuild_tensor_v2", CLASS_TENSOR, PICKLE_TYPES},
    {"torch._utils", "_rebuild_parameter", CLASS_PARAMETER, PICKLE_TYPES},
    {"fastcore.foundation", "L", CLASS_OBJECT, PICKLE_TYPES},
    /* Rates of a trained optimiser are scalars of numpy, before its version 2 and since. */
    {"numpy.core.multiarray", "scalar", CLASS_OBJECT, PICKLE_TYPES},
    {"numpy._core.multiarray", "scalar", CLASS_OBJECT, PICKLE_TYPES},
    {"numpy", "dtype", CLASS_OBJECT, PICKLE_TYPES},
    {"_codecs", "encode", CLASS_OBJECT, PICKLE_TYPES},
    {"torch", "FloatStorage", CLASS_STORAGE, PICKLE_F32},
    {"torch", "DoubleStorage", CLASS_STORAGE, PICKLE_F64},
    {"torch", "HalfStorage", CLASS_STORAGE, PICKLE_F16},
    {"torch", "BFloat16Storage", CLASS_STORAGE, PICKLE_BF16},
    {"torch", "LongStorage", CLASS_STORAGE, PICKLE_I64},
    {"torch", "IntStorage", CLASS_STORAGE, PICKLE_I32},
    {"torch", "ShortStorage", CLASS_STORAGE, PICKLE_I16},
    {"torch", "CharStorage", CLASS_STORAGE, PICKLE_I8},
    {"torch", "ByteStorage", CLASS_STORAGE, PICKLE_U8},
    {"torch", "BoolStorage", CLASS_STORAGE, PICKLE_BOOLS},
};

static const struct {
    const char *name;
    size_t size;
} TYPES[PICKLE_TYPES] = {
    [PICKLE_F32] = {"F32", 4},    [PICKLE_F64] = {"F64", 8}, [PICKLE_F16] = {"F16", 2},
    [PICKLE_BF16] = {"BF16", 2},  [PICKLE_I64] = {"I64", 8}, [PICKLE_I32] = {"I32", 4},
    [PICKLE_I16] = {"I16", 2},    [PICKLE_I8] = {"I8", 1},   [PICKLE_U8] = {"U8", 1},
    [PICKLE_BOOLS] = {"BOOL", 1},
};

const char *pickle_type_name(enum pickle_type type) { return TYPES[type].name; }
size_t pickle_type_size(enum pickle_type type) { return TYPES[type].size; }

static enum error_code broken(const struct machine *machine, const char *what, struct error *err)
{
    return error_set(err, ERR_WEIGHTS, 0, "the pickle is damaged at byte %zu: %s", machine->at,
                     what);
}

/* Numbers and strings of the stream */

static enum error_code take(struct machine *machine, size_t size, const uint8_t **out_bytes,
                            struct error *err)
{
    if (size > machine->bytes.size - machine->at) return broken(machine, "it ends early", err);
    *out_bytes = (const uint8_t *)machine->bytes.data + machine->at;
    machine->at += size;
    return ERR_NONE;
}

/* Little-endian, unsigned, up to 8 bytes. */
static enum error_code number(struct machine *machine, size_t size, uint64_t *out_number,
                              struct error *err)
{
    const uint8_t *bytes = NULL;
    TRY(take(machine, size, &bytes, err));
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value |= (uint64_t)bytes[i] << (8 * i);
    *out_number = value;
    return ERR_NONE;
}

static enum error_code line(struct machine *machine, struct slice *out_line, struct error *err)
{
    struct slice rest = slice_from(machine->bytes, machine->at);
    const char *end = rest.size == 0 ? NULL : memchr(rest.data, '\n', rest.size);
    if (end == NULL) return broken(machine, "it ends early", err);
    *out_line = (struct slice){rest.data, (size_t)(end - rest.data)};
    machine->at += out_line->size + 1;
    return ERR_NONE;
}

/* Values, cells, stack, memo */

static enum error_code make(struct machine *machine, struct pickle_value value, uint32_t *out_value,
                            struct error *err)
{
    struct pickle *pickle = &machine->pickle;
    if (pickle->values_count == UINT32_MAX) return broken(machine, "too many values", err);
    TRY(mem_grow(&pickle->values, &pickle->values_room, pickle->values_count + 1,
                 sizeof *pickle->values, err));
    *out_value = (uint32_t)pickle->values_count;
    pickle->values[pickle->values_count++] = value;
    return ERR_NONE;
}

static enum error_code push_value(struct machine *machine, uint32_t value, struct error *err)
{
    TRY(mem_grow(&machine->stack, &machine->stack_room, machine->stack_count + 1,
                 sizeof *machine->stack, err));
    machine->stack[machine->stack_count++] = value;
    return ERR_NONE;
}

static enum error_code push(struct machine *machine, struct pickle_value value, struct error *err)
{
    uint32_t made = 0;
    TRY(make(machine, value, &made, err));
    return push_value(machine, made, err);
}

static struct pickle_value *value_of(struct machine *machine, uint32_t value)
{
    return &machine->pickle.values[value];
}

/* The topmost value, which must not be a mark. */
static enum error_code top(struct machine *machine, uint32_t *out_value, struct error *err)
{
    if (machine->stack_count == 0) return broken(machine, "its stack is empty", err);
    uint32_t value = machine->stack[machine->stack_count - 1];
    if (value_of(machine, value)->kind == PICKLE_MARK)
        return broken(machine, "a value is missing", err);
    *out_value = value;
    return ERR_NONE;
}

static enum error_code pop(struct machine *machine, uint32_t *out_value, struct error *err)
{
    TRY(top(machine, out_value, err));
    machine->stack_count--;
    return ERR_NONE;
}

static enum error_code append(struct machine *machine, uint32_t container, uint32_t value,
                              struct error *err)
{
    struct pickle *pickle = &machine->pickle;
    if (pickle->cells_count == UINT32_MAX) return broken(machine, "too many items", err);
    TRY(mem_grow(&pickle->cells, &pickle->cells_room, pickle->cells_count + 1,
                 sizeof *pickle->cells, err));
    uint32_t cell = (uint32_t)pickle->cells_count++;
    pickle->cells[cell] = (struct pickle_cell){.value = value};
    struct pickle_value *owner = &pickle->values[container];
    if (owner->items.first == 0)
        owner->items.first = cell;
    else
        pickle->cells[owner->items.last].next = cell;
    owner->items.last = cell;
    owner->items.count++;
    return ERR_NONE;
}

/* Moves what lies above stack place `from` into a container. */
static enum error_code gather(struct machine *machine, uint32_t container, size_t from,
                              struct error *err)
{
    for (size_t i = from; i < machine->stack_count; i++) {
        if (value_of(machine, machine->stack[i])->kind == PICKLE_MARK)
            return broken(machine, "a mark inside a collection", err);
        TRY(append(machine, container, machine->stack[i], err));
    }
    machine->stack_count = from;
    return ERR_NONE;
}

/* The stack place above the last mark. */
static enum error_code marked(struct machine *machine, size_t *out_place, struct error *err)
{
    for (size_t place = machine->stack_count; place > 0; place--)
        if (value_of(machine, machine->stack[place - 1])->kind == PICKLE_MARK) {
            *out_place = place;
            return ERR_NONE;
        }
    return broken(machine, "a mark is missing", err);
}

static enum error_code memo_put(struct machine *machine, uint64_t index, struct error *err)
{
    uint32_t value = 0;
    TRY(top(machine, &value, err));
    /* Writers number the memo one by one; a number beyond the bytes is a bomb. */
    if (index >= machine->bytes.size) return broken(machine, "a memo number is too large", err);
    size_t old = machine->memo_room;
    TRY(mem_grow(&machine->memo, &machine->memo_room, (size_t)index + 1, sizeof *machine->memo,
                 err));
    if (machine->memo_room > old)
        memset(machine->memo + old, 0, (machine->memo_room - old) * sizeof *machine->memo);
    machine->memo[index] = value;
    return ERR_NONE;
}

static enum error_code memo_get(struct machine *machine, uint64_t index, struct error *err)
{
    if (index >= machine->memo_room || machine->memo[index] == 0)
        return broken(machine, "an empty memo is read", err);
    return push_value(machine, machine->memo[index], err);
}

/* Classes and what their calls make */

static enum error_code class_push(struct machine *machine, struct slice module, struct slice name,
                                  struct error *err)
{
    for (size_t row = 0; row < sizeof CLASSES / sizeof *CLASSES; row++)
        if (slice_equal(module, slice_of(CLASSES[row].module)) &&
            slice_equal(name, slice_of(CLASSES[row].name)))
            return push(machine,
                        (struct pickle_value){.kind = PICKLE_CLASS, .integer = (int64_t)row}, err);
    return error_set(err, ERR_WEIGHTS, 0,
                     "the pickle names the class %.*s.%.*s, which weights do not need",
                     (int)(module.size < 80 ? module.size : 80), module.data,
                     (int)(name.size < 80 ? name.size : 80), name.data);
}

static const struct class_row *class_of(const struct pickle_value *value)
{
    return value->kind == PICKLE_CLASS ? &CLASSES[value->integer] : NULL;
}

static bool item_is(const struct pickle *pickle, const struct pickle_value *tuple, size_t at,
                    enum pickle_kind kind)
{
    const struct pickle_value *item = pickle_item(pickle, tuple, at);
    return item != NULL && item->kind == kind;
}

static uint32_t item_number(const struct pickle *pickle, const struct pickle_value *item)
{
    return (uint32_t)(item - pickle->values);
}

/* (storage, offset, shape, strides, ...) */
static enum error_code call_tensor(struct machine *machine, const struct pickle_value *args,
                                   struct error *err)
{
    const struct pickle *pickle = &machine->pickle;
    if (!item_is(pickle, args, 0, PICKLE_STORAGE) || !item_is(pickle, args, 1, PICKLE_INT) ||
        !item_is(pickle, args, 2, PICKLE_TUPLE) || !item_is(pickle, args, 3, PICKLE_TUPLE))
        return broken(machine, "a tensor is not built as torch builds it", err);
    struct pickle_value tensor = {.kind = PICKLE_TENSOR};
    tensor.tensor.storage = item_number(pickle, pickle_item(pickle, args, 0));
    tensor.tensor.offset = pickle_item(pickle, args, 1)->integer;
    tensor.tensor.shape = item_number(pickle, pickle_item(pickle, args, 2));
    tensor.tensor.strides = item_number(pickle, pickle_item(pickle, args, 3));
    return push(machine, tensor, err);
}

static enum error_code call(struct machine *machine, struct error *err)
{
    uint32_t args_at = 0, callee_at = 0;
    TRY(pop(machine, &args_at, err));
    TRY(pop(machine, &callee_at, err));
    const struct pickle_value args = *value_of(machine, args_at);
    const struct class_row *row = class_of(value_of(machine, callee_at));
    if (row == NULL || args.kind != PICKLE_TUPLE) return broken(machine, "a call of no class", err);
    if (row->class == CLASS_ORDERED_DICT && args.items.count == 0)
        return push(machine, (struct pickle_value){.kind = PICKLE_DICT}, err);
    if (row->class == CLASS_TENSOR) return call_tensor(machine, &args, err);
    if (row->class == CLASS_PARAMETER && item_is(&machine->pickle, &args, 0, PICKLE_TENSOR))
        return push_value(
            machine, item_number(&machine->pickle, pickle_item(&machine->pickle, &args, 0)), err);
    if (row->class == CLASS_OBJECT)
        return push(machine, (struct pickle_value){.kind = PICKLE_OBJECT}, err);
    return error_set(err, ERR_WEIGHTS, 0, "the pickle calls %s.%s in a way weights do not need",
                     row->module, row->name);
}

/* ('storage', class, key, place, count, ...): where a tensor's bytes are. */
static enum error_code persistent(struct machine *machine, struct error *err)
{
    uint32_t at = 0;
    TRY(pop(machine, &at, err));
    const struct pickle *pickle = &machine->pickle;
    const struct pickle_value *id = value_of(machine, at);
    const struct class_row *row =
        item_is(pickle, id, 1, PICKLE_CLASS) ? class_of(pickle_item(pickle, id, 1)) : NULL;
    if (!item_is(pickle, id, 0, PICKLE_STRING) ||
        !slice_equal(pickle_item(pickle, id, 0)->text, SLICE("storage")) || row == NULL ||
        row->class != CLASS_STORAGE || !item_is(pickle, id, 2, PICKLE_STRING) ||
        !item_is(pickle, id, 4, PICKLE_INT))
        return broken(machine, "a storage is not named as torch names it", err);
    struct pickle_value storage = {.kind = PICKLE_STORAGE};
    storage.storage.type = row->type;
    storage.storage.key = item_number(pickle, pickle_item(pickle, id, 2));
    storage.storage.count = pickle_item(pickle, id, 4)->integer;
    return push(machine, storage, err);
}

/* Opcodes */

static enum error_code op_number(struct machine *machine, uint8_t size, struct error *err)
{
    uint64_t value = 0;
    TRY(number(machine, size, &value, err));
    int64_t integer = size == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
    return push(machine, (struct pickle_value){.kind = PICKLE_INT, .integer = integer}, err);
}

/* A length of one byte, then as many bytes of two's complement. */
static enum error_code op_long(struct machine *machine, uint8_t size, struct error *err)
{
    uint64_t length = 0, value = 0;
    TRY(number(machine, size, &length, err));
    if (length > 8) return broken(machine, "a number beyond 64 bits", err);
    TRY(number(machine, (size_t)length, &value, err));
    unsigned spare = 64 - 8 * (unsigned)length;
    int64_t integer = length == 0 ? 0 : (int64_t)(value << spare) >> spare;
    return push(machine, (struct pickle_value){.kind = PICKLE_INT, .integer = integer}, err);
}

static enum error_code op_float(struct machine *machine, uint8_t size, struct error *err)
{
    uint64_t bits = 0;
    TRY(number(machine, size, &bits, err));
    bits = __builtin_bswap64(bits);
    struct pickle_value value = {.kind = PICKLE_FLOAT};
    memcpy(&value.real, &bits, sizeof value.real);
    return push(machine, value, err);
}

static enum error_code op_string(struct machine *machine, uint8_t size, struct error *err)
{
    uint64_t length = 0;
    const uint8_t *bytes = NULL;
    TRY(number(machine, size, &length, err));
    TRY(take(machine, (size_t)length, &bytes, err));
    struct slice text = {(const char *)bytes, (size_t)length};
    size_t bad = 0;
    if (!utf8_valid(text, &bad)) return broken(machine, "a string is not UTF-8", err);
    return push(machine, (struct pickle_value){.kind = PICKLE_STRING, .text = text}, err);
}

static enum error_code op_constant(struct machine *machine, uint8_t kind, struct error *err)
{
    return push(machine, (struct pickle_value){.kind = (enum pickle_kind)kind}, err);
}

static enum error_code op_bool(struct machine *machine, uint8_t truth, struct error *err)
{
    return push(machine, (struct pickle_value){.kind = PICKLE_BOOL, .integer = truth}, err);
}

/* The topmost `count` values, or all above the mark, become a tuple. */
static enum error_code op_tuple(struct machine *machine, uint8_t count, struct error *err)
{
    uint32_t tuple = 0;
    size_t from = 0;
    if (count == 0)
        TRY(marked(machine, &from, err));
    else if (machine->stack_count < count)
        return broken(machine, "its stack is empty", err);
    else
        from = machine->stack_count - count;
    TRY(make(machine, (struct pickle_value){.kind = PICKLE_TUPLE}, &tuple, err));
    TRY(gather(machine, tuple, from, err));
    if (count == 0) machine->stack_count--; /* the mark */
    return push_value(machine, tuple, err);
}

/* The topmost `count` values, or all above the mark, go into the collection
 * below them, a list or a dict as `wanted` says. */
static enum error_code add(struct machine *machine, size_t count, enum pickle_kind wanted,
                           struct error *err)
{
    size_t from = 0;
    if (count == 0)
        TRY(marked(machine, &from, err));
    else
        from = machine->stack_count < count ? 0 : machine->stack_count - count;
    size_t owner_at = count == 0 ? from - 1 : from;
    if (owner_at == 0) return broken(machine, "its stack is empty", err);
    uint32_t owner = machine->stack[owner_at - 1];
    if (value_of(machine, owner)->kind != wanted)
        return broken(machine, "items for something that is no collection", err);
    if (wanted == PICKLE_DICT && (machine->stack_count - from) % 2 != 0)
        return broken(machine, "a key without a value", err);
    TRY(gather(machine, owner, from, err));
    machine->stack_count = owner_at;
    return ERR_NONE;
}

static enum error_code op_append(struct machine *machine, uint8_t count, struct error *err)
{
    return add(machine, count, PICKLE_LIST, err);
}

static enum error_code op_set(struct machine *machine, uint8_t count, struct error *err)
{
    return add(machine, count, PICKLE_DICT, err);
}

static enum error_code op_put(struct machine *machine, uint8_t size, struct error *err)
{
    uint64_t index = machine->memo_count;
    if (size > 0) TRY(number(machine, size, &index, err));
    machine->memo_count++;
    return memo_put(machine, index, err);
}

static enum error_code op_get(struct machine *machine, uint8_t size, struct error *err)
{
    uint64_t index = 0;
    TRY(number(machine, size, &index, err));
    return memo_get(machine, index, err);
}

static enum error_code op_global(struct machine *machine, uint8_t on_stack, struct error *err)
{
    struct slice module = {0}, name = {0};
    if (!on_stack) {
        TRY(line(machine, &module, err));
        TRY(line(machine, &name, err));
        return class_push(machine, module, name, err);
    }
    uint32_t name_at = 0, module_at = 0;
    TRY(pop(machine, &name_at, err));
    TRY(pop(machine, &module_at, err));
    const struct pickle_value *names = value_of(machine, name_at);
    const struct pickle_value *modules = value_of(machine, module_at);
    if (names->kind != PICKLE_STRING || modules->kind != PICKLE_STRING)
        return broken(machine, "a class without a name", err);
    return class_push(machine, modules->text, names->text, err);
}

static enum error_code op_call(struct machine *machine, uint8_t unused, struct error *err)
{
    (void)unused;
    return call(machine, err);
}

/* The state of a dict is torch's _metadata; that of an object nobody needs. */
static enum error_code op_build(struct machine *machine, uint8_t unused, struct error *err)
{
    (void)unused;
    uint32_t state = 0, owner = 0;
    TRY(pop(machine, &state, err));
    TRY(top(machine, &owner, err));
    enum pickle_kind kind = value_of(machine, owner)->kind;
    if (kind != PICKLE_DICT && kind != PICKLE_OBJECT)
        return broken(machine, "a state for something that has none", err);
    return ERR_NONE;
}

static enum error_code op_persistent(struct machine *machine, uint8_t unused, struct error *err)
{
    (void)unused;
    return persistent(machine, err);
}

static enum error_code op_skip(struct machine *machine, uint8_t size, struct error *err)
{
    const uint8_t *bytes = NULL;
    return take(machine, size, &bytes, err);
}

static enum error_code op_stop(struct machine *machine, uint8_t unused, struct error *err)
{
    (void)unused;
    TRY(pop(machine, &machine->pickle.root, err));
    machine->stopped = true;
    return ERR_NONE;
}

static const struct {
    uint8_t code, argument;
    enum error_code (*run)(struct machine *machine, uint8_t argument, struct error *err);
} OPCODES[] = {
    {0x80, 1, op_skip},               /* PROTO */
    {0x95, 8, op_skip},               /* FRAME */
    {'.', 0, op_stop},                /* STOP */
    {'(', PICKLE_MARK, op_constant},  /* MARK */
    {'N', PICKLE_NONE, op_constant},  /* NONE */
    {']', PICKLE_LIST, op_constant},  /* EMPTY_LIST */
    {'}', PICKLE_DICT, op_constant},  /* EMPTY_DICT */
    {')', PICKLE_TUPLE, op_constant}, /* EMPTY_TUPLE */
    {0x88, 1, op_bool},               /* NEWTRUE */
    {0x89, 0, op_bool},               /* NEWFALSE */
    {'K', 1, op_number},              /* BININT1 */
    {'M', 2, op_number},              /* BININT2 */
    {'J', 4, op_number},              /* BININT */
    {0x8a, 1, op_long},               /* LONG1 */
    {'G', 8, op_float},               /* BINFLOAT */
    {'X', 4, op_string},              /* BINUNICODE */
    {0x8c, 1, op_string},             /* SHORT_BINUNICODE */
    {'t', 0, op_tuple},               /* TUPLE */
    {0x85, 1, op_tuple},              /* TUPLE1 */
    {0x86, 2, op_tuple},              /* TUPLE2 */
    {0x87, 3, op_tuple},              /* TUPLE3 */
    {'a', 1, op_append},              /* APPEND */
    {'e', 0, op_append},              /* APPENDS */
    {'s', 2, op_set},                 /* SETITEM */
    {'u', 0, op_set},                 /* SETITEMS */
    {'q', 1, op_put},                 /* BINPUT */
    {'r', 4, op_put},                 /* LONG_BINPUT */
    {0x94, 0, op_put},                /* MEMOIZE */
    {'h', 1, op_get},                 /* BINGET */
    {'j', 4, op_get},                 /* LONG_BINGET */
    {'c', false, op_global},          /* GLOBAL */
    {0x93, true, op_global},          /* STACK_GLOBAL */
    {'R', 0, op_call},                /* REDUCE */
    {0x81, 0, op_call},               /* NEWOBJ */
    {'b', 0, op_build},               /* BUILD */
    {'Q', 0, op_persistent},          /* BINPERSID */
};

static enum error_code run_one(struct machine *machine, struct error *err)
{
    uint64_t code = 0;
    TRY(number(machine, 1, &code, err));
    for (size_t row = 0; row < sizeof OPCODES / sizeof *OPCODES; row++)
        if (OPCODES[row].code == code) return OPCODES[row].run(machine, OPCODES[row].argument, err);
    return error_set(err, ERR_WEIGHTS, 0,
                     "the pickle holds the opcode 0x%02x at byte %zu, which weights do not need",
                     (unsigned)code, machine->at - 1);
}

/* Number 0 of values and cells means "none". */
static enum error_code run(struct machine *machine, struct error *err)
{
    uint32_t none = 0;
    TRY(make(machine, (struct pickle_value){.kind = PICKLE_NONE}, &none, err));
    TRY(mem_grow(&machine->pickle.cells, &machine->pickle.cells_room, 1,
                 sizeof *machine->pickle.cells, err));
    machine->pickle.cells[0] = (struct pickle_cell){0};
    machine->pickle.cells_count = 1;
    while (!machine->stopped) TRY(run_one(machine, err));
    return ERR_NONE;
}

enum error_code pickle_read(struct slice bytes, struct pickle *out_pickle, size_t *out_used,
                            struct error *err)
{
    struct machine machine = {.bytes = bytes};
    enum error_code code = run(&machine, err);
    mem_free(machine.stack);
    mem_free(machine.memo);
    if (code != ERR_NONE) {
        pickle_close(&machine.pickle);
        return code;
    }
    *out_pickle = machine.pickle;
    *out_used = machine.at;
    return ERR_NONE;
}

void pickle_close(struct pickle *pickle)
{
    mem_free(pickle->values);
    mem_free(pickle->cells);
    *pickle = (struct pickle){0};
}

const struct pickle_value *pickle_item(const struct pickle *pickle,
                                       const struct pickle_value *container, size_t at)
{
    if (container->kind != PICKLE_TUPLE && container->kind != PICKLE_LIST) return NULL;
    uint32_t cell = container->items.first;
    for (; cell != 0 && at > 0; at--) cell = pickle->cells[cell].next;
    return cell == 0 ? NULL : &pickle->values[pickle->cells[cell].value];
}

const struct pickle_value *pickle_lookup(const struct pickle *pickle,
                                         const struct pickle_value *dict, struct slice key)
{
    if (dict->kind != PICKLE_DICT) return NULL;
    for (uint32_t cell = dict->items.first; cell != 0;) {
        const struct pickle_cell *at = &pickle->cells[cell];
        const struct pickle_value *name = &pickle->values[at->value];
        const struct pickle_cell *value = &pickle->cells[at->next];
        if (name->kind == PICKLE_STRING && slice_equal(name->text, key))
            return &pickle->values[value->value];
        cell = value->next;
    }
    return NULL;
}
