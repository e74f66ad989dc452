/* snapshot.c - blocks as tensors of a bundle. */
// SPDX-License-Identifier: Apache-2.0
#include "train/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HASH_TEXT = 17 };

static void write_hash(char out[HASH_TEXT], uint64_t hash)
{
    snprintf(out, HASH_TEXT, "%016" PRIx64, hash);
}

enum error_code snapshot_write(const char *path, const struct snapshot_key *key,
                               const struct snapshot_block *blocks, size_t count, struct error *err)
{
    char hash[HASH_TEXT];
    struct bundle_draft draft;
    TRY(bundle_draft_open(&draft, err));
    write_hash(hash, key->data);
    bundle_draft_meta(&draft, "settings", key->settings);
    bundle_draft_meta(&draft, "data", hash);
    for (size_t i = 0; i < count; i++)
        bundle_draft_tensor(&draft, blocks[i].name, blocks[i].type, blocks[i].count, 0,
                            blocks[i].data);
    enum error_code code = bundle_draft_write(&draft, path, err);
    bundle_draft_close(&draft);
    return code;
}

/* Where the first setting begins that the two do not share: both are lists with commas. */
static size_t differing(const char *a, const char *b)
{
    size_t begin = 0;
    for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++)
        if (a[i] == ' ' && i > 0 && a[i - 1] == ',') begin = i + 1;
    return begin;
}

static enum error_code check_key(const struct bundle *bundle, const char *path,
                                 const struct snapshot_key *key, struct error *err)
{
    char hash[HASH_TEXT];
    const char *settings = bundle_meta(bundle, "settings");
    write_hash(hash, key->data);
    if (strcmp(settings, key->settings) != 0) {
        size_t begin = differing(settings, key->settings);
        return error_set(err, ERR_USAGE, 0,
                         "%s is of a run with other settings: '%.120s', and now '%.120s'; give the "
                         "same ones, or remove it",
                         path, settings + begin, key->settings + begin);
    }
    if (strcmp(bundle_meta(bundle, "data"), hash) != 0)
        return error_set(err, ERR_USAGE, 0,
                         "%s is of a run that learnt from other texts, or began from another "
                         "model; give the same ones, or remove it",
                         path);
    return ERR_NONE;
}

enum error_code snapshot_read(const char *path, const struct snapshot_key *key,
                              const struct snapshot_block *blocks, size_t count, bool *out_found,
                              struct error *err)
{
    struct bundle bundle;
    if (access(path, F_OK) != 0) {
        *out_found = false;
        return ERR_NONE;
    }
    TRY(bundle_open(&bundle, path, err));
    enum error_code code = check_key(&bundle, path, key, err);
    /* All are looked at before the first is read: a run begun from halves would be neither. */
    for (int pass = 0; pass < 2 && code == ERR_NONE; pass++)
        for (size_t i = 0; i < count && code == ERR_NONE; i++) {
            const void *data;
            size_t size = safetensors_types[blocks[i].type].size;
            code = bundle_tensor(&bundle, blocks[i].name, blocks[i].type, blocks[i].count, 0, &data,
                                 err);
            if (code == ERR_NONE && pass == 1) memcpy(blocks[i].data, data, blocks[i].count * size);
        }
    bundle_close(&bundle);
    if (code == ERR_NONE) *out_found = true;
    return code;
}
