#!/usr/bin/env bash
# fips_provider.sh PROGRAM TOOLS: runs PROGRAM with a fips.so to load, or says why it does not.
set -uo pipefail
if ! CRATON_HSM_FIPS_MODULE=$("$2/deps/fips_provider.sh" 2>/dev/null); then
    echo '1..0 # SKIP no fips.so: openssl-provider-fips is not installed and could not be fetched'
    exit 0
fi
export CRATON_HSM_FIPS_MODULE
exec "$1"
