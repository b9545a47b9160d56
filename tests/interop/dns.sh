#!/usr/bin/env bash
# DNSSEC: Knot makes zone keys in the token and signs with them; BIND signs with keys made before,
# through pkcs11-provider. dnssec-verify and kzonecheck, without the token, verify.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

write_zone() {
    # shellcheck disable=SC2016
    printf '%s\n' '$TTL 3600' '@ IN SOA ns.example. admin.example. 1 3600 900 604800 3600' \
        '@ IN NS ns.example.' 'ns IN A 192.0.2.1' 'www IN A 192.0.2.2' 'www IN AAAA 2001:db8::2' >"$1"
}

# --- Knot ----------------------------------------------------------------------------------------

# Knot reads "URI MODULE": a path with spaces would end at the first, so it gets a link without.
write_knot_conf() { # write_knot_conf ALGORITHM
    mkdir -p knot.db zones
    ln -sf "$(realpath "$module")" "$link/module.so"
    printf '%s\n' 'database:' "  storage: \"$work/knot.db\"" 'keystore:' '  - id: token' '    backend: pkcs11' \
        "    config: \"pkcs11:token=$token;pin-value=$PIN $link/module.so\"" 'policy:' '  - id: hsm' \
        '    keystore: token' "    algorithm: $1" '    single-type-signing: off' 'zone:' '  - domain: example' \
        "    storage: \"$work/zones\"" '    file: example.zone' '    dnssec-signing: on' \
        '    dnssec-policy: hsm' >knot.conf
}

test_knot() { # test_knot ALGORITHM
    need_program kzonesign knot-dnssecutils "knot $1" || return
    rm -rf knot.db zones
    write_knot_conf "$1"
    write_zone zones/example.zone
    check "knot $1: signs, with new keys in the token" kzonesign -c knot.conf -o "$work/zones" example || return
    check_says "knot $1: the keys are in the token" 'Private Key Object' user --list-objects --type privkey
    check "knot $1: kzonecheck" kzonecheck -d on -o example zones/example.zone
    verify_zone "knot $1" zones/example.zone
    check "knot $1: signs again with the same keys" kzonesign -c knot.conf -o "$work/zones" -r example
    verify_zone "knot $1, again" zones/example.zone
}

verify_zone() { # verify_zone LABEL FILE
    need_program dnssec-verify bind9-utils "$1" || return
    check_says "$1: dnssec-verify" 'Zone fully signed|signed correctly|The zone is fully signed' \
        dnssec-verify -o example "$2"
}

need_program() { # need_program NAME PACKAGE LABEL
    command -v "$1" >/dev/null && return
    skip "$3" "no $1 (package $2)"
    return 1
}

# --- BIND ----------------------------------------------------------------------------------------

write_bind_conf() {
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = default_sect' \
        'pkcs11 = pkcs11_sect' '[default_sect]' 'activate = 1' '[pkcs11_sect]' 'activate = 1' \
        "module = $provider" "pkcs11-module-path = $module" "pkcs11-module-token-pin = file:$work/pin" >bind.cnf
}

bind_tool() { OPENSSL_CONF=$work/bind.cnf "$@"; }

bind_key() { # bind_key LABEL ALGORITHM KEYFROMLABEL-ARGUMENT...
    bind_tool dnssec-keyfromlabel -a "$2" -l "pkcs11:token=$token;object=$1;pin-source=$link/pin" \
        -K bind "${@:3}" example
}

test_bind() { # test_bind ALGORITHM KEY-TYPE ID
    rm -rf bind
    mkdir bind
    write_zone bind/example.zone
    check "bind $1: KSK made" user --keypairgen --key-type "$2" --id "$3" --label "ksk$3" --usage-sign
    check "bind $1: ZSK made" user --keypairgen --key-type "$2" --id "${3}01" --label "zsk$3" --usage-sign
    check "bind $1: dnssec-keyfromlabel KSK" bind_key "ksk$3" "$1" -f KSK || return
    check "bind $1: dnssec-keyfromlabel ZSK" bind_key "zsk$3" "$1" || return
    check "bind $1: dnssec-signzone" bind_tool dnssec-signzone -S -K bind -o example \
        -f bind/example.signed bind/example.zone || return
    verify_zone "bind $1" bind/example.signed
    need_program kzonecheck knot-dnssecutils "bind $1: kzonecheck" &&
        check "bind $1: kzonecheck" kzonecheck -d on -o example bind/example.signed
}

need pkcs11-tool opensc
begin
link=$(mktemp -d /tmp/craton-interop.XXXXXX)
on_exit+=(remove_link)
remove_link() { rm -rf "$link"; }
cp pin "$link/pin"
make_token
test_knot ecdsap256sha256
test_knot rsasha256
provider=$(find /usr/lib/*/ossl-modules -name pkcs11.so 2>/dev/null | head -n 1)
if ! command -v dnssec-signzone >/dev/null; then
    skip bind 'no dnssec-signzone (package bind9-utils)'
elif [ -z "$provider" ]; then
    # BIND 9.18 fails with "could not initialize dst: crypto failure" as soon as it is told -E pkcs11,
    # before it opens any PKCS#11 module: with Debian 12's engine, and with SoftHSM2 as well.
    skip bind 'no pkcs11-provider (in Debian since 13); the engine fails in BIND 9.18 itself'
else
    write_bind_conf
    test_bind ECDSAP256SHA256 EC:prime256v1 21
    test_bind RSASHA256 rsa:2048 31
fi
