#!/usr/bin/env bash
# What `make bench` calls: measures accuracy, then speed, and renews their sections of docs/BENCH.md. Both reports are written before
# the file is touched, so that its own change does not make the second say "with local changes"; a row that fails stops nothing and
# is told by the exit status. DATA names the folder of the labelled sets. Arguments go to accuracy.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

data=${DATA:-../shared/data}
python=build/bench-venv/bin/python
reports=build/bench
status=0
export PYTHONDONTWRITEBYTECODE=1

bench/venv.sh
mkdir -p "$reports" docs
rm -f "$reports"/*.md
"$python" bench/accuracy.py --data "$data" --json "$reports/accuracy.json" --markdown "$reports/accuracy.md" "$@" || status=1
"$python" bench/speed.py --data "$data" --json "$reports/speed.json" --markdown "$reports/speed.md" || status=1
for name in accuracy speed; do
	if [[ -e $reports/$name.md ]]; then
		"$python" bench/section.py docs/BENCH.md "$name" <"$reports/$name.md"
	fi
done
exit "$status"
