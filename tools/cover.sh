#!/usr/bin/env bash
# Line and branch coverage of src/ by the unit, ABI and known-answer tests, with a report in
# build-cover/report.html. Fails below the floor in tools/cover_floor.txt, which only rises.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v gcovr >/dev/null || {
    echo "error: gcovr is missing; run tools/deps/packages.sh cover" >&2
    exit 1
}
if [ -f build-cover/build.ninja ]; then
    tools/setup.sh build-cover
else
    CC=gcc tools/setup.sh build-cover -Db_coverage=true -Doptimization=0
fi
ninja -C build-cover
find build-cover -name '*.gcda' -delete
meson test -C build-cover --no-rebuild --suite unit --suite abi --suite kat --timeout-multiplier 3

read -r line_floor branch_floor < <(grep -v '^#' tools/cover_floor.txt)
gcovr --root . --filter src/ --exclude-throw-branches --print-summary \
    --html-details build-cover/report.html --fail-under-line "$line_floor" \
    --fail-under-branch "$branch_floor" build-cover
