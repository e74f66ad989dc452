#!/bin/sh
# The NEON kernels: tests/nn/kernel_test.c cross-compiled and run by qemu-user, with and without
# the processor's dot-product instruction.
set -eu
compiler=aarch64-linux-gnu-gcc
for tool in "$compiler" qemu-aarch64; do
    command -v "$tool" >/dev/null || {
        echo "$tool is not installed; see tools/deps.sh" >&2
        exit 1
    }
done
program=${TEST_TMP:-/tmp}/kernel_test.arm
"$compiler" -std=gnu17 -D_GNU_SOURCE -O2 -ffp-contract=off -fno-math-errno -Wall -Wextra -static \
    -Itests/arm -Isrc -Itests -o "$program" tests/nn/kernel_test.c src/nn/kernel*.c src/nn/pack.c \
    src/base/rng.c src/base/error.c src/base/check.c -lm
for processor in cortex-a53 max; do # without and with it
    echo "== $processor"
    qemu-aarch64 -cpu "$processor" "$program"
done
rm -f "$program"
