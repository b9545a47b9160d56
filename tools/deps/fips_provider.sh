#!/usr/bin/env bash
# Prints the path of a fips.so of OpenSSL's FIPS provider, for the tests of crypto_backend =
# "openssl-fips": the machine's own (openssl-provider-fips), else that of Debian 13, unpacked into
# the cache and not installed. Progress goes to stderr; without one there is no output and a status of 1.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

from_machine() {
    local file
    for file in /usr/lib/*/ossl-modules/fips.so /usr/lib64/ossl-modules/fips.so; do
        [ -f "$file" ] && printf '%s\n' "$file" && return
    done
    return 1
}

from_debian() {
    local dir version prefix
    dir=$(work_dir fips)
    # shellcheck disable=SC2064 # the directory is known now
    trap "rm -rf '$dir'" EXIT
    version=$(debian_unpack "$dir" openssl-provider-fips) || return 1
    mkdir -p "$dir/stage/ossl-modules"
    cp "$dir"/root/usr/lib/*/ossl-modules/fips.so "$dir/stage/ossl-modules/"
    prefix=$cache/openssl-fips-${version//[^A-Za-z0-9.+-]/_}
    publish "$dir/stage" "$prefix"
    printf '%s\n' "$prefix/ossl-modules/fips.so"
}

from_machine || fetched openssl-fips ossl-modules/fips.so 'the FIPS provider (about 2 MB)'
