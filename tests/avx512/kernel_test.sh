#!/bin/sh
# The AVX-512 kernel on any processor: tests/nn/kernel_test.c with the intrinsics of SIMDe, which are plain C. Its logic is
# tested, not the instructions; where the processor has those, tests/nn/kernel_test runs them.
set -eu
program=${TEST_TMP:-/tmp}/kernel_test.avx512
[ -e /usr/include/simde/x86/avx512.h ] || {
    echo "libsimde-dev is not installed; see tools/deps.sh" >&2
    exit 1
}
gcc -std=gnu17 -D_GNU_SOURCE -O2 -ffp-contract=off -fno-math-errno -Wall -Wextra -Wno-psabi \
    -Itests/avx512 -Isrc -Itests -o "$program" tests/nn/kernel_test.c src/nn/kernel*.c src/nn/pack.c \
    src/base/rng.c src/base/error.c src/base/check.c -lcmocka -lm
"$program" | tee "$program.said"
grep -q '^picked avx512$' "$program.said" # it was not left out
rm -f "$program" "$program.said"
