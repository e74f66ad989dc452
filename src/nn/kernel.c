/* kernel.c - the list of kernels, and which of them runs here. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/kernel.h"

#include <string.h>

static const struct kernel *const KERNELS[] = {
#if defined __x86_64__
    &kernel_avx512, &kernel_avx2,
#elif defined __aarch64__
    &kernel_dot, &kernel_neon,
#endif
    &kernel_plain};

const struct kernel *kernel_at(size_t index)
{
    return index < sizeof KERNELS / sizeof *KERNELS ? KERNELS[index] : NULL;
}

enum error_code kernel_pick(const char *name, const struct kernel **out_kernel, struct error *err)
{
    for (size_t i = 0; kernel_at(i) != NULL; i++) {
        const struct kernel *kernel = kernel_at(i);
        if (name != NULL && strcmp(name, kernel->name) != 0) continue;
        if (kernel->here()) {
            *out_kernel = kernel;
            return ERR_NONE;
        }
        if (name != NULL)
            return error_set(err, ERR_UNAVAILABLE, 0, "this processor cannot run the kernel %s",
                             name);
    }
    return error_set(err, ERR_USAGE, 0, "there is no kernel %s for this kind of processor", name);
}
