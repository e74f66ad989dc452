/* checkpoint.h - named tensors as other programs saved them.
 *
 * One view of torch's .pth files (the zip, and the stream written before torch
 * 1.6) and of .safetensors; which of them it is, the first bytes tell. Every
 * name, shape, type and range has been checked when it is open: a tensor listed
 * lies within its bytes, is row-major, and overlaps no other but an alias.
 *
 * Bound   CHECKPOINT_TENSORS_MAX tensors of at most 4 dimensions
 * Memory  safetensors and the stream are mapped; a zip's members are copied
 * Threads one a struct
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_CHECKPOINT_H
#define MODEL_CHECKPOINT_H

#include "base/file.h"
#include "model/pickle.h"
#include "model/safetensors.h"

enum { CHECKPOINT_TENSORS_MAX = 4096, CHECKPOINT_RANK_MAX = 4 };

struct checkpoint_tensor {
    struct slice name;
    enum pickle_type type;
    unsigned rank;
    uint64_t dims[CHECKPOINT_RANK_MAX];
    uint64_t count;    /* of elements */
    const char *bytes; /* little-endian, not aligned */
};

struct checkpoint {
    struct file_map map;
    struct checkpoint_tensor *tensors;
    size_t count, room;
    bool aliases;         /* may one storage have several names? */
    struct pickle pickle; /* owns the names of a .pth */
    char *copy;           /* of a zip's members */
    size_t copy_used, copy_size;
    struct safetensors safetensors;
};

MUST_CHECK enum error_code checkpoint_open(struct checkpoint *out_checkpoint, const char *path,
                                           struct error *err);
/* The same on bytes in memory that outlive the checkpoint. */
MUST_CHECK enum error_code checkpoint_read(struct checkpoint *out_checkpoint, struct slice bytes,
                                           struct error *err);
void checkpoint_close(struct checkpoint *checkpoint);

/* NULL where there is no tensor of that name. */
const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *checkpoint,
                                                struct slice name);

/* The values of an F32 tensor; NaN and infinity are refused by name. */
MUST_CHECK enum error_code checkpoint_floats(const struct checkpoint_tensor *tensor, float *out,
                                             struct error *err);

/* For the readers: takes up a tensor after checking its size, or refuses it. The
 * range is that of the storage it lies in. */
MUST_CHECK enum error_code checkpoint_add(struct checkpoint *checkpoint,
                                          const struct checkpoint_tensor *tensor,
                                          struct error *err);

#endif
