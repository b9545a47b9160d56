#!/usr/bin/env bash
# Line and branch coverage of src/ by the tests that can be counted: unit, ABI, known answers, the admin
# command, the daemon, and faults (kills and sanitized builds leave no counts). A report is left in
# build-cover/report.html. Fails below the floor in tools/cover_floor.txt, which only rises.
#
# Branches are counted twice. "all" has every one that the compiler makes. "decisions" leaves out lines
# that only hand an error on (HSM_TRY and HSM_CHECK, which are one line each and have a line's count):
# what is left is if, else, loops, ?:, && and ||.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v gcovr >/dev/null || {
    echo "error: gcovr is missing; run tools/deps/packages.sh cover" >&2
    exit 1
}
if [ -f build-cover/build.ninja ]; then
    tools/setup.sh build-cover
else
    CC=${CC:-gcc} tools/setup.sh build-cover -Db_coverage=true -Doptimization=0
fi
ninja -C build-cover
find build-cover -name '*.gcda' -delete
# A test that fails says so where it is run for its own sake; here it only leaves less.
meson test -C build-cover --no-rebuild --suite unit --suite abi --suite kat --suite admin --suite cratond \
    --suite fault --timeout-multiplier 5 || echo "cover: some tests failed; what they reached is counted" >&2

read -r line_floor branch_floor decision_floor < <(grep -v '^#' tools/cover_floor.txt)
count() { # count ARGUMENT...
    gcovr --root . --filter src/ --print-summary "$@" build-cover
}
status=0
echo "== decisions" # a file for it: gcovr would remove /dev/null, and write a new one
count --exclude-branches-by-pattern '.*HSM_(TRY|CHECK)\(.*' --fail-under-branch "$decision_floor" \
    --output build-cover/decisions.txt || status=1
echo "== all"
count --html-details build-cover/report.html --fail-under-line "$line_floor" \
    --fail-under-branch "$branch_floor" || status=1
exit "$status"
