#!/bin/sh
# The tiles of a product on NEON: tests/nn/tile_test.c cross-compiled and run by qemu-user.
set -eu
compiler=aarch64-linux-gnu-gcc
for tool in "$compiler" qemu-aarch64; do
    command -v "$tool" >/dev/null || {
        echo "$tool is not installed; see tools/deps.sh" >&2
        exit 1
    }
done
program=${TEST_TMP:-/tmp}/tile_test.arm
"$compiler" -std=gnu17 -D_GNU_SOURCE -O2 -ffp-contract=fast -fno-math-errno -Wall -Wextra -static \
    -Itests/arm -Isrc -Itests -o "$program" tests/nn/tile_test.c src/nn/tile.c \
    src/base/rng.c src/base/error.c src/base/check.c -lm
qemu-aarch64 -cpu cortex-a53 "$program"
rm -f "$program"
