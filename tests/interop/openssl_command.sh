#!/usr/bin/env bash
# openssl_command.sh PROGRAM TOOLS: runs PROGRAM with an openssl command of 3.5 or later to compare
# with, or says why it does not.
set -uo pipefail
if ! CRATON_HSM_OPENSSL=$("$2/deps/openssl_command.sh" 2>/dev/null); then
    echo '1..0 # SKIP no openssl command of 3.5: the machine has an older one and none could be fetched'
    exit 0
fi
export CRATON_HSM_OPENSSL
exec "$1"
