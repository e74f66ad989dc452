#!/bin/sh
# Installs the packages that building, running and testing need, where they are missing.
# A bare Debian 12 has neither; whoever is not root needs sudo.
set -eu
. "$(dirname "$0")/libraries.sh"
packages="$libraries gcc make git gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user systemd-journal-remote clang-14 clang-format-14 clang-tidy-14 curl python3 ca-certificates binutils"
missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing" >&2
if [ "$(id -u)" -eq 0 ]; then sudo=; else sudo=sudo; fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # lists of words
{
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
} >&2
