#!/usr/bin/env bash
# docs/approved-mode.md is docs/approved-mode.in.md with the table that the program given as the
# first argument prints (list_approved in the build folder). To renew it:
#   build/tests/unit/crypto/list_approved <docs/approved-mode.in.md >docs/approved-mode.md
set -euo pipefail
echo 1..1
if differences=$("$1" <"$2/approved-mode.in.md" | diff -u "$2/approved-mode.md" -); then
    echo 'ok 1 - docs/approved-mode.md is the table'
else
    printf '%s\n' "$differences" | head -n 40 | sed 's/^/# /'
    echo 'not ok 1 - docs/approved-mode.md is the table'
    exit 1
fi
