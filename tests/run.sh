#!/bin/sh
# Runs the test programs given, then the command-line and service tests, as many at a time as there are cores, each with a
# folder of its own, and ends with the line "N passed, N failed". $1 is the build folder. Called as `run.sh --one NAME COMMAND...`
# it runs one of them and tells how it went. RUNNER is an emulator to run the program and its tests by; the service, which needs the kernel
# itself, is not tested then.
set -u

if [ "$1" = --one ]; then
    name=$2
    shift 2
    TEST_TMP=$TEST_TMP/$(echo "$name" | tr / -)
    mkdir -p "$TEST_TMP"
    begun=$(date +%s)
    # Told in one piece, for others tell of theirs at the same time.
    if "$@" >"$TEST_TMP.output" 2>&1; then
        printf 'ok      %s, %s s\n' "$name" $(($(date +%s) - begun))
    else
        printf 'FAILED  %s\n%s\n' "$name" "$(tail -n 60 "$TEST_TMP.output")"
    fi
    rm -rf "$TEST_TMP"
    exit 0
fi

build=$1 RUNNER=${RUNNER:-}
shift
here=$(pwd)
TEST_TMP=$here/$build/tmp
PROGRAM=$here/$build/air-classifier
rm -rf "$TEST_TMP"
mkdir -p "$TEST_TMP"
scripts='tests/arm/*_test.sh tests/avx512/*_test.sh tests/cli/*_test.sh tests/cli/*_test.py tests/service/*_test.py'
if [ -n "$RUNNER" ]; then
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$RUNNER" "$PROGRAM" >"$here/$build/emulated"
    chmod +x "$here/$build/emulated"
    PROGRAM=$here/$build/emulated TEST_EMULATED=1
    export TEST_EMULATED
    scripts='tests/cli/*_test.sh tests/cli/*_test.py'
fi
export TEST_TMP PROGRAM

list() { # one test a line: its name, and the command that runs it
    for test in "$@"; do
        name=${test#"$build"/tests/}
        case $name in
        fuzz/*_fuzz) echo "$name $RUNNER $here/$test tests/${name%_fuzz}" ;;
        *) echo "$name $RUNNER $here/$test" ;;
        esac
    done
    for script in $scripts; do
        case $script in
        *.py) echo "${script#tests/} python3 $script" ;;
        *) echo "${script#tests/} sh $script" ;;
        esac
    done
}

list "$@" | xargs -L 1 -P "$(nproc)" sh tests/run.sh --one | tee "$build/tests.log"
passed=$(grep -c '^ok  ' "$build/tests.log")
failed=$(grep -c '^FAILED  ' "$build/tests.log")
total=$(list "$@" | wc -l)
rm -rf "$TEST_TMP"
# One that was killed told nothing.
echo "$passed passed, $((total - passed)) failed"
[ "$failed" -eq 0 ] && [ "$passed" -eq "$total" ]
