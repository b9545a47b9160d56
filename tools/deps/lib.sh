# shellcheck shell=bash
# Shared by the dependency scripts: cache, lock, progress and Debian sources. Sourced, never run.
#
# A dependency script prints one line on stdout, the prefix of a ready static library, and talks
# on stderr only. Results live outside the checkout, in $CRATON_HSM_CACHE or the user's cache
# directory, under a name made from version, flags, compiler and machine.

# shellcheck disable=SC2034 # for the scripts that source this
deps_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

need() { # need COMMAND PACKAGE: stops unless COMMAND exists
    command -v "$1" >/dev/null 2>&1 || die "'$1' is missing; install the package '$2' (or run tools/deps/packages.sh build)"
}

set_cache() { # sets $cache: where results are kept
    if [ -n "${CRATON_HSM_CACHE:-}" ]; then
        cache=$CRATON_HSM_CACHE
    elif [ -n "${XDG_CACHE_HOME:-${HOME:-}}" ]; then
        cache=${XDG_CACHE_HOME:-$HOME/.cache}/craton-hsm
    else
        die "HOME is not set; set CRATON_HSM_CACHE to a directory for built dependencies"
    fi
    cache=$cache/deps
    mkdir -p "$cache" 2>/dev/null || die "cannot create the cache directory $cache (set CRATON_HSM_CACHE)"
    cache=$(cd "$cache" && pwd)
}

# The dependencies are C libraries behind a C interface: one compiler serves gcc and clang builds.
deps_cc() {
    local cc=${CRATON_HSM_DEPS_CC:-}
    if [ -z "$cc" ]; then
        if command -v gcc >/dev/null 2>&1; then cc=gcc; else cc=cc; fi
    fi
    command -v "$cc" >/dev/null 2>&1 || die "no C compiler; install the package 'gcc' (or run tools/deps/packages.sh build)"
    printf '%s\n' "$cc"
}

cc_accepts() { # cc_accepts CC FLAG...: whether the compiler takes the flags
    local cc=$1
    shift
    echo 'int x;' | "$cc" -Werror "$@" -x c -c -o /dev/null - 2>/dev/null
}

build_key() { # build_key WORD...: 16 hex digits of everything that shapes the result
    printf '%s\n' "$@" "$(deps_cc)" "$("$(deps_cc)" --version | head -n 1)" "$("$(deps_cc)" -dumpmachine)" |
        sha256sum | cut -c 1-16
}

lock_cache() { # lock_cache NAME: one build of NAME at a time; released at exit
    need flock util-linux
    exec 9>"$cache/.$1.lock" || die "cannot write to the cache directory $cache"
    if ! flock -n 9; then
        say "$1: waiting for another build to finish"
        flock 9
    fi
}

newest_of() { # newest_of PREFIX SUFFIX: the cached directory with the highest version between the two
    local dir best=
    while IFS= read -r dir; do
        [ -e "$dir/READY" ] && best=$dir
    done < <(find "$cache" -maxdepth 1 -type d -name "$1*$2" | sort -V)
    [ -n "$best" ] && printf '%s\n' "$best"
}

work_dir() { # work_dir NAME: a fresh directory; its path has no spaces, which some builds cannot bear
    local base=${TMPDIR:-/tmp}
    case $base in *[[:space:]]*) base=/tmp ;; esac
    mktemp -d "$base/craton-hsm-$1.XXXXXX" || die "cannot make a temporary directory in $base"
}

publish() { # publish STAGED FINAL: moves a finished prefix into the cache in one step
    local temp
    temp=$(mktemp -d "$cache/.new.XXXXXX") || die "cannot write to the cache $cache"
    chmod 755 "$temp"
    cp -R "$1/." "$temp/" || die "cannot copy into the cache"
    : >"$temp/READY"
    [ -e "$2/READY" ] || rm -rf "$2"
    if ! mv -T "$temp" "$2" 2>/dev/null; then
        rm -rf "$temp"
        [ -e "$2/READY" ] || die "cannot move the result to $2" # else another run was first
    fi
}

progress() { # progress LABEL TOTAL: reads build output, shows how many of TOTAL compiles are done
    awk -v label="$1" -v total="$2" -v tty="$([ -t 2 ] && echo 1)" '
        { if ($0 ~ /[ \t]-c[ \t]/) n++ }
        {
            pct = total > 0 ? int(n * 100 / total) : 0
            if (pct > 100) pct = 100
            if (tty && pct != last) printf "\r%s: %d%%", label, pct > "/dev/stderr"
            if (!tty && int(pct / 10) != int(last / 10)) printf "%s: %d%%\n", label, pct > "/dev/stderr"
            last = pct
            fflush("/dev/stderr")
        }
        END { if (tty) printf "\n" > "/dev/stderr" }'
}

set_cache

# --- Debian source packages, without touching the configuration of this machine ---

archive_key=/usr/share/keyrings/debian-archive-keyring.gpg

debian_mirrors() { # prints "main URI" and "security URI" as the machine's own apt is set up
    if [ -n "${CRATON_HSM_DEBIAN_MIRROR:-}" ]; then
        printf 'main %s\n' "$CRATON_HSM_DEBIAN_MIRROR"
        [ -z "${CRATON_HSM_DEBIAN_SECURITY_MIRROR:-}" ] ||
            printf 'security %s\n' "$CRATON_HSM_DEBIAN_SECURITY_MIRROR"
        return
    fi
    # apt itself reads its .sources and .list files, so every form it knows works here.
    # shellcheck disable=SC2016 # $(...) is apt's own
    apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' 2>/dev/null | sort -u |
        awk '$2 ~ /-security$/ || $2 ~ /\/updates$/ { if (!s++) print "security", $1; next }
             $2 ~ /-(updates|backports|proposed-updates)$/ { next }
             $1 ~ /debian/ && !m++ { print "main", $1 }'
}

