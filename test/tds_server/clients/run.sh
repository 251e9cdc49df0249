#!/usr/bin/env bash
# Checks the simulated SQL Server with independent clients: run.sh [TDS_SERVER]. Prints TAP.
# TDS_SERVER is the program; "npm ci" in this directory installs tedious, without which its checks are skipped.
set -euo pipefail

tds_server=${1:-${TDS_SERVER:?usage: run.sh TDS_SERVER}}
here=$(cd "$(dirname "$0")" && pwd)
fixture=$here/../../fixtures/mssql-fixture.json
work=$(mktemp -d)
pids=()
cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# start PREFIX OPTION...: starts a simulator and exports where it listens.
start() {
    local prefix=$1
    shift
    mkfifo "$work/$prefix.ready"
    "$tds_server" --fixture "$fixture" --replay poll1 --ca-out "$work/$prefix.pem" "$@" >"$work/$prefix.ready" &
    pids+=($!)
    local line
    IFS= read -r line <"$work/$prefix.ready"
    export "${prefix}_PORTS=$(sed -E 's/.*"ports":\[([0-9,]+)\].*/\1/' <<<"$line")"
    export "${prefix}_CONTROL=$(sed -E 's/.*"control_port":([0-9]+).*/\1/' <<<"$line")"
    export "${prefix}_BROWSER=$(sed -E 's/.*"browser_port":([0-9]+|null).*/\1/' <<<"$line")"
    export "${prefix}_CA=$work/$prefix.pem"
}

start SIM_USUAL --servers 2
start SIM_PLAIN --tls off
start SIM_STRICT --tls require
start SIM_WRONG --tls require --certificate wrong-name
start SIM_KINDS --servers 3 --instances PAYROLL,CRM --browser-port 0 --domain CORP
start SIM_TDS8 --tls strict
if [ -s /proc/net/if_inet6 ]; then start SIM_V6 --bind ::1; fi
# Nobody calls these: they show what idle servers cost.
start SIM_IDLE --servers 1000
idle_pid=${pids[-1]}
idle_since=$(date +%s%N)
# CPU time in clock ticks, of which Linux counts 100 a second.
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
idle_ticks=$(cpu_ticks "$idle_pid")

# section NAME HOST PORT CA: FreeTDS takes encryption from this file only.
section() {
    printf '[%s]\n\thost = %s\n\tport = %s\n\ttds version = 7.4\n\tencryption = require\n\tca file = %s\n' "$@"
}
{
    section sim_strict localhost "$SIM_STRICT_PORTS" "$SIM_STRICT_CA"
    section sim_wrong_name localhost "$SIM_WRONG_PORTS" "$SIM_WRONG_CA"
    section sim_unknown_authority localhost "$SIM_STRICT_PORTS" "$SIM_USUAL_CA"
    section sim_no_encryption localhost "$SIM_PLAIN_PORTS" "$SIM_PLAIN_CA"
} >"$work/freetds.conf"
export FREETDSCONF=$work/freetds.conf

count=0
failed=0

# check NAME COMMAND...: runs one client and renumbers its lines into ours.
check() {
    local name=$1 status=0 line
    shift
    timeout 120 "$@" >"$work/$name.tap" 2>"$work/$name.log" || status=$?
    while IFS= read -r line; do
        case $line in
            ok\ * | not\ ok\ *)
                count=$((count + 1))
                [[ $line == ok* ]] || failed=$((failed + 1))
                sed -E "s/^(ok|not ok) [0-9]+ - /\1 $count - $name: /" <<<"$line"
                ;;
            \#*) printf '%s\n' "$line" ;;
        esac
    done <"$work/$name.tap"
    count=$((count + 1))
    if grep -q '^1\.\.[1-9]' "$work/$name.tap" && [ "$status" -le 1 ]; then
        printf 'ok %d - %s ran to its end\n' "$count" "$name"
    else
        failed=$((failed + 1))
        printf 'not ok %d - %s ran to its end\n' "$count" "$name"
        sed 's/^/# /' "$work/$name.log"
    fi
}

# Debian's interpreter: the clients are Debian's packages.
export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
check pymssql /usr/bin/python3 "$here/check_pymssql.py"
check pytds /usr/bin/python3 "$here/check_pytds.py"
check kinds /usr/bin/python3 "$here/check_kinds.py"
check faults /usr/bin/python3 "$here/check_faults.py"
if [ -d "$here/node_modules/tedious" ]; then
    check tedious node "$here/check_tedious.mjs"
else
    count=$((count + 1))
    printf 'ok %d - tedious # SKIP node_modules is not installed\n' "$count"
fi

# report PASSED NAME
report() {
    count=$((count + 1))
    [ "$1" = true ] || failed=$((failed + 1))
    printf '%s %d - %s\n' "$([ "$1" = true ] && printf ok || printf 'not ok')" "$count" "$2"
}

idle_ms=$((($(date +%s%N) - idle_since) / 1000000))
used_ms=$((($(cpu_ticks "$idle_pid") - idle_ticks) * 10))
report "$([ $((used_ms * 20)) -le "$idle_ms" ] && printf true)" \
    "1,000 idle servers used $used_ms ms of CPU in $idle_ms ms, at most 5 %"

clean=true
for pid in "${pids[@]}"; do
    kill "$pid"
    wait "$pid" || clean=false
done
pids=()
report "$clean" 'the simulators end without complaint'
printf '1..%d\n' "$count"
[ "$failed" -eq 0 ]
