#!/usr/bin/env bash
# test.sh [--long] KIND...: builds, runs the tests of each kind, and ends with "N passed, N failed".
#
#   quick    unit, ABI and known-answer tests            (build/)
#   all      every suite                                 (build/)
#   asan     unit, ABI, known answers, ASan + UBSan      (build-asan/)
#   tsan     unit, ABI, threads, under TSan              (build-tsan/)
#   break                                                (build-break/)
#   fault, stress, kill, interop, admin, kat             that suite alone (build/)
#
# --long tells the tests (CRATON_HSM_TEST_LONG=1) to repeat what is worth repeating, and to leave out no failure.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

logs=()
launcher=() # what meson test is started through

run() { # run BUILD-DIRECTORY LOG-NAME [MESON-TEST-ARGUMENT...]
    local build=$1 log=$1/meson-logs/testlog-$2.json
    rm -f "$log"
    "${launcher[@]}" meson test -C "$build" --no-rebuild --print-errorlogs --logbase "testlog-$2" "${@:3}"
    logs+=("$log")
}

suites() { # suites NAME...: as arguments of meson test
    printf -- '--suite\n%s\n' "$@"
}

prepare() { # prepare BUILD-DIRECTORY [MESON-ARGUMENT...]: configures once and builds
    [ ! -f "$1/build.ninja" ] || set -- "$1"
    if ! { tools/setup.sh "$@" && ninja -C "$1"; }; then
        echo "error: $1 does not build" >&2
        exit 1
    fi
}

count_failures() { # count_failures LOG: how many failures the programs tell of ("# ... 12 failures tried ...")
    grep -o '[0-9]* failures tried' "$1" |
        awk '{ sum += $1 } END { printf "%d failures of memory, files, reads, writes and randomness were tried\n", sum }'
}

run_kind() {
    local chosen=()
    case $1 in
    quick) mapfile -t chosen < <(suites unit abi kat) ;;
    all) ;;
    asan) mapfile -t chosen < <(suites unit abi kat) ;;
    tsan) mapfile -t chosen < <(suites unit abi stress) ;;
    fault | stress | kill | break | interop | admin | kat) mapfile -t chosen < <(suites "$1") ;;
    *)
        echo "error: unknown kind of test: $1" >&2
        exit 2
        ;;
    esac
    case $1 in
    asan)
        prepare build-asan -Db_sanitize=address,undefined
        run build-asan asan --timeout-multiplier 5 "${chosen[@]}"
        ;;
    break)
        prepare build-break -Dbreak=true
        run build-break break --timeout-multiplier 3 "${chosen[@]}"
        ;;
    tsan)
        prepare build-tsan -Db_sanitize=thread
        # The address layout of new kernels is more random than older TSan runtimes can bear.
        ! setarch -R true 2>/dev/null || launcher=(setarch -R)
        run build-tsan tsan --timeout-multiplier 10 "${chosen[@]}"
        launcher=()
        ;;
    *)
        prepare build
        run build "$1" --timeout-multiplier 3 "${chosen[@]}" # of a machine that has other work too
        [ "$1" != kat ] || grep -h '^# ' build/meson-logs/testlog-kat.txt # what ran, by mechanism
        [[ $1 != fault && $1 != all ]] || count_failures "build/meson-logs/testlog-$1.json"
        ;;
    esac
}

if [ "${1:-}" = --long ]; then
    export CRATON_HSM_TEST_LONG=1
    shift
fi
[ $# -gt 0 ] || {
    echo "usage: tools/test.sh [--long] quick | all | asan | tsan | break | fault | stress | kill | interop | admin | kat ..." >&2
    exit 2
}
for kind in "$@"; do
    echo "== tests: $kind"
    run_kind "$kind"
done
echo
exec tools/count_tests.py "${logs[@]}"