apt_private() { # apt_private DIR SUITE...: writes DIR/apt.conf for deb-src of the suites, and updates
    local dir=$1 mirrors main security suite options
    shift
    command -v apt-get >/dev/null 2>&1 ||
        die "there is no ready library here, and building one needs the apt of a Debian system"
    [ -r "$archive_key" ] || die "$archive_key is missing; install the package 'debian-archive-keyring'"
    mirrors=$(debian_mirrors)
    main=$(printf '%s\n' "$mirrors" | sed -n 's/^main //p')
    security=$(printf '%s\n' "$mirrors" | sed -n 's/^security //p')
    [ -n "$main" ] || die "this machine's apt names no Debian mirror; set CRATON_HSM_DEBIAN_MIRROR to the URI of one"

    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/download"
    : >"$dir/status"
    : >"$dir/sources.list"
    for suite in "$@"; do
        options="signed-by=$archive_key"
        # sid's index expires within days: a mirror that lags is still authentic.
        [ "$suite" = sid ] && options="$options check-valid-until=no"
        case $suite in
        *-security) [ -z "$security" ] || echo "deb-src [$options] $security $suite main" ;;
        *) echo "deb-src [$options] $main $suite main" ;;
        esac >>"$dir/sources.list"
    done
    {
        # Proxies and the like are kept, anything that weakens authentication is not.
        apt-config dump | grep -i '^Acquire::' | grep -vi -e '::Allow' -e 'Unauthenticated' || true
        echo "Dir::Etc::sourcelist \"$dir/sources.list\"; Dir::Etc::sourceparts \"/dev/null\";"
        echo 'Dir::Etc::main "/dev/null"; Dir::Etc::parts "/dev/null";'
        echo "Dir::State \"$dir\"; Dir::State::lists \"$dir/lists\"; Dir::State::status \"$dir/status\";"
        echo "Dir::Cache \"$dir/cache\"; Acquire::Languages \"none\"; Acquire::Retries \"2\";"
        echo 'Acquire::AllowInsecureRepositories "false"; APT::Get::AllowUnauthenticated "false";'
        [ "$(id -u)" != 0 ] || echo 'APT::Sandbox::User "root";'
    } >"$dir/apt.conf"
    # Not fatal: one expired index must not hide the others; without any there is no version below.
    APT_CONFIG="$dir/apt.conf" apt-get -q update >"$dir/update.log" 2>&1 ||
        say "note: some source indexes could not be refreshed"
}

# apt_source DIR PACKAGE REGEX: downloads and unpacks the newest version whose name matches and which
# the mirror still serves into DIR/source, patched; prints the version.
apt_source() {
    local dir=$1 package=$2 regex=$3 version patch versions
    versions=$(APT_CONFIG="$dir/apt.conf" apt-cache showsrc --only-source "$package" 2>/dev/null |
        sed -n 's/^Version: //p' | grep -E "$regex" | sort -Vr | uniq || true)
    if [ -z "$versions" ]; then
        sed 's/^/    /' "$dir/update.log" >&2
        die "no source package of $package is known; is the network or the mirror down?"
    fi
    for version in $versions; do
        rm -rf "$dir/download"
        mkdir -p "$dir/download"
        if (cd "$dir/download" && APT_CONFIG="$dir/apt.conf" apt-get -q source --only-source \
            --download-only "$package=$version") >"$dir/download.log" 2>&1; then
            break
        fi
        say "$package $version is listed but not served; trying the next older one"
        version=
    done
    if [ -z "$version" ]; then
        sed 's/^/    /' "$dir/download.log" >&2
        die "no source package of $package could be downloaded"
    fi
    mkdir -p "$dir/source"
    rm -f "$dir/download/"*.asc # upstream's signature; apt has checked the whole package already
    tar -xf "$dir/download/"*.orig.tar.* -C "$dir/source" --strip-components=1 ||
        die "cannot unpack the source of $package"
    tar -xf "$dir/download/"*.debian.tar.* -C "$dir/source" || die "cannot unpack the patches of $package"
    if [ -f "$dir/source/debian/patches/series" ]; then
        while read -r patch _; do
            case $patch in '' | '#'*) continue ;; esac
            patch -s -p1 -d "$dir/source" <"$dir/source/debian/patches/$patch" >&2 ||
                die "the patch $patch of $package does not apply"
        done <"$dir/source/debian/patches/series"
    fi
    printf '%s\n' "$version"
}

# debian_unpack DIR PACKAGE...: fetches these packages of Debian 13, ready ones, into DIR/root without
# installing them; prints the version of the first.
debian_unpack() {
    local dir=$1 file
    shift
    apt_private "$dir" trixie trixie-security
    sed -i 's/^deb-src/deb/' "$dir/sources.list"
    APT_CONFIG="$dir/apt.conf" apt-get -q update >"$dir/update.log" 2>&1 || return 1
    mkdir -p "$dir/root"
    (cd "$dir/download" && APT_CONFIG="$dir/apt.conf" apt-get -q download "$@") >"$dir/download.log" 2>&1 ||
        return 1
    for file in "$dir"/download/*.deb; do
        dpkg-deb -x "$file" "$dir/root" || return 1
    done
    dpkg-deb -f "$dir/download/${1}_"*.deb Version
}

# fetched NAME FILE WHAT: the path of FILE in the newest cached NAME-..., else in what from_debian makes
fetched() {
    local found
    lock_cache "$1"
    if found=$(newest_of "$1-" ""); then
        printf '%s\n' "$found/$2"
        return
    fi
    say "openssl: fetching $3 of Debian 13"
    from_debian || { say "note: $3 can't be had from here"; return 1; }
}
