/* safetensors_fuzz.c - any bytes are a file or refused; a file's tensors lie within it. */
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors file;
    struct error err;
    struct slice bytes = {(const char *)data, size};
    if (safetensors_parse(&file, bytes, "input", &err) != ERR_NONE) {
        check(err.code == ERR_MODEL && err.detail[0] != '\0');
        return 0;
    }
    size_t sum = 0;
    unsigned char read = 0;
    for (size_t i = 0; i < file.count; i++) {
        const struct safetensors_entry *entry = &file.entries[i];
        size_t items = 1;
        for (unsigned d = 0; d < entry->dimensions; d++) items *= entry->shape[d];
        check(items * safetensors_types[entry->type].size == entry->data.size);
        check(safetensors_find(&file, entry->name) == entry);
        for (size_t b = 0; b < entry->data.size; b++) read ^= (unsigned char)entry->data.data[b];
        sum += entry->data.size;
    }
    check(sum == file.data.size);
    const volatile unsigned char seen = read; /* the bytes were really read */
    (void)seen;
    safetensors_meta(&file, "format");
    safetensors_close(&file);
    return 0;
}
