#!/usr/bin/env bash
# Prints the prefix of a private static SQLite 3.51.3 or later: include/sqlite3.h, lib/libsqlite3.a,
# VERSION, ORIGIN. Progress goes to stderr. Older versions can lose a committed transaction
# (https://sqlite.org/wal.html#walresetbug), and distributions ship them unpatched.
#
#   sqlite.sh             use the cache, else build from the newest source package of Debian
#   sqlite.sh --refresh   look for a newer source even when one is cached
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version_min=3.51.3
script_version=2

# shellcheck disable=SC2054 # the comma is part of a flag
compile_flags=(
    -O2 -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections
    -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wa,--noexecstack
    '-DSQLITE_API=__attribute__((visibility("hidden")))'
    -DSQLITE_THREADSAFE=2 -DSQLITE_DQS=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_SHARED_CACHE
    -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_AUTOINIT -DSQLITE_SECURE_DELETE -DSQLITE_MAX_MMAP_SIZE=0
    -DSQLITE_TEMP_STORE=3 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2 -DSQLITE_DEFAULT_MEMSTATUS=0
    -DHAVE_FDATASYNC=1
)

machine_flags() {
    local cc
    cc=$(deps_cc)
    ! cc_accepts "$cc" -fcf-protection=full || echo -fcf-protection=full
    ! cc_accepts "$cc" -fstack-clash-protection || echo -fstack-clash-protection
}

probe() { # probe PREFIX: links and answers with a version that is new enough
    local dir prefix=$1
    dir=$(work_dir probe)
    if (
        cd "$dir"
        cat >probe.c <<'C'
#include <sqlite3.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    int ok = sqlite3_initialize() == SQLITE_OK && sqlite3_threadsafe() == 2 &&
             sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK &&
             sqlite3_exec(db, "CREATE TABLE o(id INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT", NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(db);
    printf("%d\n", sqlite3_libversion_number());
    (void)argc;
    (void)argv;
    return ok && sqlite3_libversion_number() >= 3051003 ? 0 : 1;
}
C
        "$(deps_cc)" -I "$prefix/include" probe.c "$prefix/lib/libsqlite3.a" -o probe -lpthread -lm && ./probe
    ) >"$dir/log" 2>&1; then
        rm -rf "$dir"
        return 0
    fi
    sed 's/^/    /' "$dir/log" >&2
    rm -rf "$dir"
    return 1
}

# A forked child inherits SQLite's list of open files with the state of locks that it does not hold:
# opening a database anew there would skip the real locks. This adds a function that forgets the list
# (and what another thread may have held at the fork); nothing inherited is used, closed or freed.
fork_addition() {
    cat <<'C'
#include "sqlite3.c"
void sqlite3_hsm_after_fork(void);
void sqlite3_hsm_after_fork(void)
{
    int type;
    for (type = SQLITE_MUTEX_STATIC_MAIN; type <= SQLITE_MUTEX_STATIC_VFS3; type++) {
        sqlite3_mutex *mutex = sqlite3_mutex_alloc(type);
        if (mutex != 0)
            pthread_mutex_init(&mutex->mutex, 0);
    }
    inodeList = 0;
}
C
}

compile() { # compile SOURCE STAGE FLAG...
    local source=$1 stage=$2 log=$1/../build.log cc
    shift 2
    cc=$(deps_cc)
    say "sqlite: 1/3 making one source file of many"
    # The source brings its own small Tcl, jimsh, so that no tclsh is needed.
    (cd "$source" && CC=$cc ./configure --disable-tcl && make sqlite3.c) >"$log" 2>&1 || return 1
    mkdir -p "$stage/include" "$stage/lib"
    say "sqlite: 2/3 compiling"
    fork_addition >"$source/sqlite3_hsm.c"
    "$cc" "${compile_flags[@]}" "$@" -c "$source/sqlite3_hsm.c" -o "$stage/sqlite3.o" >>"$log" 2>&1 || return 1
    ar rcs "$stage/lib/libsqlite3.a" "$stage/sqlite3.o" >>"$log" 2>&1 || return 1
    rm "$stage/sqlite3.o"
    cp "$source/sqlite3.h" "$stage/include/"
    say "sqlite: 3/3 testing"
}

from_source() { # from_source KEY
    local key=$1 dir version prefix extra log
    log=$cache/sqlite-build.log
    need make make
    need patch patch
    need xz xz-utils
    dir=$(work_dir sqlite)
    # shellcheck disable=SC2064 # the directory is known now
    trap "rm -rf '$dir'" EXIT
    say "sqlite: fetching the newest source package of Debian (about 10 MB and the index)"
    apt_private "$dir" sid
    version=$(apt_source "$dir" sqlite3 '^3\.')
    printf '%s\n' "$version_min" "${version%%-*}" | sort -V -C ||
        die "the newest SQLite the mirror serves is $version; $version_min or later is needed"
    prefix=$cache/sqlite-${version//[^A-Za-z0-9.+-]/_}-$key
    if [ ! -e "$prefix/READY" ]; then
        say "sqlite: building $version with $(deps_cc), about half a minute, only once"
        mapfile -t extra < <(machine_flags)
        if ! compile "$dir/source" "$dir/stage" "${extra[@]}"; then
            cp "$dir/build.log" "$log"
            tail -n 30 "$log" | sed 's/^/    /' >&2
            die "SQLite does not build; the whole log is $log"
        fi
        probe "$dir/stage" || die "the SQLite just built does not work"
        echo "Debian source package sqlite3 $version" >"$dir/stage/ORIGIN"
        version=${version%%-*}
        echo "${version%%+*}" >"$dir/stage/VERSION"
        publish "$dir/stage" "$prefix"
    fi
    printf '%s\n' "$prefix"
}

main() {
    local refresh=0 key extra arg
    for arg in "$@"; do
        case $arg in
        --refresh) refresh=1 ;;
        *) die "usage: sqlite.sh [--refresh]" ;;
        esac
    done
    deps_cc >/dev/null
    mapfile -t extra < <(machine_flags)
    key=$(build_key "$script_version" "${compile_flags[@]}" "${extra[@]}")
    if [ "$refresh" = 0 ] && newest_of sqlite-3. "-$key"; then
        return
    fi
    lock_cache sqlite
    if [ "$refresh" = 0 ] && newest_of sqlite-3. "-$key"; then
        return # another run has just made it
    fi
    from_source "$key"
}

main "$@"
