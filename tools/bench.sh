#!/usr/bin/env bash
# make bench: ours, raw OpenSSL of the same version, SoftHSM2 and NSS in one run, then sizes, then the daemon.
# BENCH_OBJECTS (100000) keys for the search figures; BENCH_ARGS go to the first run.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BENCH_BUILD:-build}
objects=${BENCH_OBJECTS:-100000}
work=$(mktemp -d "${BENCH_DIRECTORY:-${TMPDIR:-/tmp}}/craton-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
export BENCH_DIRECTORY=$work

mkdir -p "$work/softhsm" "$work/ours"
printf 'directories.tokendir = %s/softhsm\nobjectstore.backend = file\nlog.level = ERROR\n' \
    "$work" > "$work/softhsm2.conf"
export SOFTHSM2_CONF=$work/softhsm2.conf
config() { # directory
    printf '[token]\nstorage_path = "%s"\nmax_sessions = 20000\nmax_rw_sessions = 20000\n' "$1"
    # Others keep no audit log; what ours costs is measured by bench_audit.
    printf '[audit]\nenabled = false\n'
}
config "$work/ours" > "$work/ours.toml"
chmod 600 "$work/ours.toml"
export CRATON_HSM_CONFIG=$work/ours.toml

softhsm=()
for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
    [ -e "$path" ] && softhsm=("softhsm2=$path") && break
done
[ ${#softhsm[@]} -gt 0 ] || echo "bench: SoftHSM2 is not installed, its column is left out" >&2

nss=()
for path in /usr/lib/*/libsoftokn3.so /usr/lib/*/nss/libsoftokn3.so; do
    [ -e "$path" ] && nss=("nss=$path") && break
done
[ ${#nss[@]} -gt 0 ] || echo "bench: NSS is not installed, its column is left out" >&2

# shellcheck disable=SC2086 # BENCH_ARGS is a list of words
"$build/bench/bench" ${BENCH_ARGS:-} "ours=$build/libcraton_hsm.so" "${softhsm[@]}" "${nss[@]}"

fresh() {
    rm -rf "$work/ours"
    mkdir -p "$work/ours"
}
fresh
"$build/bench/bench" --threads --rounds 3 "ours=$build/libcraton_hsm.so"
fresh
"$build/bench/bench" --fill "$objects" "ours=$build/libcraton_hsm.so"
"$build/bench/bench" --search "$objects" "ours=$build/libcraton_hsm.so"

# The daemon, over the network.
if [ -x "$build/tests/load/load" ]; then
    CRATON_HSM_CRATOND=$build/cratond /usr/bin/python3 bench/daemon.py
fi
