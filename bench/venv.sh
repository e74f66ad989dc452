#!/usr/bin/env bash
# Installs what the benchmarks compare with, and nothing that the program itself needs: scikit-learn into build/bench-venv, in fixed
# versions because its figures are the bar, and fasttext, wrk and hyperfine from the distribution. Does nothing where all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=build/bench-venv
packages=(scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1)
programs=(fasttext wrk hyperfine)

if [[ "$(cat "$venv/installed" 2>/dev/null)" != "${packages[*]}" ]]; then
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
	echo "${packages[*]}" >"$venv/installed"
fi

missing=()
for name in "${programs[@]}"; do
	command -v "$name" >/dev/null || missing+=("$name")
done
if ((${#missing[@]})); then
	root=()
	((EUID == 0)) || root=(sudo)
	"${root[@]}" apt-get update --quiet
	"${root[@]}" apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
fi
