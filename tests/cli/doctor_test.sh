#!/bin/sh
# The doctor's commands from outside: exit statuses, operands, pipes, another user's process.
set -eu
program=${PROGRAM:-build/air-classifier}
trees=tests/doctor/trees
folder=$(mktemp -d "${TEST_TMP:-/tmp}/doctor.XXXXXX")
chmod 755 "$folder"

fails() { # fails STATUS TEXT ARGUMENTS...
    wanted=$1 text=$2
    shift 2
    got=0
    "$program" doctor "$@" >"$folder/out" 2>&1 || got=$?
    if [ "$got" -ne "$wanted" ] || ! grep -q -- "$text" "$folder/out"; then
        echo "doctor $*: exit status $got, wanted $wanted and '$text' in:"
        cat "$folder/out"
        exit 1
    fi
}

# 0 nothing found, 1 warnings, 2 a cause; the tree's, not this machine's.
fails 0 'fine' --root $trees/bare
fails 1 'memory limit' --root $trees/nested
fails 2 'were killed' --root $trees/kubernetes
fails 2 'ENOMEM' fork --root $trees/incident-mode0-old --simulate 6GiB --workers 1
fails 1 'would succeed' fork --root=$trees/incident-mode0-new --simulate=6GiB
fails 2 'worker 1 of 4' fork --root $trees/incident-mode2 --simulate 6G --workers 4
fails 0 'host.overcommit' --list
fails 0 '"severity": "fine"' --root $trees/bare --json

# Every check is in the handbook.
"$program" doctor --list | while read -r id _; do
    grep -q "^| .$id. |" docs/DOCTOR.md || { echo "$id is not in docs/DOCTOR.md"; exit 1; }
done

# What cannot be meant is refused, and nothing else is done.
fails 64 'simulate SIZE' fork
fails 64 'is not a size' fork --simulate much
fails 64 'no use for' fork 6GiB
fails 64 'two snapshots' compare one.json
fails 64 'wants --pid' process
fails 64 'wants a FILE' log
fails 64 'wants addresses' url
fails 64 'ends in .html or .json' report -o "$folder/report.txt"
fails 66 'no process 4194304' fork --pid 4194304
fails 66 '/nowhere/proc: cannot be seen: No such file' --root /nowhere
fails 66 'proc: cannot be seen' fork --root "$folder" --simulate 6G
fails 66 '/nowhere' log /nowhere
fails 66 '/nowhere' compare /nowhere /nowhere
fails 73 '/nowhere' report -o /nowhere/report.html

# A log from a pipe.
"$program" doctor log - <tests/doctor/logs/incident.log >"$folder/out" && exit 1 || [ $? -eq 2 ]
grep -q 'predict2.py:95' "$folder/out"

# A large log in little memory: all private writable memory, libraries included, in 12 MiB.
if (ulimit -d 12288 && "$program" doctor --list) >/dev/null 2>&1; then
    i=0
    while [ $i -lt 12 ]; do
        cat "$folder/large" tests/doctor/logs/incident.log 2>/dev/null >"$folder/larger" || true
        cat "$folder/larger" "$folder/larger" "$folder/larger" >"$folder/large"
        i=$((i + 1))
        [ "$(wc -c <"$folder/large")" -lt 60000000 ] || break
    done
    got=0
    (ulimit -d 12288 && exec "$program" doctor log "$folder/large") >"$folder/out" 2>&1 || got=$?
    [ "$got" -eq 2 ]
    grep -q 'requests failed (100.0 %)' "$folder/out"
    rm "$folder/large" "$folder/larger"
else
    echo "skipped: a large log (the program does not start in 12 MiB: a sanitizer)"
fi

# What is no text is no log without troubles.
printf 'a line\n' >"$folder/plain.log"
gzip -c "$folder/plain.log" >"$folder/packed.log.gz"
fails 65 'gunzip' log "$folder/packed.log.gz"
printf '\377\376a\000\n\000' >"$folder/wide.log"
fails 65 'UTF-16' log "$folder/wide.log"
printf 'a\nb' >"$folder/tiny.log"
"$program" doctor log "$folder/tiny.log" >"$folder/out"
grep -q '2 lines' "$folder/out"
printf '\377\376' >"$folder/tiny.log"
fails 65 'UTF-16' log "$folder/tiny.log"

# A pipe in a tree is passed over.
mkdir -p "$folder/pipes/proc"
mkfifo "$folder/pipes/proc/meminfo"
timeout 20 "$program" doctor --root "$folder/pipes" >"$folder/out"

