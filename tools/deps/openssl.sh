#!/usr/bin/env bash
# Prints the prefix of a static OpenSSL 3.5 or later: include/, link.args (libcrypto),
# link-ssl.args (libssl and libcrypto), VERSION, ORIGIN. Progress goes to stderr.
#
#   openssl.sh             use the cache, else the distribution's library, else build from source
#   openssl.sh --refresh   look for a newer source even when one is cached
#   openssl.sh --source    never use the distribution's library
#   openssl.sh --tsan      one built with ThreadSanitizer: it must see the atomic counters, or it takes
#                          every free of a shared key for a race
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version_min=3.5
sanitize=()
version_regex='^3\.5\.'
script_version=1

# What a PKCS#11 token never needs is left out; DES stays for 3DES, DSO for a FIPS provider.
# shellcheck disable=SC2054 # the comma is part of a flag
configure_flags=(
    --prefix=/nonexistent/craton-hsm --libdir=lib --openssldir=/nonexistent/craton-hsm/ssl
    no-shared no-pinshared no-tests no-apps no-docs no-demos
    no-atexit no-autoload-config no-engine no-legacy no-async no-deprecated no-ui-console no-http
    no-ssl3 no-tls1 no-tls1_1 no-dtls no-quic no-srtp no-srp no-psk no-nextprotoneg no-ktls no-comp
    no-ct no-ocsp no-ts no-cmp no-cms no-rfc3779
    no-idea no-seed no-bf no-cast no-rc2 no-rc4 no-rc5 no-md4 no-mdc2 no-whirlpool no-rmd160 no-siphash
    no-aria no-camellia no-sm2 no-sm3 no-sm4 no-gost no-ec2m
    -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections
    -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wa,--noexecstack
)

machine_flags() { # what depends on the machine
    local cc
    cc=$(deps_cc)
    case $("$cc" -dumpmachine) in
    x86_64-*gnux32) ;;
    x86_64-* | aarch64-* | powerpc64le-*) echo enable-ec_nistp_64_gcc_128 ;;
    esac
    ! cc_accepts "$cc" -fcf-protection=full || echo -fcf-protection=full
    ! cc_accepts "$cc" -fstack-clash-protection || echo -fstack-clash-protection
}

