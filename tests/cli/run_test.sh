#!/bin/sh
# What `make run` does (tools/run.sh), with a program that only notes what it is asked for: it learns when there is no model that
# is newer than the program, whatever an earlier run left behind, and serves.
set -u
folder=${TEST_TMP:-/tmp}/run
rm -rf "$folder"
mkdir -p "$folder"
failed=0
cat >"$folder/program" <<'END'
#!/bin/sh
# As the program itself, refuses to learn over a checkpoint.
while [ "$1" = train ]; do
    [ "$2 $3 $4" = "--epochs 2 -o" ] || exit 64
    [ ! -e "$5.language.resume" ] && [ ! -e "$5.labels-1.resume" ] || exit 64
    echo "train $5" >>"${0%/*}/asked"
    [ -z "${STOPPED:-}" ] || { : >"$5.language.resume"; : >"$5.labels-1.resume"; exit 75; }
    echo model >"$5"
    exit 0
done
echo "$@" >>"${0%/*}/asked"
END
chmod +x "$folder/program"
run() { # run NAME STATUS ASKED
    : >"$folder/asked"
    sh tools/run.sh "$folder/program" "$folder" 127.0.0.1:9 >"$folder/out" 2>"$folder/err"
    status=$?
    [ "$status" = "$2" ] && [ "$(cat "$folder/asked")" = "$3" ] && return
    failed=1
    printf '%s: status %s, asked for:\n%s\n' "$1" "$status" "$(cat "$folder/asked")"
    cat "$folder/err"
}
model=$folder/bundled.air
serve="serve $model --listen 127.0.0.1:9"
STOPPED=1
export STOPPED
run "Ctrl-C while it learns" 75 "train $model"
unset STOPPED
run "once more" 0 "$(printf 'train %s\n%s' "$model" "$serve")"
touch -d tomorrow "$model"
run "with a model" 0 "$serve"
grep -q 'http://127.0.0.1:9/classifier/sbr' "$folder/out" || { failed=1; echo "it does not say what to try"; }
exit "$failed"
