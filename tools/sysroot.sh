#!/bin/sh
# sysroot.sh ARCHITECTURE FOLDER: Debian's libraries of another architecture, unpacked into a folder, to link against and to run with
# qemu-user. They come by apt into a state of its own, so that this machine's packages stay as they are and nobody has to be root.
set -eu
architecture=$1 folder=$2
. "$(dirname "$0")/libraries.sh"
packages="$libraries libcurl3-gnutls libsystemd0" # the last two are opened at run time
mkdir -p "$folder"
state=$(cd "$folder" && pwd)/apt
rm -rf "$state"
mkdir -p "$state/lists/partial" "$state/archives/partial"
: >"$state/status"
ask() {
    apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o Dir::State="$state" \
        -o Dir::State::status="$state/status" -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives" \
        -o Debug::NoLocking=1 "$@"
}
echo "fetching libraries for $architecture" >&2
ask update
# shellcheck disable=SC2086 # a list of words
ask install -y --download-only --no-install-recommends $packages
for package in "$state"/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$state"
# What installing would choose among alternatives.
ln -sf blas/libblas.so.3 "$(dirname "$(find "$folder/usr/lib" -name liblinear.so)")/libblas.so.3"
touch "$folder/stamp"
