#!/bin/sh
# Fetches swagger-ui-dist, of one version and with one checksum, by npm. usage: ui.sh FOLDER
# Without npm, or without a network, the build goes on: /apidocs/ is a plain page then. `make ui` tries again.
set -u
version=5.35.0
checksum=534eaba4cb56f55dd73c638179a993512af4674f63317e0826e00da44fc465b021c341bc0a0c2bcd4e18997927fe1d3008336c5dd19aad334d1c2dec53cc9551
folder=$1
mkdir -p "$folder"
rm -f "$folder"/swagger-ui* "$folder"/favicon*
without() {
    echo "built without Swagger UI: $*; /apidocs/ is a plain page ('make ui' tries again)" >&2
    exit 0
}
command -v npm >/dev/null 2>&1 || without "npm is not there (Debian: apt-get install npm)"
timeout 60 npm pack "swagger-ui-dist@$version" --pack-destination "$folder" --silent --fetch-retries=1 --fetch-timeout=30000 \
    >/dev/null 2>&1 || without "npm could not fetch it"
archive=$folder/swagger-ui-dist-$version.tgz
[ "$(sha512sum "$archive" 2>/dev/null | cut -d ' ' -f 1)" = "$checksum" ] || {
    rm -f "$archive"
    without "what npm fetched is not what it was"
}
tar -xzf "$archive" -C "$folder" --strip-components=1 package/swagger-ui.css package/swagger-ui-bundle.js \
    package/favicon-32x32.png package/LICENSE package/NOTICE
rm -f "$archive"
