/* snapshot.h - a training run as it stands, to go on from.
 *
 * One table of blocks says what is written and where it is read back to, so the two
 * cannot differ. The file is a bundle: it appears whole or not at all, and has a
 * checksum. Its metadata name the settings of the run and the data it learns from; a
 * run with others does not go on from it.
 *
 * Errors   a file that is damaged, or of another run, is refused and stays as it is
 * Memory   none; blocks are read into where they lie
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_SNAPSHOT_H
#define TRAIN_SNAPSHOT_H

#include "model/bundle.h"

struct snapshot_block {
    const char *name;
    enum safetensors_type type;
    size_t count;
    void *data;
};

/* Whose snapshot it is. */
struct snapshot_key {
    const char *settings; /* as people read them */
    uint64_t data;        /* a hash of what is learnt from */
};

MUST_CHECK enum error_code snapshot_write(const char *path, const struct snapshot_key *key,
                                          const struct snapshot_block *blocks, size_t count,
                                          struct error *err);

/* *out_found is false, and nothing is read, where there is no file. */
MUST_CHECK enum error_code snapshot_read(const char *path, const struct snapshot_key *key,
                                         const struct snapshot_block *blocks, size_t count,
                                         bool *out_found, struct error *err);

#endif