# A library is good when a shared object made of it passes probe_openssl.c in another process and
# shows none of its symbols.
probe() { # probe PREFIX
    local prefix=$1 dir cc leaked
    cc=$(deps_cc)
    dir=$(work_dir probe)
    (
        cd "$dir"
        printf '{ global: probe_run; local: *; };\n' >probe.map
        mapfile -t link <"$prefix/link.args"
        "$cc" -O2 -fPIC -fvisibility=hidden "${sanitize[@]}" -shared -I "$prefix/include" "$deps_dir/probe_openssl.c" \
            -o probe.so -Wl,--version-script=probe.map -Wl,--exclude-libs,ALL -Wl,-Bsymbolic \
            -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,nodelete,-z,noexecstack "${link[@]}"
        "$cc" -O2 "${sanitize[@]}" -DPROBE_LOADER "$deps_dir/probe_openssl.c" -o probe -ldl
        leaked=$(nm -D --defined-only probe.so | awk '$NF !~ /^probe_run/ { print $NF }')
        [ -z "$leaked" ] || { echo "symbols leak: $leaked"; exit 1; }
        # The address layout of new kernels is more random than older TSan runtimes can bear.
        if [ ${#sanitize[@]} -gt 0 ] && setarch -R true 2>/dev/null; then
            setarch -R ./probe ./probe.so
        else
            ./probe ./probe.so
        fi
    ) >"$dir/log" 2>&1 && { rm -rf "$dir"; return 0; }
    tail -n 20 "$dir/log" | sed 's/^/    /' >&2
    rm -rf "$dir"
    return 1
}

# The distribution's library, if new enough and static: a prefix that only points to it.
from_distribution() {
    local version libdir include key prefix stage
    command -v pkg-config >/dev/null 2>&1 || return 1
    pkg-config --atleast-version="$version_min" libcrypto 2>/dev/null || return 1
    libdir=$(pkg-config --variable=libdir libcrypto)
    include=$(pkg-config --variable=includedir libcrypto)
    [ -f "$libdir/libcrypto.a" ] && [ -f "$libdir/libssl.a" ] || return 1
    version=$(pkg-config --modversion libcrypto)
    key=$(build_key "$script_version" distribution "$(sha256sum "$libdir/libcrypto.a")")
    prefix=$cache/openssl-distribution-$version-$key
    if [ ! -e "$prefix/READY" ]; then
        stage=$(work_dir openssl)
        mkdir -p "$stage/include"
        ln -s "$include/openssl" "$stage/include/openssl"
        # Debian splits off what differs between machines.
        local multiarch
        multiarch=$include/$("$(deps_cc)" -print-multiarch 2>/dev/null || true)
        [ -d "$multiarch/openssl" ] && merge_headers "$stage/include" "$include" "$multiarch"
        distribution_args "$libdir" libcrypto >"$stage/link.args"
        distribution_args "$libdir" libssl >"$stage/link-ssl.args"
        echo "$version" >"$stage/VERSION"
        echo "the distribution's $libdir/libcrypto.a" >"$stage/ORIGIN"
        say "openssl: testing $libdir/libcrypto.a $version"
        if ! probe "$stage"; then
            say "openssl: the distribution's static library does not pass the probe; building instead"
            rm -rf "$stage"
            return 1
        fi
        publish "$stage" "$prefix"
        rm -rf "$stage"
    fi
    printf '%s\n' "$prefix"
}

merge_headers() { # merge_headers TARGET COMMON MACHINE: one openssl/ folder of links
    rm -f "$1/openssl"
    mkdir "$1/openssl"
    ln -s "$2"/openssl/*.h "$1/openssl/"
    ln -sf "$3"/openssl/*.h "$1/openssl/"
}

distribution_args() { # distribution_args LIBDIR NAME: one link argument a line, static where possible
    local arg lib
    for arg in $(pkg-config --static --libs-only-l "$2"); do
        lib=$1/lib${arg#-l}.a
        case $arg in
        -ldl | -lpthread) ;; # empty since glibc 2.34
        -l*) if [ -f "$lib" ]; then echo "$lib"; else echo "$arg"; fi ;;
        esac
    done
    echo -lpthread
    echo -ldl
}

target() { # Configure's name of this machine; none: let it guess
    case $("$(deps_cc)" -dumpmachine) in
    x86_64-*gnux32) echo linux-x32 ;;
    x86_64-*linux*) echo linux-x86_64 ;;
    aarch64-*linux*) echo linux-aarch64 ;;
    i?86-*linux*) echo linux-x86 ;;
    esac
}

compile() { # compile SOURCE STAGE FLAG...: builds SOURCE and puts the result into STAGE
    local source=$1 stage=$2 total jobs log=$1/../build.log
    shift 2
    jobs=$(nproc 2>/dev/null || echo 2)
    (
        cd "$source"
        export CC
        CC=$(deps_cc)
        # shellcheck disable=SC2046 # no target is no argument
        ./Configure $(target) "${configure_flags[@]}" "$@"
        make build_generated
    ) >"$log" 2>&1 || return 1
    total=$(make -n -C "$source" build_libs 2>/dev/null | grep -c -E '[[:space:]]-c[[:space:]]' || true)
    make -C "$source" -j "$jobs" build_libs 2>&1 | tee -a "$log" | progress "openssl: building" "$total" || return 1
    mkdir -p "$stage/include/openssl" "$stage/lib"
    cp "$source"/include/openssl/*.h "$stage/include/openssl/"
    cp "$source/libcrypto.a" "$source/libssl.a" "$stage/lib/"
    cp "$source/LICENSE.txt" "$stage/"
}

write_args() { # write_args STAGE PREFIX: arguments for a library that will live in PREFIX
    printf '%s\n' "$2/lib/libcrypto.a" -lpthread -ldl >"$1/link.args"
    printf '%s\n' "$2/lib/libssl.a" "$2/lib/libcrypto.a" -lpthread -ldl >"$1/link-ssl.args"
}

from_source() { # from_source KEY FLAG...
    local key=$1 dir version prefix log
    shift
    log=$cache/openssl-build.log
    need make make
    need perl perl
    need patch patch
    need xz xz-utils
    dir=$(work_dir openssl)
    # shellcheck disable=SC2064 # the directory is known now
    trap "rm -rf '$dir'" EXIT
    say "openssl: fetching the source package of Debian 13 (about 53 MB)"
    apt_private "$dir" trixie trixie-security
    version=$(apt_source "$dir" openssl "$version_regex")
    prefix=$cache/openssl-${version//[^A-Za-z0-9.+-]/_}-$key
    if [ -e "$prefix/READY" ]; then # a refresh that found nothing newer
        printf '%s\n' "$prefix"
        return
    fi
    say "openssl: building $version with $(deps_cc), a few minutes, only once"
    if ! compile "$dir/source" "$dir/stage" "$@"; then
        cp "$dir/build.log" "$log"
        tail -n 30 "$log" | sed 's/^/    /' >&2
        die "OpenSSL does not build; the whole log is $log"
    fi
    write_args "$dir/stage" "$dir/stage"
    probe "$dir/stage" || die "the OpenSSL just built does not pass tools/deps/probe_openssl.c"
    write_args "$dir/stage" "$prefix"
    echo "${version%%-*}" >"$dir/stage/VERSION"
    echo "Debian source package openssl $version" >"$dir/stage/ORIGIN"
    publish "$dir/stage" "$prefix"
    printf '%s\n' "$prefix"
}

main() {
    local refresh=0 distribution=1 extra arg variant
    for arg in "$@"; do
        case $arg in
        --refresh) refresh=1 ;;
        --source) distribution=0 ;;
        --tsan)
            distribution=0
            # OpenSSL sets this macro itself, but with clang only: TSan does not model its fences.
            sanitize=(-fsanitize=thread -DOSSL_TSAN_BUILD)
            ;;
        *) die "usage: openssl.sh [--refresh] [--source] [--tsan]" ;;
        esac
    done
    deps_cc >/dev/null
    if [ "$distribution" = 1 ] && from_distribution; then
        return
    fi
    mapfile -t extra < <(machine_flags)
    extra+=("${sanitize[@]}")
    variant=$(build_key "$script_version" "${configure_flags[@]}" "${extra[@]}")
    if [ "$refresh" = 0 ] && newest_of openssl-3. "-$variant"; then
        return
    fi
    lock_cache openssl
    if [ "$refresh" = 0 ] && newest_of openssl-3. "-$variant"; then
        return # another run has just made it
    fi
    from_source "$variant" "${extra[@]}"
}

main "$@"
