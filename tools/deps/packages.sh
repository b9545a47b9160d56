#!/usr/bin/env bash
# The Debian packages this project uses, by purpose, and their installation.
#
#   packages.sh PURPOSE...          install what is missing (as root, or through sudo)
#   packages.sh --list PURPOSE...   print the names
#   packages.sh --missing PURPOSE...  print the names that are not installed
#
# When nothing is missing, nothing is run: it works offline then.
set -euo pipefail

# purpose  release(s)  package
table='
build    12,13  gcc
build    12,13  libc6-dev
build    12,13  make
build    12,13  meson
build    12,13  ninja-build
build    12,13  pkgconf
build    12,13  python3
build    12,13  perl
build    12,13  patch
build    12,13  xz-utils
build    12,13  debian-archive-keyring
build    12,13  libnghttp2-dev
build    12,13  libprotobuf-c-dev
build    12,13  protobuf-c-compiler
build    13     libssl-dev
build    13     zlib1g-dev
build    13     libzstd-dev
try      12,13  opensc
try      12,13  openssl
test     12,13  openssl
test     12,13  binutils
test     12,13  tmux
test     12,13  valgrind
interop  12,13  opensc
interop  12,13  openssl
interop  12,13  gnutls-bin
interop  12,13  p11-kit
interop  12,13  p11-kit-modules
interop  12,13  libengine-pkcs11-openssl
interop  13     pkcs11-provider
interop  12,13  default-jdk-headless
interop  12,13  libnss3-tools
interop  12,13  openssh-client
interop  12,13  openssh-server
interop  12,13  python3-cryptography
interop  12,13  python3-pykcs11
interop  12,13  bind9-utils
interop  12,13  bind9-dnsutils
interop  12,13  knot
interop  12,13  knot-dnssecutils
interop  12,13  nodejs
interop  12,13  softhsm2
interop  12,13  strace
interop  12,13  protobuf-compiler
interop  12,13  protobuf-compiler-grpc
interop  12,13  python3-grpcio
interop  12,13  golang-go
interop  12,13  golang-google-grpc-dev
interop  12,13  protoc-gen-go-1-3
interop  12,13  protobuf-compiler-grpc-java-plugin
interop  12,13  libgrpc-java
interop  12,13  libnetty-java
interop  12,13  libnetty-tcnative-java
interop  12,13  libnetty-tcnative-jni
interop  12,13  libperfmark-java
interop  12,13  libprotobuf-java
interop  12,13  python3-h2
interop  12,13  python3-protobuf
interop  12,13  python3-yaml
lint     12,13  binutils
lint     12,13  clang
lint     12,13  clang-format
lint     12,13  clang-tidy
lint     12,13  cppcheck
lint     12,13  shellcheck
fuzz     12,13  clang
fuzz     12,13  libclang-rt-dev
cover    12,13  gcovr
bench    12,13  libnss3
bench    12,13  softhsm2
bench    12,13  strace
'

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

release() { # 12 or 13; a later Debian or a testing one counts as the newest known
    local id='' version=''
    # shellcheck disable=SC1091
    [ ! -r /etc/os-release ] || { id=$(. /etc/os-release && echo "${ID:-}") && version=$(. /etc/os-release && echo "${VERSION_ID:-13}"); }
    [ "$id" = debian ] || return 1
    if [ "${version%%.*}" -le 12 ]; then echo 12; else echo 13; fi
}

packages() { # packages RELEASE PURPOSE...
    local rel=$1
    shift
    awk -v rel="$rel" -v wanted=" $* " '
        NF == 3 && index(wanted, " " $1 " ") && index("," $2 ",", "," rel ",") { print $3 }' \
        <<<"$table" | sort -u
}

missing() { # reads names, prints those that are not installed
    local name
    while read -r name; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

sudo=()
policy=/usr/sbin/policy-rc.d

# Tests need the programs of these packages, not a service that starts now or at the next boot.
hold_services() {
    [ -e "$policy" ] && return
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod 755 "$policy"
    trap release_services EXIT
}

release_services() {
    "${sudo[@]}" rm -f "$policy"
    trap - EXIT
}

disable_services() { # disable_services NAME...: of packages that were just installed
    local name
    command -v systemctl >/dev/null 2>&1 || return 0
    for name in "$@"; do
        case $name in
        openssh-server) "${sudo[@]}" systemctl disable ssh.service ssh.socket ;;
        knot) "${sudo[@]}" systemctl disable knot.service ;;
        esac >/dev/null 2>&1 || true
    done
}

install_packages() { # install_packages NAME...
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            die "these packages are missing and this is not root, without sudo: $*
       run as root: apt-get install --no-install-recommends $*"
        sudo=(sudo)
    fi
    printf 'installing: %s\n' "$*" >&2
    case " $* " in *" openssh-server "* | *" knot "*) hold_services ;; esac
    # A stale or absent index is the usual reason for a failure: refresh it once, then try again.
    apt_install "$@" || { "${sudo[@]}" apt-get -q update >&2 && apt_install "$@"; } ||
        die "apt-get could not install: $*"
    if [ -n "$(trap -p EXIT)" ]; then
        release_services
        disable_services "$@"
    fi
}

apt_install() {
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@" >&2
}

main() {
    local mode=install rel purpose names=()
    case ${1:-} in
    --list | --missing)
        mode=${1#--}
        shift
        ;;
    esac
    [ $# -gt 0 ] || die "usage: packages.sh [--list | --missing] build | try | test | interop | lint | fuzz | cover | bench ..."
    for purpose in "$@"; do
        grep -q "^$purpose " <<<"$table" || die "unknown purpose: $purpose"
    done
    if ! rel=$(release); then
        [ "$mode" != install ] || {
            echo "note: not Debian; the packages for '$*' are not installed by this script" >&2
            return
        }
        rel=13
    fi
    case $mode in
    list) packages "$rel" "$@" ;;
    missing) packages "$rel" "$@" | missing ;;
    install)
        mapfile -t names < <(packages "$rel" "$@" | missing)
        [ ${#names[@]} -eq 0 ] || install_packages "${names[@]}"
        ;;
    esac
}

main "$@"
