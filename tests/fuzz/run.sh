#!/bin/sh
# Build the fuzz targets with clang (build/fuzz) and run each on its corpus, two at a time.
#
#   tests/fuzz/run.sh          15 seconds each
#   tests/fuzz/run.sh --long   an hour each
#
# What was found lies in build/fuzz/findings; the corpora grow in build/fuzz/corpus. A finding becomes a vector, or a
# file of the corpus, with the commit that mends it.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$top"
seconds=15
[ "${1-}" = --long ] && seconds=3600
targets="frame core message yaml conf protocol stub_lines http_text http_api vcx_unpack vcx_doc vcx_core vcx_serial agency"
seeds=tests/fuzz/corpus
findings=build/fuzz/findings

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$(nproc)" --target $(printf 'fuzz_%s ' $targets)
mkdir -p "$findings"

# fuzz NAME SEEDS: the last line of its output, and its status
fuzz() {
    corpus=build/fuzz/corpus/$1
    mkdir -p "$corpus"
    dict=""
    [ -f "tests/fuzz/$1.dict" ] && dict=-dict=tests/fuzz/$1.dict
    if build/fuzz/tests/fuzz_"$1" $dict -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$findings/$1-" "$corpus" "$2" >"$findings/$1.log" 2>&1; then
        echo "fuzz $1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$findings/$1.log") runs in $seconds s, nothing"
    else
        tail -n 40 "$findings/$1.log"
        echo "fuzz $1: FAILED, see $findings"
        return 1
    fi
}

# seeds_of NAME: the YAML targets begin with the configurations of the other tests
seeds_of() {
    case $1 in
    yaml | conf) echo tests/config ;;
    protocol) echo schema/protocols ;;
    *) echo "$seeds/$1" ;;
    esac
}

status=0
# shellcheck disable=SC2086 # a list of words
set -- $targets
while [ $# -gt 0 ]; do
    fuzz "$1" "$(seeds_of "$1")" &
    first=$!
    if [ $# -gt 1 ]; then
        fuzz "$2" "$(seeds_of "$2")" || status=1
        shift
    fi
    wait "$first" || status=1
    shift
done
exit $status
