#!/usr/bin/env bash
# What `make bench` calls: measures accuracy, then speed, and renews their sections of docs/BENCH.md. Both reports are written before
# the file is touched, so that its own change does not make the second say "with local changes"; a row that fails stops nothing and
# is told by the exit status. DATA names the folder of the labelled sets, PEERS_VENV a virtual environment with fastai, spacy, flask, flasgger,
# gunicorn, onnx and onnxruntime; without it what is measured against them is left out. BASELINES names folders that
# ../shared/peers/ulmfit_baseline.py made, whose answers imported models must give. Arguments go to accuracy.py.
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
"$python" bench/accuracy.py --member linear --data "$data" --json "$reports/accuracy.json" --markdown "$reports/accuracy.md" "$@" || status=1
"$python" bench/speed.py --data "$data" --json "$reports/speed.json" --markdown "$reports/speed.md" || status=1
peers=${PEERS_VENV:-build/peers-venv}
make -s build/bench/train build/bench/peak
fastai=()
[[ -x $peers/bin/python ]] && fastai=(--python "$peers/bin/python")
# Hours, so a few sets only; all with bench/ensemble.py --size medium.
"$python" bench/ensemble.py --data "$data" --sets "${ENSEMBLE_SETS:-k8s-sig,linux-hardening,it-topic8,trec6}" --markdown "$reports/ensemble.md" || status=1
"$python" bench/train.py "${fastai[@]}" --markdown "$reports/train.md" || status=1
if [[ -x $peers/bin/python ]]; then
	"$python" bench/tokens.py --python "$peers/bin/python" --data "$data" --markdown "$reports/tokens.md" || status=1
	make -s build/bench/lstm
	"$peers/bin/python" bench/ulmfit.py build/bench/lstm "$reports/stack.onnx" >"$reports/ulmfit.md" || status=1
	PEERS_VENV=$peers "$python" bench/ulmfit_http.py --markdown "$reports/ulmfit_http.md" || status=1
fi
if [[ -n ${BASELINES:-} ]]; then
	# shellcheck disable=SC2086 # folders, one a word
	DATA=$data "$python" bench/parity.py --markdown "$reports/parity.md" $BASELINES || status=1
fi
for name in accuracy speed ensemble tokens ulmfit ulmfit_http parity train; do
	if [[ -e $reports/$name.md ]]; then
		"$python" bench/section.py docs/BENCH.md "$name" <"$reports/$name.md"
	fi
done
exit "$status"
