#!/usr/bin/env bash
# docs/mechanisms.md says what the table says. To renew it, run the program given as the first
# argument (list_mechanisms in the build folder) with its output into that file.
set -euo pipefail
echo 1..1
if differences=$("$1" | diff -u "$2" -); then
    echo 'ok 1 - docs/mechanisms.md is the table'
else
    printf '%s\n' "$differences" | head -n 40 | sed 's/^/# /'
    echo 'not ok 1 - docs/mechanisms.md is the table'
    exit 1
fi
