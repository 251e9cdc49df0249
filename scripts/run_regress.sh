#!/usr/bin/env bash
# Runs the tests of test/regress_schedule (pg_regress) and test/isolation_schedule (pg_isolation_regress):
# run_regress.sh BINDIR [TEST…].
# BINDIR is that of a server (or of a copy made by server_tree.sh) into which the extension is installed; it is not
# written to. A cluster of its own is made for the run, with the module preloaded. Needs an unprivileged user.
# Prints TAP: one line per test, and the difference where one fails. Status 0: all passed.
# KEEP=1 keeps the directory with the results; the actual outputs are in its out_*/results/.
set -euo pipefail
cd "$(dirname "$0")/.."

bindir=${1:?usage: run_regress.sh BINDIR [TEST…]}
shift
test_programs=$("$bindir/pg_config" --pgxs)
test_programs=${test_programs%/src/makefiles/pgxs.mk}/src/test

# Short, since the path of a Unix socket has at most 107 bytes.
work=$(mktemp -d /tmp/vitals_regress.XXXXXX)
# shellcheck disable=SC2317  # called by the trap
cleanup() {
    "$bindir/pg_ctl" -D "$work/data" -m immediate -s stop 2> /dev/null || true
    if [ -z "${KEEP:-}" ]; then rm -rf "$work"; else printf '# kept: %s\n' "$work"; fi
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# The same results everywhere: no locale, time zone or setting of whoever runs it.
unset PGDATABASE PGUSER PGHOST PGPORT PGOPTIONS PGSERVICE PSQLRC PGTZ PGDATESTYLE PGCLIENTENCODING
export LC_ALL=C.UTF-8

start_cluster() {
    "$bindir/initdb" -D "$work/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 > "$work/initdb.log" 2>&1 || return
    cat >> "$work/data/postgresql.conf" << CONF
shared_preload_libraries = 'pg_vitals'
listen_addresses = ''
unix_socket_directories = '$work'
port = 5432
fsync = off
max_connections = 40
timezone = 'America/St_Johns'
datestyle = 'SQL, DMY'
autovacuum = off
CONF
    "$bindir/pg_ctl" -D "$work/data" -l "$work/server.log" -w -s start
}

# pg_regress finds its inputs and expected/ in one directory; its versions before 16 know no other way.
ln -sfn "$PWD/test/sql" "$work/sql"
ln -sfn "$PWD/test/specs" "$work/specs"
ln -sfn "$PWD/expected" "$work/expected"

if ! start_cluster; then
    cat "$work/initdb.log" "$work/server.log" >&2 2> /dev/null
    printf 'Bail out! could not start a server with %s\n' "$bindir"
    exit 1
fi

status=0
# run PROGRAM SCHEDULE DIRECTORY_OF_INPUTS SUFFIX [TEST…]: the tests of the schedule, or those of TEST that are there.
run() {
    local program=$1 schedule=$2 directory=$3 suffix=$4 test selection=()
    shift 4
    for test in "$@"; do
        [ ! -f "$directory/$test.$suffix" ] || selection+=("$test")
    done
    [ $# = 0 ] && selection=(--schedule="$schedule")
    [ ${#selection[@]} != 0 ] || return 0
    local out=$work/out_$suffix failed=
    mkdir "$out"
    "$test_programs/$program" --bindir="$bindir" --inputdir="$work" --outputdir="$out" --host="$work" --port=5432 \
        --user=postgres --dbname="vitals_$suffix" "${extra_options[@]}" "${selection[@]}" > "$out/log" 2>&1 || failed=1
    [ -n "$failed" ] || return 0
    status=1
    if [ -s "$out/regression.diffs" ]; then
        sed 's/^/# /' "$out/regression.diffs"
    else
        sed 's/^/# /' "$out/log"
    fi
}

extra_options=(--max-concurrent-tests=8)
run regress/pg_regress test/regress_schedule test/sql sql "$@"
extra_options=(--load-extension=pg_vitals)
run isolation/pg_isolation_regress test/isolation_schedule test/specs spec "$@"

# Up to version 15: "test NAME ... ok 12 ms"; later ones: "ok 1 - NAME 12 ms".
for suffix in sql spec; do
    [ ! -f "$work/out_$suffix/log" ] || cat "$work/out_$suffix/log"
done | awk '
    function say(passed, name) { printf "%s %d - regress: %s\n", passed ? "ok" : "not ok", ++count, name }
    / \.\.\. +(ok|FAILED)/ {
        passed = / \.\.\. +ok/
        sub(/^test /, ""); say(passed, $1)
    }
    /^(not )?ok [0-9]+ / {
        passed = !/^not /
        sub(/^(not )?ok [0-9]+ +[-+] +/, ""); say(passed, $1)
    }
    END { printf "1..%d\n", count }'
if grep -E 'PANIC|TRAP|was terminated by signal' "$work/server.log"; then status=1; fi
exit "$status"
