# shellcheck shell=sh disable=SC2034 # read by deps.sh, and by sysroot.sh for another architecture
# Debian's packages that the program and its tests are compiled and linked with.
libraries="libc6-dev libmicrohttpd-dev libjansson-dev libcsv-dev libutf8proc-dev libxxhash-dev libseccomp-dev libzip-dev liblinear-dev
libcmocka-dev libsimde-dev"