# One that has ended has nothing to fork.
sh -c 'sleep 0 & exec sleep 30' &
parent=$!
sleep 1
zombie=$(grep -ls "^PPid:[[:space:]]*$parent\$" /proc/[0-9]*/status | head -n 1 | tr -dc 0-9)
fails 66 'has ended' process --pid "$zombie"
fails 66 'has ended' fork --pid "$zombie"
kill "$parent"

# Snapshots of two trees: what turns the verdict comes first.
"$program" doctor snapshot --root $trees/incident-mode1 >"$folder/dev.json"
"$program" doctor snapshot --root $trees/incident-mode2 >"$folder/qa.json"
fails 2 'judged for a fork of 6' compare "$folder/dev.json" "$folder/qa.json"
sed -n '3p' "$folder/out" | grep -q '^cause *overcommit_memory'

# A limit on either side of our own plan turns its verdict.
"$program" train --member linear -o "$folder/tiny.air" tests/cases/tiny.csv >/dev/null
"$program" doctor snapshot --model "$folder/tiny.air" >"$folder/wide.json"
sed 's/"limit_as": [^,]*,/"limit_as": 30000000,/' "$folder/wide.json" >"$folder/narrow.json"
fails 2 'narrow.json:' compare "$folder/wide.json" "$folder/narrow.json"
grep -q 'turns the verdict on our own plan: serving would not start' "$folder/out"

# So does one of open files; a snapshot of before, which does not know how few do, is compared as it was.
sed 's/"limit_nofile_hard": [^,]*,/"limit_nofile_hard": 27,/' "$folder/wide.json" >"$folder/few.json"
fails 2 'few.json: serving would not start' compare "$folder/wide.json" "$folder/few.json"
grep -A 4 '^cause *limit_nofile_hard' "$folder/out" | grep -q 'our own plan: serving would not start'
grep -v '"plan_files_least":' "$folder/few.json" >"$folder/before.json"
"$program" doctor compare "$folder/wide.json" "$folder/before.json" >"$folder/out" || :
grep -q 'before.json: serving would start' "$folder/out"
fails 65 '/nowhere.air' snapshot --model /nowhere.air

sed 's/"air_classifier_snapshot": 1/"air_classifier_snapshot": 99/' "$folder/wide.json" >"$folder/newer.json"
fails 65 'is not 1 in it' compare "$folder/newer.json" "$folder/wide.json"
mkdir "$folder/other"
cp "$folder/narrow.json" "$folder/other/wide.json"
fails 2 'other/wide.json:' compare "$folder/wide.json" "$folder/other/wide.json"
fails 64 'not both' log "$folder/plain.log" --unit some.service
fails 64 'not both' log --log "$folder/plain.log" --unit some.service
fails 64 'not both' --log "$folder/plain.log" --unit some.service
fails 64 'not both' report -o "$folder/no.html" --log "$folder/plain.log" --unit some.service

# An option that a part has no use for is refused, and told who has; nothing else is done.
useless() { # useless PART OPTION ARGUMENTS...
    part=$1 option=$2
    shift 2
    fails 64 "doctor${part:+ $part} has no use for --$option[: ]" $part "$@"
}
useless '' output -o "$folder/no.html"
useless fork output --simulate 1GiB -o "$folder/no.html"
useless fork log --simulate 1GiB --log nosuch.log
useless fork model --simulate 1GiB --model nosuch.air
useless fork case --simulate 1GiB --case nosuch
useless log pid "$folder/plain.log" --pid 999999
useless log root "$folder/plain.log" --root $trees/bare
useless url root http://127.0.0.1:9 --root $trees/bare
useless compare model "$folder/dev.json" "$folder/qa.json" --model nosuch.air
useless compare root "$folder/dev.json" "$folder/qa.json" --root $trees/bare
useless compare list "$folder/dev.json" "$folder/qa.json" --list
useless snapshot simulate --simulate 1GiB
useless report json -o "$folder/no.html" --json
useless --list json --json
[ ! -e "$folder/no.html" ]
fails 64 'it is of use to doctor snapshot, doctor report' process --pid $$ -o "$folder/no.html"
# One that belongs to another needs it.
fails 64 'no use for --queue without --model' --queue 5
fails 64 'no use for --threads without --model' snapshot --threads 2
fails 64 'no use for --case without an address' --case nosuch
fails 64 'no use for --timeout without an address' report --timeout 2 -o "$folder/no.html"
fails 64 'no use for --root without --unit' log --root $trees/bare "$folder/plain.log"

