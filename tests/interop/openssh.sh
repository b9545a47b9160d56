#!/usr/bin/env bash
# OpenSSH: ssh-keygen -D, a login to a local sshd with the key in the token, directly and through an
# agent. The sshd is a throw-away one: its own configuration and host key, a high port of loopback.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# sshd takes no port 0: try some.
start_sshd() {
    local _
    ssh-keygen -q -t ed25519 -N '' -f host_key
    for _ in 1 2 3 4 5 6 7 8; do
        port=$((20000 + RANDOM % 30000))
        write_sshd_conf
        : >sshd.log
        rm -f sshd.pid
        "$sshd" -D -e -f sshd_config 2>sshd.log &
        sshd_pid=$!
        wait_for_sshd && break
        wait "$sshd_pid" 2>/dev/null
        sshd_pid=
    done
    on_exit+=(stop_sshd)
    [ -n "$sshd_pid" ]
}

write_sshd_conf() {
    printf '%s\n' "ListenAddress 127.0.0.1" "Port $port" "HostKey \"$work/host_key\"" \
        "AuthorizedKeysFile \"$work/authorized_keys\"" "PidFile \"$work/sshd.pid\"" \
        'StrictModes no' 'UsePAM no' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no' \
        'PubkeyAuthentication yes' 'PermitRootLogin prohibit-password' 'LogLevel VERBOSE' >sshd_config
    printf '[127.0.0.1]:%s %s\n' "$port" "$(cat host_key.pub)" >known_hosts
}

# Until it says that it listens, or ends.
wait_for_sshd() {
    local log
    while kill -0 "$sshd_pid" 2>/dev/null; do
        log=$(cat sshd.log)
        case $log in *'Server listening'*) return 0 ;; esac
        read -r -t 0.05 <>"$work/never"
    done
    return 1
}

stop_sshd() { [ -z "$sshd_pid" ] || kill "$sshd_pid"; }

start_agent() { # it loads modules of the given path only
    agent_pid=$(ssh-agent -s -a "$work/agent" -P "$(realpath "$module")" |
        sed -n 's/^SSH_AGENT_PID=\([0-9]*\);.*/\1/p')
    export SSH_AUTH_SOCK=$work/agent
    on_exit+=(stop_agent)
}

stop_agent() { [ -z "$agent_pid" ] || kill "$agent_pid"; }

# ssh and ssh-add take a PIN from a program when there is no terminal.
write_askpass() {
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nprintf "%%s\\n" "$PIN"\n' >askpass
    chmod 700 askpass
    export SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force
}

public_keys() { ssh-keygen -D "$module" >keys && grep "$1" keys; }

login() { # login SSH-ARGUMENT...: and run a command there
    setsid ssh -F none -p "$port" -o "UserKnownHostsFile=\"$work/known_hosts\"" -o IdentitiesOnly=no \
        -o StrictHostKeyChecking=yes -o ConnectTimeout=20 -o PreferredAuthentications=publickey "$@" \
        "$(id -un)@127.0.0.1" 'echo logged in by the token'
}

# With one key only allowed, so that the key that works is known.
test_login() { # test_login NAME PATTERN-OF-PUBLIC-KEY
    grep "$2" keys >authorized_keys
    check_says "$1: ssh -I" 'logged in by the token' login -o IdentityAgent=none -I "$module"
    check_says "$1: sshd took that key" "Accepted publickey.*$(fingerprint)" cat sshd.log
    : >sshd.log
    check_says "$1: through the agent" 'logged in by the token' login
    check_says "$1: sshd took that key again" "Accepted publickey.*$(fingerprint)" cat sshd.log
    : >sshd.log
}

fingerprint() { ssh-keygen -l -f authorized_keys | cut -d ' ' -f 2 | sed 's/[+]/[+]/g'; }

# ssh-keygen signs a file and another ssh-keygen, without the token, verifies it.
test_signature() {
    grep "$2" keys | sed 's/^/me /' >signers
    grep "$2" keys >signer.pub
    rm -f message.sig
    check "$1: ssh-keygen -Y sign, through the agent" ssh-keygen -Y sign -f signer.pub -n file message
    check_says "$1: ssh-keygen -Y verify" 'Good "file" signature' verify_file
}

verify_file() { SSH_AUTH_SOCK='' ssh-keygen -Y verify -f signers -I me -n file -s message.sig <message; }

need pkcs11-tool opensc
need ssh-agent openssh-client
sshd=$(command -v sshd || echo /usr/sbin/sshd)
need "$sshd" openssh-server
begin
date >message
make_token
check 'RSA key' user --keypairgen --key-type rsa:2048 --id 01 --label ssh-rsa --usage-sign
check 'P-256 key' user --keypairgen --key-type EC:prime256v1 --id 02 --label ssh-p256 --usage-sign
check 'P-384 key' user --keypairgen --key-type EC:secp384r1 --id 03 --label ssh-p384 --usage-sign
write_askpass
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd # privilege separation: sshd will not start without
mkfifo never
check 'ssh-keygen -D lists the RSA key' public_keys ssh-rsa
check 'ssh-keygen -D lists the P-256 key' public_keys nistp256
check 'ssh-keygen -D lists the P-384 key' public_keys nistp384
check 'sshd started' start_sshd || exit 1
start_agent
check_fails 'the agent refuses a module not allowed' '' ssh-add -s /usr/lib/x86_64-linux-gnu/libc.so.6
check 'ssh-add -s' ssh-add -s "$(realpath "$module")"
check_says 'ssh-add lists the keys' nistp384 ssh-add -L
test_login RSA ssh-rsa
test_login P-256 nistp256
test_login P-384 nistp384
test_signature RSA ssh-rsa
test_signature P-256 nistp256
check 'ssh-add -e' ssh-add -e "$(realpath "$module")"
check_fails 'and the keys are gone' 'no identities' ssh-add -L
