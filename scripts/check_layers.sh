#!/usr/bin/env bash
# Dependencies point one way: extension -> pg -> server, extension -> core, prober -> core; core knows neither the
# server nor a socket, and the test tools know the product only as far as they test it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh

# includes DIRECTORY DELIMITER: every include as "file:line:name".
includes() {
    grep -rnE "^ *# *include *$2" "$1" --include='*.h' --include='*.cpp' |
        sed -E 's/: *# *include *["<]([^">]+)[">].*/:\1/'
}

# others DIRECTORY PREFIX…: quoted includes of anything but these; "." stands for files beside it.
others() {
    local directory=$1 pattern='' prefix
    shift
    for prefix in "$@"; do
        if [ "$prefix" = . ]; then pattern+="|[^/:]+"; else pattern+="|$prefix/[^:]+"; fi
    done
    includes "$directory" '"' | grep -vE ":[0-9]+:(${pattern#|})$"
}

may_include() { tap_check "$1 includes only: ${*:2}" others "$@"; }

# For what includes headers of the server too: what it must not include.
of_ours() { includes "$1" '"' | grep -E ":[0-9]+:($2)/"; }

sockets() {
    includes src/core '<' |
        grep -E ':(sys/(socket|un|epoll|select|ioctl)\.h|netinet/.*|arpa/.*|netdb\.h|poll\.h|asio.*)$'
}

server_headers() {
    local directory file line name
    for directory in src/core src/prober test; do
        includes "$directory" '[<"]'
    done | while IFS=: read -r file line name; do
        [ ! -e "$server/$name" ] || [ -e "src/$name" ] || echo "$file:$line: $name is a header of the server"
    done
}

versions() {
    grep -rnE 'PG_VERSION_NUM|CATALOG_VERSION_NO' src test --include='*.h' --include='*.cpp' | grep -v '^src/pg/'
}

may_include src/core core
may_include src/prober prober core
may_include test/unit core
may_include test/prober prober core support .
may_include test/tds_server tds_server
may_include test/fuzz core prober .
tap_check 'src/pg knows the server only' of_ours src/pg 'core|extension|prober'
tap_check 'src/extension talks to probers by the line protocol only' of_ours src/extension prober
tap_check 'src/core knows no socket' sockets
if server=$("${PG_CONFIG:-pg_config}" --includedir-server 2> /dev/null); then
    tap_check 'only src/pg and src/extension include headers of the server' server_headers
else
    tap_skip 'only src/pg and src/extension include headers of the server' 'no pg_config'
fi
tap_check 'only src/pg knows versions of the server' versions
tap_done
