#!/bin/sh
# mutations.sh SIM MUTATION.H: each planted fault must be caught within the limit of seeds; a checker that lets one live proves nothing.
set -u
sim=$1
limit=3000
names=$(sed -n 's/^ *X(\([A-Z_]*\)) .*/\1/p' "$2")
total=0
survivors=0
for name in $names; do
    total=$((total + 1))
    if out=$("$sim" -n $limit -m "$name" 2>/dev/null); then
        echo "$out" | grep caught
    else
        echo "$name SURVIVED $limit seeds"
        survivors=$((survivors + 1))
    fi
done
echo "$total mutations, $survivors survived"
[ "$total" -gt 0 ] && [ "$survivors" -eq 0 ]
