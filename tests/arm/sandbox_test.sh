#!/bin/sh
# The sandbox knows where arm64 keeps the result of a refused call, and the numbers there.
set -eu
# Headers of the other architecture first; libseccomp's are the same everywhere.
aarch64-linux-gnu-gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wconversion -Werror -Isrc \
    -idirafter /usr/include -c -o /dev/null src/serve/sandbox.c
