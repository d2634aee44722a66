#!/bin/sh
# Install, build and run every test; ends with ctest's summary.
#
#   tests/run.sh            unit tests under the sanitizers, the fuzz targets for 15 s each, then the default build
#                           (build/, release) with all tests
#
# Fails on a failed test, and on a skipped one that tests/allowed-skips does not name.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$top"
jobs=$(nproc)

step() { printf '\n==> %s\n' "$*"; }

step "packages"
deploy/install-deps.sh --test

step "build with sanitizers (build/dev) and run the unit tests there"
cmake --preset dev >/dev/null
cmake --build --preset dev -j "$jobs"
ctest --preset dev -L unit -j "$jobs"

step "build with the thread sanitizer (build/tsan) and run the node tests there"
cmake --preset tsan >/dev/null
cmake --build --preset tsan -j "$jobs" --target test_node test_node_conn test_node_sync test_node_cert
ctest --preset tsan -R '^node' -j "$jobs"

step "fuzz (build/fuzz)"
tests/fuzz/run.sh

step "build (build/)"
cmake --preset release >/dev/null
cmake --build --preset release -j "$jobs"

step "every test"
log=build/test.log
set +e
ctest --preset release -j "$jobs" --no-tests=error >"$log.tmp" 2>&1
status=$?
set -e
mv "$log.tmp" "$log"

skipped=$(sed -n 's/^.*Test *#[0-9]*: \([^ ]*\) .*\*\*\*Skipped.*$/\1/p' "$log")
for name in $skipped; do
    echo "skipped: $name"
    if ! grep -qx "$name" tests/allowed-skips; then
        echo "tests/allowed-skips does not name $name"
        status=1
    fi
done
cat "$log"
exit $status
