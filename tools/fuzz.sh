#!/usr/bin/env bash
# fuzz.sh [--all-cores] [SECONDS [SURFACE...]]: runs each fuzz target (fuzz/fuzz_SURFACE.c) for that long,
# from its corpus, with its dictionary (fuzz/SURFACE.dict) if it has one, and says how much of the code it
# reached. An input that crashes is left in build-fuzz/; add it to fuzz/corpus/SURFACE/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

workers=()
if [ "${1:-}" = --all-cores ]; then
    workers=("-fork=$(nproc)" -ignore_timeouts=0 -ignore_ooms=0)
    shift
fi
seconds=${1:-60}
[ $# -eq 0 ] || shift
command -v clang >/dev/null || {
    echo "error: clang is missing; run tools/deps/packages.sh fuzz" >&2
    exit 1
}
if [ -f build-fuzz/build.ninja ]; then
    tools/setup.sh build-fuzz
else
    CC=clang tools/setup.sh build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
fi
ninja -C build-fuzz

[ $# -gt 0 ] || mapfile -t < <(find build-fuzz/fuzz -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x -printf '%f\n' |
    sed 's/^fuzz_//' | sort)
[ $# -gt 0 ] || set -- "${MAPFILE[@]}"

reached() { # reached LOG: by edges of the program's graph, OpenSSL and SQLite not counted
    local edges covered
    edges=$(sed -nE 's/.*inline 8-bit counters\): ([0-9]+).*/\1/p' "$1" | tail -n 1)
    covered=$(grep -oE '\bcov: [0-9]+' "$1" | tail -n 1)
    echo "${covered:-cov: none} of ${edges:-?} edges, $(find "build-fuzz/corpus/$surface" -type f | wc -l) inputs found"
}

failed=()
for surface in "$@"; do
    echo "== fuzz: $surface, $seconds s"
    mkdir -p "build-fuzz/corpus/$surface" # what it finds; the checkout's own stays as it is
    dictionary=()
    [ ! -f "fuzz/$surface.dict" ] || dictionary=("-dict=fuzz/$surface.dict")
    log=build-fuzz/$surface.log
    "build-fuzz/fuzz/fuzz_$surface" "${workers[@]}" "${dictionary[@]}" -max_total_time="$seconds" -max_len=65536 \
        -len_control=0 -timeout=30 -artifact_prefix="build-fuzz/$surface-" \
        "build-fuzz/corpus/$surface" "fuzz/corpus/$surface" >"$log" 2>&1 || {
        failed+=("$surface")
        tail -n 80 "$log"
    }
    reached "$log"
done
[ ${#failed[@]} -eq 0 ] || {
    echo "fuzz: found something: ${failed[*]} (see build-fuzz/)" >&2
    exit 1
}
echo "fuzz: $# targets, nothing found"
