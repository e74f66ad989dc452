#!/bin/sh
# `air-classifier tokenize` (src/cli/cmd_tokenize.c): options, errors, streams, threads.
set -u
folder=${TEST_TMP:-/tmp}/tokenize
mkdir -p "$folder"
failed=0
same() { # same NAME WANTED GOT
    [ "$2" = "$3" ] && return
    failed=1
    printf '%s:\n  wanted %s\n  got    %s\n' "$1" "$2" "$3"
}
run() { printf '%s\n' "$1" | "$PROGRAM" tokenize ${2:+$2} ${3:+$3} 2>"$folder/err"; }

line="{\"text\":\"Can't boot 16-bit\"}"
same plain '["xxbos","xxmaj","ca","n'"'"'t","boot","16","-","bit"]' "$(run "$line")"
same spacy2 '["xxbos","xxmaj","ca","n'"'"'t","boot","16-bit"]' "$(run "$line" --tokenizer=spacy2)"
same raw '["Ca","n'"'"'t","boot","16","-","bit"]' "$(run "$line" --rules none)"
same german '["xxbos","xxmaj","can'"'"'t","boot","16-bit"]' "$(run "$line" --language=de)"
same japanese '["xxbos","漢","字"]' "$(run '{"text":"漢字"}' --language=ja)"
same order "$(printf '["xxbos","1"]\n["xxbos","2"]')" "$(printf '{"text":"1"}\n{"text":"2"}' | "$PROGRAM" tokenize - --threads 4)"

status() { # status WANTED SENTENCE COMMAND...
    wanted=$1 sentence=$2
    shift 2
    "$@" >"$folder/out" 2>"$folder/err" </dev/null
    got=$?
    same "status of $*" "$wanted" "$got"
    [ -z "$sentence" ] || grep -q -- "$sentence" "$folder/err" || { failed=1; echo "no '$sentence' in:"; cat "$folder/err"; }
}
printf '{"text":"a"}\n{"text":7}\n{"text":"b"}\n' >"$folder/bad.jsonl"
status 65 "^air-classifier: $folder/bad.jsonl: line 2: no JSON object with a string 'text'$" "$PROGRAM" tokenize "$folder/bad.jsonl"
same "lines before the bad one" '["xxbos","a"]' "$(cat "$folder/out")"
echo "the disk is full" >"$folder/plain.txt"
status 65 "^air-classifier: $folder/plain.txt: line 1: no JSON" "$PROGRAM" tokenize "$folder/plain.txt"
status 65 "; jq -cR '{text: .}' makes such lines of plain text$" "$PROGRAM" tokenize "$folder/plain.txt"
status 66 "No such file" "$PROGRAM" tokenize "$folder/none.jsonl"
status 64 "neither spacy3 nor spacy2" "$PROGRAM" tokenize --tokenizer bert
status 64 "neither fastai nor none" "$PROGRAM" tokenize --rules some
status 0 "" "$PROGRAM" tokenize /dev/null
if [ -w /dev/full ]; then
    printf '{"text":"a"}\n' | "$PROGRAM" tokenize >/dev/full 2>"$folder/err"
    same "a full disk" 74 $?
    same "its sentence" "air-classifier: standard output could not be written: No space left on device" "$(head -n 1 "$folder/err")"
fi

# A filter answers a line when it is there, not when its input ends.
mkfifo "$folder/in"
"$PROGRAM" tokenize <"$folder/in" >"$folder/out" &
exec 3>"$folder/in"
printf '{"text":"now"}\n' >&3
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -s "$folder/out" ] && break
    sleep 0.1
done
same "a line at once" '["xxbos","now"]' "$(cat "$folder/out")"
exec 3>&-
wait
rm -rf "$folder"
exit $failed
