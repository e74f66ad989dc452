#!/bin/sh
# Grows the corpora: every fuzz target, with clang's libFuzzer and the sanitizers, for $1 seconds.
# $2 are the libraries, the rest the sources of the archive.
set -eu
seconds=$1
libraries=$2
shift 2
build=build/fuzz
mkdir -p "$build"
for target in tests/fuzz/*_fuzz.c; do
    name=$(basename "$target" _fuzz.c)
    echo "== $name"
    # shellcheck disable=SC2086 # lists of words
    clang-14 -std=gnu17 -D_GNU_SOURCE -DFUZZING -DDCHECK -Isrc -Ibuild/gen -pthread -O1 -g \
        -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$build/$name" \
        "$target" "$@" $libraries
    mkdir -p "$build/$name.corpus"
    "$build/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$build/$name." "$build/$name.corpus" "tests/fuzz/$name"
done