# Every option of doctor is in the table of what they are for.
for option in $(sed -n 's/^OPTION(\([a-z_]*\),.*DOCTOR.*/\1/p' src/cli/options.def); do
    grep -q "OPTION_AT_$option, " src/cli/cmd_doctor.c || { echo "$option is in no row of cmd_doctor.c"; exit 1; }
done

# A snapshot goes to a file as well, whole.
fails 0 "$folder/written.json written" snapshot --root $trees/incident-mode1 -o "$folder/written.json"
cmp "$folder/written.json" "$folder/dev.json"
fails 64 'ends in .json' snapshot -o "$folder/written.txt"
fails 73 '/nowhere' snapshot -o /nowhere/written.json

# A report appears whole: both files, and the page stands alone.
fails 2 'written' report --root $trees/kubernetes -o "$folder/report.html"
grep -q '<section class="cause">' "$folder/report.html"
grep -q '"cgroup.oom"' "$folder/report.json"
fails 2 "^$folder/report.html and $folder/report.json written\$" report --root $trees/kubernetes -o "$folder/report.html"
fails 2 "^$folder/alone.json written\$" report --root $trees/kubernetes -o "$folder/alone.json"
cmp "$folder/alone.json" "$folder/report.json"

# Where one of the two cannot be written, the other stays as it was, and nothing is left behind.
mkdir "$folder/half" "$folder/half/page.html" "$folder/half/data.json"
echo old | tee "$folder/half/page.json" >"$folder/half/data.html"
fails 73 'page.html: Is a directory' report --root $trees/kubernetes -o "$folder/half/page.html"
fails 73 'data.json: Is a directory' report --root $trees/kubernetes -o "$folder/half/data.html"
[ "$(cat "$folder/half/page.json" "$folder/half/data.html" | sort -u)" = old ]
[ "$(ls "$folder/half" | wc -l)" -eq 4 ]
# Whatever fails, of two old files one at most is new: the page, and then it is told.
for step in $(seq 1 100); do
    echo old | tee "$folder/half/some.html" >"$folder/half/some.json"
    got=0
    AIR_CLASSIFIER_FAULT=$step "$program" doctor report --root $trees/bare -o "$folder/half/some.html" >"$folder/out" 2>&1 || got=$?
    if [ $got -ge 64 ] && ! grep -q 'could not be synced' "$folder/out"; then
        grep -qx old "$folder/half/some.json" || { echo "fault $step took the old JSON"; cat "$folder/out"; exit 1; }
    fi
    [ "$(ls "$folder/half" | wc -l)" -eq 6 ]
done
[ $got -eq 0 ] # the last one struck nothing

# A report's JSON is a snapshot as well: it may have taken the place of one.
fails 2 'turns the verdict' compare "$folder/dev.json" "$folder/qa.json"
cp "$folder/out" "$folder/compared"
fails 0 'qa.html and ' report --root $trees/incident-mode2 -o "$folder/qa.html"
fails 2 'turns the verdict' compare "$folder/dev.json" "$folder/qa.json"
cmp "$folder/out" "$folder/compared"
sed 's/"air_classifier_snapshot": 1/"air_classifier_snapshot": 99/' "$folder/qa.json" >"$folder/newer.json"
fails 65 'is not 1 in it' compare "$folder/newer.json" "$folder/dev.json"
echo '{"details": {"facts": 5}}' >"$folder/newer.json"
fails 65 'not a snapshot' compare "$folder/newer.json" "$folder/dev.json"
echo '[]' >"$folder/newer.json"
fails 65 'not a snapshot' compare "$folder/newer.json" "$folder/dev.json"

# Output that cannot be written is an error, not a finding.
got=0
"$program" doctor --root $trees/bare >/dev/full 2>"$folder/out" || got=$?
[ "$got" -eq 74 ]
grep -q 'standard output could not be written' "$folder/out"

# Another user's process, and not root: it says what it could not see, and gives a bound.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    cp "$program" "$folder/air-classifier"
    got=0
    setpriv --reuid 65534 --regid 65534 --clear-groups "$folder/air-classifier" doctor fork --pid $$ \
        >"$folder/out" 2>&1 || got=$?
    [ "$got" -eq 0 ]
    grep -q 'upper bound' "$folder/out"
    setpriv --reuid 65534 --regid 65534 --clear-groups "$folder/air-classifier" doctor --pid $$ \
        >"$folder/out" 2>&1 || got=$?
    grep -q 'smaps: Permission denied' "$folder/out"
else
    echo "skipped: another user's process (not root, or no setpriv)"
fi
rm -rf "$folder"
