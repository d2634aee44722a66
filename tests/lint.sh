#!/bin/sh
# Formatter, clang-tidy and cppcheck over our sources. Needs clang-format, clang-tidy, cppcheck and a configured build/dev.
set -u
cd "$(dirname -- "$0")/.." || exit 2
files=$(git ls-files '*.c' '*.h')
status=0
# shellcheck disable=SC2086 # lists of words
clang-format --dry-run -Werror $files || status=1
# shellcheck disable=SC2086
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -I. -Ischema -Inode --include=tests/cppcheck.h \
    --suppress=missingIncludeSystem --suppress=preprocessorErrorDirective --suppress=ctuuninitvar \
    $(git ls-files 'schema/*.c' 'broker/*.c' 'node/*.c' 'connections/*.c' ':!node/scaffold') || status=1
git ls-files 'schema/*.c' 'broker/*.c' 'node/*.c' 'connections/*.c' ':!node/scaffold' |
    xargs -P "$(nproc)" -n 4 clang-tidy -p build/dev --quiet 2>/dev/null || status=1
exit $status
