#!/usr/bin/env bash
# setup.sh BUILD-DIRECTORY [MESON-ARGUMENT...]: makes the dependencies ready, with visible progress,
# and configures a build directory, unless it is already configured and no argument is given.
set -euo pipefail

[ $# -ge 1 ] || {
    echo "usage: tools/setup.sh BUILD-DIRECTORY [MESON-ARGUMENT...]" >&2
    exit 2
}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$1
shift

for tool in meson ninja; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "error: '$tool' is missing; run tools/deps/packages.sh build" >&2
        exit 1
    }
done
# Even when configured: the cache may have been emptied since.
case " $* " in
*" -Dopenssl=system "*) ;;
*" -Db_sanitize=thread "*) "$root/tools/deps/openssl.sh" --tsan >/dev/null ;;
*) "$root/tools/deps/openssl.sh" >/dev/null ;;
esac
"$root/tools/deps/sqlite.sh" >/dev/null

if [ ! -f "$build/build.ninja" ]; then
    exec meson setup "$@" "$build" "$root"
elif [ $# -gt 0 ] || [ -n "$(find "$root/src" "$root/tests" "$root/fuzz" -name meson.build -newer "$build/build.ninja")" ]; then
    # ninja notices a changed file by itself, but not a folder that is new.
    exec meson setup --reconfigure "$@" "$build" "$root"
fi
