#!/usr/bin/env bash
# Prints the path of an openssl command of 3.5 or later, for the tests that check post-quantum keys with
# another program: the machine's own, else that of Debian 13, unpacked into the cache with the libraries
# it needs and not installed. Progress goes to stderr; without one there is no output and a status of 1.
# The private library can't serve: it is built without the command, and trimmed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

from_machine() {
    local version
    version=$(openssl version 2>/dev/null) || return 1
    [[ $version =~ ^OpenSSL\ (3\.([5-9]|[1-9][0-9])|[4-9]) ]] || return 1
    command -v openssl
}

# With the C library it was built for, which may be newer than the machine's.
write_command() { # write_command STAGE PREFIX
    local loader
    loader=$(cd "$1" && find lib -name 'ld-linux*.so.*' | head -n 1)
    [ -n "$loader" ] || return 1
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$2/$loader" "$2/lib" "$2/openssl.bin" \
        >"$1/openssl"
    chmod 755 "$1/openssl"
}

from_debian() {
    local dir version prefix
    dir=$(work_dir openssl-command)
    # shellcheck disable=SC2064 # the directory is known now
    trap "rm -rf '$dir'" EXIT
    version=$(debian_unpack "$dir" openssl libssl3t64 libc6 zlib1g libzstd1) || return 1
    prefix=$cache/openssl-command-${version//[^A-Za-z0-9.+-]/_}
    mkdir -p "$dir/stage/lib"
    cp "$dir"/root/usr/lib/*-linux-*/*.so.* "$dir/stage/lib/"
    cp "$dir/root/usr/bin/openssl" "$dir/stage/openssl.bin"
    write_command "$dir/stage" "$prefix" || return 1
    publish "$dir/stage" "$prefix"
    "$prefix/openssl" version >/dev/null || return 1
    printf '%s\n' "$prefix/openssl"
}

from_machine || fetched openssl-command openssl 'the command (about 7 MB)'
