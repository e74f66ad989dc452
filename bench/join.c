/* join.c - an ensemble of any size for measurements: the network of an import beside the linear
 * member of a trained model.
 *
 * usage: join IMPORTED.air LINEAR.air OUT.air
 *
 * Labels must be the same. Their canaries are left out: neither knows what both say together. */
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "model/bundle.h"

static bool is_called(const struct safetensors_entry *entry, const char *beginning)
{
    return strncmp(entry->name, beginning, strlen(beginning)) == 0;
}

/* What `unless` has as well is left out. */
static void take(struct bundle_draft *draft, const struct bundle *from, const struct bundle *unless)
{
    for (size_t i = 0; i < from->file.count; i++) {
        const struct safetensors_entry *one = &from->file.entries[i];
        if (is_called(one, "canary.") || is_called(one, "pad.")) continue;
        if (unless != NULL && bundle_has(unless, one->name)) continue;
        size_t columns = one->dimensions > 1 ? one->shape[1] : 0;
        bundle_draft_tensor(draft, one->name, one->type, one->shape[0], columns, one->data.data);
    }
}

static enum error_code join(const char *network_path, const char *linear_path, const char *path,
                            struct error *err)
{
    static struct bundle network, linear;
    static struct bundle_draft draft;
    TRY(bundle_open(&network, network_path, err));
    TRY(bundle_open(&linear, linear_path, err));
    TRY(bundle_draft_open(&draft, err));
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(network.file.header, "__metadata__"), key, value)
        bundle_draft_meta(&draft, key, json_string_value(value));
    take(&draft, &network, &linear);
    take(&draft, &linear, NULL);
    return bundle_draft_write(&draft, path, err);
}

int main(int count, char **words)
{
    struct error err;
    if (count != 4) {
        fputs("usage: join IMPORTED.air LINEAR.air OUT.air\n", stderr);
        return EX_USAGE;
    }
    if (join(words[1], words[2], words[3], &err) == ERR_NONE) return 0;
    fprintf(stderr, "%s\n", err.detail);
    return EX_DATAERR;
}
