/* checkpoint.c - what both formats have in common. */
// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "model/pth.h"

static enum error_code overlap_check(const struct checkpoint *checkpoint,
                                     const struct checkpoint_tensor *tensor, struct error *err)
{
    const char *start = tensor->bytes;
    const char *end = start + tensor->count * pickle_type_size(tensor->type);
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_tensor *other = &checkpoint->tensors[i];
        const char *other_end = other->bytes + other->count * pickle_type_size(other->type);
        if (slice_equal(other->name, tensor->name))
            return error_set(err, ERR_WEIGHTS, 0, "the tensor %.*s is there twice",
                             (int)tensor->name.size, tensor->name.data);
        bool alias = checkpoint->aliases && other->bytes == start && other_end == end &&
                     other->type == tensor->type;
        if (!alias && start < other_end && other->bytes < end)
            return error_set(err, ERR_WEIGHTS, 0, "the tensors %.*s and %.*s overlap",
                             (int)other->name.size, other->name.data, (int)tensor->name.size,
                             tensor->name.data);
    }
    return ERR_NONE;
}

enum error_code checkpoint_add(struct checkpoint *checkpoint,
                               const struct checkpoint_tensor *tensor, struct error *err)
{
    if (tensor->name.size == 0 || tensor->name.size > 200)
        return error_set(err, ERR_WEIGHTS, 0, "a tensor's name has %zu bytes; 1 to 200 may be",
                         tensor->name.size);
    if (checkpoint->count == CHECKPOINT_TENSORS_MAX)
        return error_set(err, ERR_WEIGHTS, 0, "there are more than %d tensors",
                         CHECKPOINT_TENSORS_MAX);
    TRY(overlap_check(checkpoint, tensor, err));
    TRY(mem_grow(&checkpoint->tensors, &checkpoint->room, checkpoint->count + 1,
                 sizeof *checkpoint->tensors, err));
    checkpoint->tensors[checkpoint->count++] = *tensor;
    return ERR_NONE;
}

/* Everything but the overlaps, which pickles need too, model/safetensors.h checks. */
static enum error_code safetensors_take(struct checkpoint *checkpoint, struct slice bytes,
                                        struct error *err)
{
    static const enum pickle_type TYPES[SAFETENSORS_TYPES] = {
        [SAFETENSORS_U8] = PICKLE_U8,   [SAFETENSORS_I8] = PICKLE_I8,
        [SAFETENSORS_I16] = PICKLE_I16, [SAFETENSORS_U16] = PICKLE_I16,
        [SAFETENSORS_I32] = PICKLE_I32, [SAFETENSORS_U32] = PICKLE_I32,
        [SAFETENSORS_I64] = PICKLE_I64, [SAFETENSORS_U64] = PICKLE_I64,
        [SAFETENSORS_F16] = PICKLE_F16, [SAFETENSORS_BF16] = PICKLE_BF16,
        [SAFETENSORS_F32] = PICKLE_F32, [SAFETENSORS_F64] = PICKLE_F64,
    };
    if (safetensors_parse(&checkpoint->safetensors, bytes, "weights", err) != ERR_NONE) {
        if (err->code == ERR_MODEL) err->code = ERR_WEIGHTS;
        return err->code;
    }
    for (size_t i = 0; i < checkpoint->safetensors.count; i++) {
        const struct safetensors_entry *entry = &checkpoint->safetensors.entries[i];
        if (strncmp(entry->name, "pad.", 4) == 0) continue; /* between the tensors of our files */
        struct checkpoint_tensor tensor = {.name = slice_of(entry->name),
                                           .type = TYPES[entry->type],
                                           .rank = entry->dimensions,
                                           .count = entry->data.size /
                                                    safetensors_types[entry->type].size,
                                           .bytes = entry->data.data};
        for (unsigned d = 0; d < entry->dimensions; d++) tensor.dims[d] = entry->shape[d];
        TRY(checkpoint_add(checkpoint, &tensor, err));
    }
    return ERR_NONE;
}

enum error_code checkpoint_read(struct checkpoint *out_checkpoint, struct slice bytes,
                                struct error *err)
{
    struct checkpoint checkpoint = {0};
    enum error_code code;
    if (pth_is(bytes))
        code = pth_read(&checkpoint, bytes, err);
    else if (bytes.size > 8 && bytes.data[8] == '{')
        code = safetensors_take(&checkpoint, bytes, err);
    else
        code = error_set(err, ERR_WEIGHTS, 0,
                         "this is neither a .pth file of torch nor a .safetensors file");
    if (code != ERR_NONE) {
        checkpoint_close(&checkpoint);
        return code;
    }
    *out_checkpoint = checkpoint;
    return ERR_NONE;
}

enum error_code checkpoint_open(struct checkpoint *out_checkpoint, const char *path,
                                struct error *err)
{
    struct file_map map = {0};
    TRY(file_map(&map, path, err));
    enum error_code code = checkpoint_read(out_checkpoint, map.bytes, err);
    if (code != ERR_NONE)
        file_unmap(&map);
    else
        out_checkpoint->map = map;
    return code;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    safetensors_close(&checkpoint->safetensors);
    pickle_close(&checkpoint->pickle);
    mem_free(checkpoint->tensors);
    mem_free(checkpoint->copy);
    if (checkpoint->map.bytes.data != NULL) file_unmap(&checkpoint->map);
    *checkpoint = (struct checkpoint){0};
}

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *checkpoint,
                                                struct slice name)
{
    for (size_t i = 0; i < checkpoint->count; i++)
        if (slice_equal(checkpoint->tensors[i].name, name)) return &checkpoint->tensors[i];
    return NULL;
}

enum error_code checkpoint_floats(const struct checkpoint_tensor *tensor, float *out,
                                  struct error *err)
{
    if (tensor->type != PICKLE_F32)
        return error_set(err, ERR_WEIGHTS, 0, "the tensor %.*s is of type %s; F32 is needed",
                         (int)tensor->name.size, tensor->name.data, pickle_type_name(tensor->type));
    if (tensor->count > 0) memcpy(out, tensor->bytes, tensor->count * sizeof *out);
    for (uint64_t i = 0; i < tensor->count; i++)
        if (!isfinite(out[i]))
            return error_set(err, ERR_WEIGHTS, 0, "the tensor %.*s holds %s at element %llu",
                             (int)tensor->name.size, tensor->name.data,
                             isnan(out[i]) ? "NaN" : "infinity", (unsigned long long)i);
    return ERR_NONE;
}
