#!/usr/bin/env bash
# lint.sh [CHECK...]: everything that reads the code without running it. Without arguments all of
# these, in this order; every check runs, and the status says whether any of them found something.
#
#   format layers words promises headers symbols shell cppcheck analyzer tidy
#
# It builds with clang in build-lint/, warnings as errors, which is itself a check.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

checks=(format layers words promises headers symbols shell cppcheck analyzer tidy)
build="build-lint"
jobs=$(nproc 2>/dev/null || echo 2)
flags=(-std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Isrc -Iinclude)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

sources() { # sources PATTERN FOLDER...: names, each ended by a NUL
    local pattern=$1 folder
    shift
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -type f -name "$pattern" -print0
    done | sort -z
}

any() { # whether standard input has anything
    [ -n "$(tr -d '\0' | head -c 1)" ]
}

check_format() {
    local version
    version=$(clang-format --version | sed -E 's/.*version ([0-9]+).*/\1/')
    if [ "$version" != 14 ]; then
        echo "not compared: clang-format is version $version here, and version 14 decides"
        return 0
    fi
    sources '*.[ch]' src tests fuzz bench tools | xargs -0 -r clang-format --dry-run -Werror 2>&1 |
        sed -n '/error\|warning/p' | sed -E 's/ \[-Wclang-format-violations\]//' | sort -u -t : -k 1,1 |
        sed 's/$/ (the first place in this file; run: clang-format -i)/' | fail_if_any
}

fail_if_any() { # shows standard input, and fails if there was any
    local text
    text=$(cat)
    [ -z "$text" ] || {
        printf '%s\n' "$text"
        return 1
    }
}

check_layers() { tools/check_layers.py; }

check_words() { tools/check_source.py; }

check_promises() { tools/check_promises.py; }

# Every header compiles alone, with gcc and with clang.
check_headers() {
    local header cc bad=0
    while IFS= read -r -d '' header; do
        printf '#include "%s"\ntypedef int not_empty;\n' "${header#*/}" >"$work/alone.c"
        for cc in gcc clang; do
            "$cc" "${flags[@]}" -Itests "${external[@]}" -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$work/alone.c" || {
                echo "$header does not compile alone ($cc)"
                bad=1
            }
        done
    done < <(sources '*.h' src include tests/support)
    return "$bad"
}

# Of the module as it is shipped: only C_... is visible, only libc is needed, hardened, stays loaded.
check_symbols() {
    local so=build/libcraton_hsm.so bad=0 dynamic
    if ! { tools/setup.sh build && ninja -C build; } >"$work/log" 2>&1; then
        tail -n 30 "$work/log"
        return 1
    fi
    [ -f "$so" ] || {
        echo "$so is not built"
        return 1
    }
    nm -D --defined-only "$so" | awk '$NF !~ /^C_[A-Za-z]+$/ { print "exported: " $NF; bad = 1 } END { exit bad }' || bad=1
    dynamic=$(readelf -d "$so")
    grep NEEDED <<<"$dynamic" | grep -v -E '\[(libc|ld-linux[^]]*)\.so\.[0-9]+\]' && bad=1
    grep -q NODELETE <<<"$dynamic" || { echo "not linked with -z nodelete"; bad=1; }
    grep -q BIND_NOW <<<"$dynamic" || { echo "not linked with -z now"; bad=1; }
    ! grep -q TEXTREL <<<"$dynamic" || { echo "has text relocations"; bad=1; }
    ! readelf -lW "$so" | grep GNU_STACK | grep -q 'RWE' || { echo "has an executable stack"; bad=1; }
    return "$bad"
}

check_shell() {
    local scripts=()
    mapfile -d '' scripts < <(
        grep -rlZ --exclude-dir=.git --exclude-dir='build*' -m 1 -E '^#!(/usr)?/bin/(env )?(ba)?sh' . | sort -z
    )
    shellcheck -x -P SCRIPTDIR "${scripts[@]}" tools/deps/lib.sh
}

check_cppcheck() {
    sources '*.c' src | any || return 0
    cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -j "$jobs" \
        --std=c11 --library=posix --library=gnu --suppress=missingIncludeSystem -D_GNU_SOURCE \
        --suppress=unusedStructMember --suppressions-list=tools/cppcheck.txt \
        -Isrc -Iinclude -U__cplusplus src
}

# gcc's analyzer understands `cleanup`, which clang's does not.
check_analyzer() {
    export -f analyze_one
    sources '*.c' src | xargs -0 -r -n 1 -P "$jobs" bash -c 'analyze_one "$@"' analyze \
        "${flags[@]}" "${external[@]}"
}

analyze_one() { # analyze_one FLAG... FILE
    gcc "$@" -O2 -fanalyzer -fdiagnostics-path-format=none -Wno-analyzer-too-complex -Wno-analyzer-use-of-uninitialized-value \
        -Werror -c -o /dev/null
}

check_tidy() {
    # Those that are built: without its command line a file cannot be read. One at a time: version 14
    # takes the va_list of a second file for an unset one.
    python3 -c 'import json, os, sys
for entry in json.load(open(sys.argv[1])):
    name = os.path.relpath(os.path.join(entry["directory"], entry["file"]))
    if name.startswith("src/"):
        sys.stdout.write(name + "\0")' "$build/compile_commands.json" | sort -zu |
        xargs -0 -r -n 1 -P "$jobs" clang-tidy --quiet -p "$build" >"$work/tidy" 2>"$work/tidy.err"
    local status=${PIPESTATUS[2]}
    grep -A 2 -E ': (error|warning):' "$work/tidy" # its reasoning is long: run it on that file to see it
    [ "$status" = 0 ] || grep -v -E 'warnings? generated|Suppressed|Use -header-filter|Use -system-headers' "$work/tidy.err" | tail -n 20
    return "$status"
}

prepare() {
    tools/deps/packages.sh --missing lint >"$work/missing"
    [ ! -s "$work/missing" ] ||
        die "missing packages: $(tr '\n' ' ' <"$work/missing"); run tools/deps/packages.sh lint"
    external=(-isystem "$(tools/deps/openssl.sh)/include" -isystem "$(tools/deps/sqlite.sh)/include"
        -isystem "$build/src/cratond") # where the build puts what protoc-c writes
}

main() {
    local check failed=()
    [ $# -gt 0 ] || set -- "${checks[@]}"
    prepare
    echo "== lint: clang, warnings as errors"
    if ! { CC=clang tools/setup.sh "$build" && ninja -k 0 -C "$build"; } >"$work/log" 2>&1; then
        grep -E 'error|ERROR|warning|FAILED' "$work/log"
        failed+=(clang)
    fi
    for check in "$@"; do
        declare -F "check_$check" >/dev/null || die "unknown check '$check'; there are: ${checks[*]}"
        echo "== lint: $check"
        "check_$check" || failed+=("$check")
    done
    if [ ${#failed[@]} -gt 0 ]; then
        echo "lint: found something: ${failed[*]}"
        exit 1
    fi
    echo "lint: nothing found"
}

main "$@"
