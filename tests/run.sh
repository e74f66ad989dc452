#!/bin/sh
# Runs the test programs given, then the command-line and service tests, and ends with the
# line "N passed, N failed". $1 is the build folder.
set -u
build=$1
shift
here=$(pwd)
TEST_TMP=$here/$build/tmp
export TEST_TMP
rm -rf "$TEST_TMP"
mkdir -p "$TEST_TMP"
PROGRAM=$here/$build/air-classifier
export PROGRAM
passed=0
failed=0

try() { # try NAME COMMAND...
    name=$1
    shift
    if "$@" >"$TEST_TMP/output" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        tail -n 60 "$TEST_TMP/output"
    fi
}

for test in "$@"; do
    name=${test#"$build"/tests/}
    case $name in
    fuzz/*_fuzz) try "$name" "$here/$test" "tests/${name%_fuzz}" ;;
    *) try "$name" "$here/$test" ;;
    esac
done
for script in tests/arm/*_test.sh tests/cli/*_test.sh tests/cli/*_test.py tests/service/*_test.py; do
    [ -e "$script" ] || continue
    case $script in
    *.py) try "${script#tests/}" python3 "$script" ;;
    *) try "${script#tests/}" sh "$script" ;;
    esac
done
rm -rf "$TEST_TMP"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
