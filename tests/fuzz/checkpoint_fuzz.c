/* checkpoint_fuzz.c - both readers of weights on any bytes: they refuse, or every tensor can
 * be read. A first byte of 'V' reads the rest as a vocabulary. */
// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/check.h"
#include "model/load.h"
#include "model/strings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct checkpoint *checkpoint)
{
    struct error err;
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_tensor *tensor = &checkpoint->tensors[i];
        if (tensor->type != PICKLE_F32) continue;
        float *values = malloc(tensor->count * sizeof *values);
        check(values != NULL);
        if (checkpoint_floats(tensor, values, &err) != ERR_NONE) check(err.code == ERR_WEIGHTS);
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct slice bytes = {(const char *)data, size};
    if (size > 0 && data[0] == 'V') {
        struct strings strings;
        if (strings_read(&strings, slice_from(bytes, 1), "fuzz", &err) == ERR_NONE)
            strings_close(&strings);
        return 0;
    }
    struct checkpoint checkpoint;
    if (checkpoint_read(&checkpoint, bytes, &err) != ERR_NONE) return 0;
    read_all(&checkpoint);
    static struct load load;
    if (load_classifier(&load, &checkpoint, 72, 1440, &err) != ERR_NONE)
        check(err.code == ERR_WEIGHTS);
    load_close(&load);
    if (load_language(&load, &checkpoint, &err) != ERR_NONE) check(err.code == ERR_WEIGHTS);
    load_close(&load);
    checkpoint_close(&checkpoint);
    return 0;
}
