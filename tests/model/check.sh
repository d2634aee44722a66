#!/bin/sh
# check.sh [DIRECTORY]: every row of variants.txt; a protocol must hold, one without a rule must fail. Works in DIRECTORY, or in a
# temporary one. Exit 1 if a row does not do as it must, 2 if spin is missing.
#
# A row is searched for assertions and for runs that stop too early; if there are none, for cycles, except in replicas, where only
# safety is asked. SPARSE among its defines: bit state hashing, no search for cycles.
set -eu
models=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
command -v spin >/dev/null || { echo "spin is not installed (Debian: apt-get install spin)" >&2; exit 2; }

if [ "${1-}" = --row ]; then # directory, then the columns of one row
    directory=$2/$3-$4
    mkdir -p "$directory"
    cd "$directory"
    defines=$(echo ",$5" | sed 's/,-$//; s/,/ -D/g')
    case "$6,$5" in # a rule's absence is seen early: then the compiler takes longer than the search
    fails,*SPARSE* | holds,*) speed=-O2 ;;
    *) speed=-O0 ;;
    esac
    states() { sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' search; }
    search() { # compiler's and pan's options
        # shellcheck disable=SC2086 # lists of words
        gcc $speed -w -DNOFAIR -DNOCLAIM -DMEMLIM=4000 $1 -o pan pan.c
        # shellcheck disable=SC2086
        ./pan -m100000 -n $2 >search 2>&1 || true
        if grep -q 'max search depth too small\|out of memory\|reached -DMEMLIM' search; then
            echo "not searched to its end"
        elif grep -q '^pan:1: assertion' search; then
            echo "fails: assertion"
        elif grep -q '^pan:1: invalid end' search; then
            echo "fails: stuck"
        elif grep -q '^pan:1: non-progress' search; then
            echo "fails: cycle"
        elif grep -q 'errors: 0' search; then
            echo holds
        else
            echo "no result"
        fi
    }
    # shellcheck disable=SC2086
    spin -a $defines "$models/$3.pml" >spin.out 2>&1 || { cat spin.out; exit 1; }
    case "$5" in
    *SPARSE*) got=$(search "-DSAFETY -DBITSTATE" "-w30 -k3") ;;
    *) got=$(search "-DSAFETY -DCOLLAPSE" -w22) ;;
    esac
    states=$(states)
    case "$got,$3,$5" in
    holds,replicas,* | holds,*SPARSE*) ;;
    holds,*) got=$(search "-DNP -DCOLLAPSE" "-l -w22") ;;
    esac
    rm -f pan pan.?
    case "$got" in
    "$6"*) verdict=ok ;;
    *) verdict=WRONG ;;
    esac
    printf '%-11s %-16s %9s  %-6s %-18s %s\n' "$3" "$4" "$states" "$6" "$got" "$verdict" >result
    exit 0
fi

directory=${1:-$(mktemp -d)}
rows=$(grep -v '^#' "$models/variants.txt" | awk '{ print $1, $2, $3, $4 }')
rm -f "$directory"/*/result
echo "$rows" | xargs -P "$(nproc)" -L 1 sh "$models/check.sh" --row "$directory"
printf '%-11s %-16s %9s  %-6s %s\n' model variant states must got
table=$(echo "$rows" | while read -r model variant rest; do cat "$directory/$model-$variant/result"; done)
echo "$table"
[ $# -gt 0 ] || rm -r "$directory"
echo "$(echo "$table" | grep -c ' ok$') of $(echo "$rows" | wc -l) as they must be"
[ "$(echo "$table" | grep -c ' ok$')" -eq "$(echo "$rows" | wc -l)" ]
