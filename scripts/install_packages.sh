#!/usr/bin/env bash
# Installs what is missing of the Debian packages that a purpose needs: install_packages.sh build|demo|check …
# Nothing is upgraded and nothing that is there is changed; where all is there it needs neither root nor the network.
set -euo pipefail
cd "$(dirname "$0")/.."

oldest_postgresql=14
newest_postgresql=18

build=(g++ make libsodium-dev freetds-dev libgnutls28-dev libkrb5-dev libseccomp-dev libfmt-dev nlohmann-json3-dev libcli11-dev)
# The simulated SQL Servers. CMake builds them together with the tests.
demo=(cmake libasio-dev libssl-dev libgtest-dev ca-certificates)
check=(ccache clang clang-format clang-tidy git krb5-admin-server krb5-kdc krb5-user libbenchmark-dev libclang-rt-dev libipc-run-perl perl python3
    procps python3-openssl python3-pymssql python3-tds shellcheck)
node_directory=test/tds_server/clients

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
    command -v "$pg_config" > /dev/null && [ -f "$("$pg_config" --pgxs)" ] && [ -x "$("$pg_config" --bindir)/initdb" ]
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

wanted=()
for group in "$@"; do
    case $group in
        build) wanted+=("${build[@]}") ;;
        demo) wanted+=("${demo[@]}") ;;
        check)
            wanted+=("${check[@]}")
            if [ -f $node_directory/package.json ] && ! command -v npm > /dev/null; then wanted+=(nodejs npm); fi
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
    *' check '*)
        if [ -f $node_directory/package-lock.json ] &&
            [ ! $node_directory/node_modules/.package-lock.json -nt $node_directory/package-lock.json ]; then
            (cd $node_directory && npm ci --silent --no-audit --no-fund) ||
                printf 'npm ci failed in %s: the tests that need it will say so.\n' $node_directory >&2
        fi
        ;;
esac
