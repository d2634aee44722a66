#!/bin/sh
# Install the Debian packages that Patchbay is built and run with; with --test also those of tests/run.sh. Does nothing
# when all are there.
set -eu

packages="
    build-essential cmake ninja-build pkg-config
    libzmq3-dev libmsgpack-dev libprotobuf-c-dev libyaml-dev libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev uthash-dev
    libsecp256k1-dev libsodium-dev libqrencode-dev libpng-dev libsqlite3-dev
    libcmocka-dev python3 python3-zmq python3-msgpack
    ca-certificates util-linux procps"

case "${1-}" in
"") ;;
--test) packages="$packages clang libclang-rt-14-dev spin openssl curl mandoc zbar-tools" ;;
*)
    echo "Usage: $0 [--test]" >&2
    exit 2
    ;;
esac

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "install-deps: all packages are installed"
    exit 0
fi

sudo=""
if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    if ! command -v sudo >/dev/null; then
        echo "install-deps: these packages are missing, and there is neither root nor sudo:$missing" >&2
        exit 1
    fi
fi

echo "install-deps: apt-get install$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
echo "install-deps: done"
