#!/bin/sh
# The rules of the tree that a machine can check: who includes whom, names, lengths, formatting.
# usage: tidy.sh ROAD ROOMS DOOR OBJECTS...   (lists of folders; the objects that were really built)
set -u
road=$1
rooms=$2
door=$3
shift 3
faults=0
fault() {
    echo "tidy: $*" >&2
    faults=$((faults + 1))
}

# Place of a folder on the road; rooms stand behind it all, the door behind the rooms.
rank() {
    n=0
    for folder in $road; do
        n=$((n + 1))
        [ "$folder" = "$1" ] && echo $n && return
    done
    for folder in $rooms; do [ "$folder" = "$1" ] && echo 50 && return; done
    for folder in $door; do [ "$folder" = "$1" ] && echo 99 && return; done
    echo 0
}

for folder in $road $rooms $door; do
    own=$(rank "$folder")
    uses=$(cat src/"$folder"/*.c src/"$folder"/*.h src/"$folder"/*.def 2>/dev/null |
        sed -n 's|^#include "\([a-z]*\)/.*|\1|p' | sort -u)
    for used in $uses; do
        [ "$used" = "$folder" ] && continue
        other=$(rank "$used")
        if [ "$other" -eq 0 ] || [ "$other" -ge "$own" ]; then
            fault "$folder includes $used, which is not left of it"
        fi
    done
done

# From a call you know the file: an exported function begins with its file's stem. rand() is
# replaced on purpose (train/draw.h), main is main.
for object in "$@"; do
    stem=$(basename "$object" .o)
    for name in $(nm -g --defined-only "$object" | awk '$2 ~ /[TDBRV]/ { print $3 }'); do
        case $name in
        "$stem" | "${stem}"_* | rand | __* | *.*) ;;
        *) case $stem in
            cmd_*) [ "$name" = "$stem" ] || fault "$object exports $name" ;;
            *) fault "$object exports $name" ;;
            esac ;;
        esac
    done
done

twice=$(find src -name '*.[ch]' -exec basename {} \; | sort | uniq -d)
[ -z "$twice" ] || fault "file names are not unique: $twice"

# A function is read at a glance. A longer one says why in the line before it: "Long: ...".
for file in src/*/*.c; do
    awk -v file="$file" '
        /^\/\* Long: / { excused = 1 }
        /^{$/ { begun = NR }
        /^}$/ { if (begun && NR - begun > 70 && !excused)
                    { print "tidy: " file ":" begun ": a function of " NR - begun " lines" > "/dev/stderr"; bad = 1 }
                begun = excused = 0 }
        END { exit bad }' "$file" || faults=$((faults + 1))
    sed -n 1p "$file" | grep -q '^/\*' || fault "$file does not open with why it is so"
    stem=$(basename "$file" .c)
    stem=${stem#cmd_}
    grep -rqE "(^|[^a-z_])$stem(_|\.[ch]|[^a-z_]|$)" tests || fault "$file is named in no test"
done

files=$(find src tests -name '*.[ch]')
if command -v clang-format-14 >/dev/null; then
    # shellcheck disable=SC2086 # a list
    clang-format-14 --dry-run -Werror $files 2>&1 | grep -m 5 'error:' && fault "run 'make format'"
fi
words=$(git grep -nIwE 'TODO|FIXME|XXX|HACK' -- src tests tools bench ':!tools/tidy.sh' ':!*.jsonl' ':!share' 2>/dev/null)
[ -z "$words" ] || fault "unfinished: $words"
[ "$faults" -eq 0 ]
