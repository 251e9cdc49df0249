#!/usr/bin/env bash
# Installs what is missing of the Debian packages that a purpose needs: install_packages.sh build|demo|check …
# Nothing is upgraded and nothing that is there is changed; where all is there it needs neither root nor the network.
# No service starts: of packages that bring one, only the program is taken, into .build/programs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/programs.sh

oldest_postgresql=14
newest_postgresql=18

build=(g++ make libsodium-dev freetds-dev libgnutls28-dev libkrb5-dev libseccomp-dev libfmt-dev libjemalloc-dev
    nlohmann-json3-dev libcli11-dev)
# The simulated SQL Servers, which CMake builds together with the tests, and the REST API.
demo=(cmake libasio-dev libssl-dev libgtest-dev ca-certificates curl perl)
check=(ccache clang clang-format clang-tidy git krb5-admin-server krb5-kdc krb5-user libbenchmark-dev libclang-rt-dev
    libipc-run-perl perl python3 procps python3-openssl python3-psycopg2 python3-pymssql python3-tds shellcheck wrk)
node_directories=(test/rest)

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        printf 'Not root, and there is no sudo. Run as root: %s\n' "$*" >&2
        return 1
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

# A server with its development files, however it was installed, is enough.
has_postgresql() {
    local pg_config=${PG_CONFIG:-pg_config}
    # Debian's package of the server has the makefiles, and not the headers.
    command -v "$pg_config" > /dev/null && [ -f "$("$pg_config" --pgxs)" ] && [ -x "$("$pg_config" --bindir)/initdb" ] &&
        [ -f "$("$pg_config" --includedir-server)/postgres.h" ]
}

newest_available_postgresql() {
    apt-cache search --names-only '^postgresql-server-dev-[0-9]+$' | sed 's/^postgresql-server-dev-\([0-9]*\).*/\1/' |
        awk -v low=$oldest_postgresql -v high=$newest_postgresql '$1 >= low && $1 <= high' | sort -n | tail -n 1
}

# Debian's package makes and starts a cluster "main" on its first installation. Nobody asked for one here, so the switch
# against it is set, for this one installation only.
without_main_cluster() {
    local directory=/etc/postgresql-common/createcluster.d file status=0
    file=$directory/pg_vitals_no_main.conf
    as_root mkdir -p "$directory"
    printf 'create_main_cluster = false\n' | as_root tee "$file" > /dev/null
    "$@" || status=$?
    as_root rm -f "$file"
    as_root rmdir --ignore-fail-on-non-empty "$directory"
    return $status
}

install_all() {
    local install=(apt install -y --no-install-recommends "$@")
    [[ " $* " != *' postgresql-'* ]] || install=(without_main_cluster "${install[@]}")
    printf 'Installing %s packages: %s\n' $# "$*"
    # The first attempt may lack lists of packages, or have old ones.
    "${install[@]}" > /dev/null 2>&1 && return
    apt update
    "${install[@]}" > /dev/null
}

# unpack_program PROGRAM PACKAGE: only that file of the package, and only if the system has no such program.
unpack_program() {
    local program=$1 package=$2 directory
    [ -z "$(find_program "$program")" ] || return 0
    printf 'Unpacking %s of package %s into %s\n' "$program" "$package" "$programs"
    directory=$(mktemp -d)
    (
        cd "$directory"
        apt-get -qq download "$package" > /dev/null 2>&1 || { apt update && apt-get -qq download "$package" 2> /dev/null; }
        dpkg-deb --fsys-tarfile "$package"_*.deb | tar -xf - --wildcards "./usr/*bin/$program"
    ) && mkdir -p "$programs" && install -m 755 "$directory"/usr/*bin/"$program" "$programs/$program" ||
        printf 'Package %s could not be had: what needs %s will say so.\n' "$package" "$program" >&2
    rm -rf "$directory"
}

wanted=()
for group in "$@"; do
    case $group in
        build) wanted+=("${build[@]}") ;;
        demo)
            wanted+=("${demo[@]}")
            command -v npm > /dev/null || wanted+=(nodejs npm)
            ;;
        check)
            wanted+=("${check[@]}")
            node_directories+=(test/tds_server/clients)
            ;;
        *) printf 'usage: install_packages.sh build|demo|check …\n' >&2 && exit 2 ;;
    esac
done
command -v dpkg-query > /dev/null || {
    printf 'This is not Debian: make sure that you have the counterparts of: %s\n' "${wanted[*]} and a PostgreSQL server" >&2
    exit 0
}

missing=()
for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
done
if ! has_postgresql; then
    version=$(newest_available_postgresql)
    if [ -z "$version" ]; then
        apt update
        version=$(newest_available_postgresql)
    fi
    missing+=("postgresql-${version:?no package of a PostgreSQL server is known to apt}" "postgresql-server-dev-$version")
fi
[ ${#missing[@]} = 0 ] || install_all "${missing[@]}"

case " $* " in
    *' demo '*)
        unpack_program nginx nginx
        for directory in "${node_directories[@]}"; do
            [ ! "$directory/node_modules/.package-lock.json" -nt "$directory/package-lock.json" ] || continue
            (cd "$directory" && npm ci --silent --no-audit --no-fund) ||
                printf 'npm ci failed in %s: what needs it will say so.\n' "$directory" >&2
        done
        ;;
esac
case " $* " in
    *' check '*) unpack_program promtool prometheus ;;
esac
