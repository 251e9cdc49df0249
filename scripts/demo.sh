#!/usr/bin/env bash
# `make demo` and `make demo-stop`: a private server with the extension, three simulated SQL Servers, and the REST API.
# demo.sh start | stop. Variables: SERVER=host[:port] LOGIN=name add a SQL Server of the reader's own, whose password is
# asked for; TRUST=1 accepts its certificate unverified.
#
# Everything that runs lives in one directory under /tmp, since the user that runs it may be unable to read the clone;
# .demo/run points there. Nothing is written to the system's PostgreSQL.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
. scripts/unprivileged.sh
. scripts/cmake_build.sh
. scripts/programs.sh

state=.demo
run=
database=demo
superuser=postgres
first_samples_deadline=60

die() {
    printf 'make demo: %s\n' "$*" >&2
    exit 1
}

step() { printf '==> %s\n' "$*"; }

# ---- what is there

find_run() {
    run=$(readlink "$state/run" 2> /dev/null || true)
    case $run in
        /tmp/pg_vitals_demo.*) [ -d "$run" ] && return ;;
    esac
    run=
    return 1
}

# Pids are reused, after a reboot at the latest: a process counts only if its command line names the demo's directory.
is_ours() { [ -n "$1" ] && tr '\0' ' ' 2> /dev/null < "/proc/$1/cmdline" | grep -qF "$run/"; }

postmaster_pid() { head -n 1 "$run/data/postmaster.pid" 2> /dev/null || true; }

# The processes of a program that was copied into the demo's directory, also one that has outlived its parent.
pids_of() { find /proc -mindepth 2 -maxdepth 2 -name exe -lname "$run/bin/$1" -printf '%h\n' 2> /dev/null | sed 's|^/proc/||' || true; }

has_api() { [ -e "$run/api_port" ]; }

is_running() {
    is_ours "$(postmaster_pid)" && [ -n "$(pids_of tds_server)" ] || return
    ! has_api || { [ -n "$(pids_of postgrest)" ] && [ -n "$(pids_of nginx)" ]; }
}

bindir() { cat "$run/bindir"; }

# The server's programs want to know their working directory, and the clone's may be closed to their user.
server_program() { (cd "$run" && as_user "$(bindir)/$1" "${@:2}"); }

sql() {
    PGOPTIONS='-c client_min_messages=warning' "$(bindir)/psql" -X -q -P pager=off -v ON_ERROR_STOP=1 -h "$run" -p "$(cat "$run/port")" \
        -U $superuser -d "${database_of_call:-$database}" "$@"
}

# ---- stop

end_process() {
    local pid=$1 signal
    for signal in TERM KILL; do
        is_ours "$pid" || return 0
        kill -$signal "$pid"
        for ((i = 0; i < 100; i++)); do
            is_ours "$pid" || return 0
            sleep 0.05
        done
    done
}

# SIGTERM is what all of them end with at once.
end_program() {
    local pids signal
    for signal in TERM KILL; do
        for ((i = 0; i < 100; i++)); do
            pids=$(pids_of "$1")
            [ -n "$pids" ] || return 0
            # shellcheck disable=SC2086
            [ $i != 0 ] || kill -$signal $pids 2> /dev/null || true
            sleep 0.05
        done
    done
}

stop() {
    if find_run; then
        end_program nginx
        end_program postgrest
        if is_ours "$(postmaster_pid)"; then
            server_program pg_ctl -D "$run/data" -m fast -w -t 20 stop > /dev/null 2>&1 ||
                server_program pg_ctl -D "$run/data" -m immediate -w -t 10 stop > /dev/null 2>&1 || true
        fi
        end_process "$(postmaster_pid)"
        end_program tds_server
        rm -rf "$run"
    fi
    rm -rf "$state"
}

# ---- start

build() {
    mkdir -p .build
    step 'Building the extension, the prober and the simulated SQL Servers'
    make --no-print-directory -j"$(nproc)" all
    if ! cmake_build test '' tds_server > .build/demo.log 2>&1; then
        tail -n 30 .build/demo.log >&2
        die 'the simulated SQL Servers could not be built'
    fi
}

# free_port FIRST
free_port() {
    local port
    for ((port = $1; port < $1 + 100; port++)); do
        if ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
    die "no free port between $1 and $(($1 + 99))"
}

# start_program NAME ARGUMENTS: bin/NAME in the background; what it says is in log/NAME.log.
start_program() { (cd "$run" && as_user setsid "$run/bin/$1" "${@:2}" > "$run/log/$1.log" 2>&1 < /dev/null) & }

start_simulator() {
    as_user mkdir -p "$run/ca" "$run/bin"
    install -m 755 .build/test/tds_server "$run/bin/tds_server"
    install -m 644 test/fixtures/mssql-fixture.json "$run/fixture.json"
    head -c 18 /dev/urandom | base64 > "$run/password"
    chmod 600 "$run/password"
    chown "$(run_user)" "$run/password"
    start_program tds_server --servers 3 --port 0 --login vitals --password-file "$run/password" \
        --tls require --ca-out "$run/ca/ca.pem" --fixture "$run/fixture.json" --replay live
    for ((i = 0; i < 200; i++)); do
        if grep -qs '"ready":true' "$run/log/tds_server.log"; then return; fi
        sleep 0.05
    done
    tail -n 20 "$run/log/tds_server.log" >&2
    die 'the simulated SQL Servers did not start'
}

start_server() {
    local pg_config
    pg_config=$(scripts/server_tree.sh "$run/server" "${PG_CONFIG:-pg_config}")
    make --no-print-directory install PG_CONFIG="$pg_config" > /dev/null
    "$pg_config" --bindir > "$run/bindir"
    free_port 54320 > "$run/port"
    server_program initdb -D "$run/data" -U $superuser -A trust --locale=C.UTF-8 --encoding=UTF8 --no-sync \
        > "$run/log/initdb.log" 2>&1 || {
        tail -n 20 "$run/log/initdb.log" >&2
        die 'initdb failed'
    }
    # Nobody else can enter the directory of the socket, which is why "trust" is no risk.
    cat >> "$run/data/postgresql.conf" << CONF
shared_preload_libraries = 'pg_vitals'
vitals.ca_directory = '$run/ca'
# The simulated servers listen on loopback, which is forbidden by default.
vitals.allowed_targets = 'all'
listen_addresses = ''
unix_socket_directories = '$run'
port = $(cat "$run/port")
cluster_name = 'pg_vitals demo'
CONF
    server_program pg_ctl -D "$run/data" -l "$run/log/postgresql.log" -w -t 30 start > /dev/null || {
        tail -n 20 "$run/log/postgresql.log" >&2
        die 'the server did not start'
    }
    database_of_call=postgres sql -c "CREATE DATABASE $database"
}

write_environment() {
    cat > "$state/env" << ENV
export PGHOST=$run PGPORT=$(cat "$run/port") PGUSER=$superuser PGDATABASE=$database
ENV
    ln -sfn "$run/log" "$state/log"
}

# ---- the REST API

api_status() { curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" "$2/api/fleet_status" || true; }

start_api() {
    local nginx postgrest uri port token
    nginx=$(find_program nginx) postgrest=$(find_postgrest)
    if [ -z "$nginx" ] || [ -z "$postgrest" ]; then
        printf 'No REST API: there is no %s.\n' "$([ -n "$nginx" ] && printf 'PostgREST (npm ci in test/rest)' || printf nginx)" >&2
        return
    fi
    step 'Starting PostgREST and nginx'
    sql -c 'CREATE ROLE authenticator LOGIN NOINHERIT; CREATE ROLE web_anon NOLOGIN' \
        -c "SELECT vitals.setup_rest(authenticator => 'authenticator', anon => 'web_anon')" > /dev/null
    install -m 755 "$nginx" "$run/bin/nginx"
    install -m 755 "$postgrest" "$run/bin/postgrest"
    (umask 077 && head -c 32 /dev/urandom | base64 > "$run/jwt_secret")
    uri="postgres://authenticator@/$database?host=$run&port=$(cat "$run/port")"
    free_port 58080 > "$run/api_port"
    port=$(cat "$run/api_port")
    scripts/rest_config.sh "$run" "$uri" "$(free_port $((port + 1)))" "$port"
    chown -R "$(run_user)" "$run/jwt_secret" "$run/postgrest.conf" "$run/nginx.conf" "$run/pg_vitals.conf" "$run/nginx"
    start_program postgrest "$run/postgrest.conf"
    start_program nginx -e "$run/nginx/error.log" -p "$run" -c nginx.conf
    token=$(scripts/rest_token.pl "$run/jwt_secret" tenant_acme '' 30)
    for ((i = 0; i < 200; i++)); do
        if [ "$(api_status "$token" "http://127.0.0.1:$port")" = 200 ]; then
            chmod 600 "$state/env"
            printf 'export DEMO_API=%s DEMO_TOKEN=%s\n' "http://127.0.0.1:$port" "$token" >> "$state/env"
            return
        fi
        sleep 0.05
    done
    tail -n 20 "$run/log/postgrest.log" "$run/nginx/error.log" >&2
    show_problem 'The REST API did not start.'
}

show_problem() {
    printf '\n'
    sql -x -c 'SELECT * FROM vitals.worker_status' -c 'SELECT * FROM vitals.probers' \
        -c 'SELECT server, status, state, error_class, last_error FROM vitals.collection_status' >&2 || true
    printf -- '---- end of %s/log/postgresql.log\n' "$state" >&2
    tail -n 20 "$run/log/postgresql.log" >&2
    die "$1 The demo is left running; make demo-stop ends it."
}

journey() {
    local ports
    IFS=, read -r -a ports < <(sed -n 's/.*"ports":\[\([0-9,]*\)\].*/\1/p' "$run/log/tds_server.log")
    PASSWORD_FILE=$run/password sql -v port1="${ports[0]}" -v port2="${ports[1]}" -v port3="${ports[2]}" \
        -v ca_file="$run/ca/ca.pem" -f scripts/demo_journey.sql || show_problem 'A statement failed.'
}

wait_for_samples() {
    local all have=0 start=$SECONDS
    all=$(sql -At -c 'SELECT count(*) FROM vitals.collection_status WHERE enabled')
    while [ "$have" -lt "$all" ]; do
        have=$(sql -At -c 'SELECT count(*) FROM vitals.collection_status WHERE last_collected_at IS NOT NULL')
        [ ! -t 1 ] || printf '\r==> Waiting for the first samples: %s of %s servers, %s s ' "$have" "$all" $((SECONDS - start))
        [ $((SECONDS - start)) -le $first_samples_deadline ] || show_problem "No samples of every server after $first_samples_deadline s."
        [ "$have" -ge "$all" ] || sleep 0.1
    done
    [ ! -t 1 ] || printf '\n'
    step "Samples of all $all servers are stored"
}

describe_api() {
    local url server
    if ! has_api; then
        printf '  REST           did not start: see above'
        return
    fi
    url=http://127.0.0.1:$(cat "$run/api_port")
    server=$(sql -At -c "SELECT server_id FROM vitals.fleet_status WHERE server = 'sql01'")
    # shellcheck disable=SC2016
    printf '  REST           %s, by nginx and PostgREST; token and address are in %s/env. Paste these:\n' "$url" "$state"
    cat << LINES
. $state/env; curl -sS -H "Authorization: Bearer \$DEMO_TOKEN" "\$DEMO_API/api/fleet_status?select=server,status,cpu_percent"
. $state/env; curl -sS -H "Authorization: Bearer \$DEMO_TOKEN" \$DEMO_API/api/servers/$server/collection-config
. $state/env; curl -sS -H "Authorization: Bearer \$DEMO_TOKEN" \$DEMO_API/api/servers/$server/collection-config -X PUT -d '{"interval_seconds": 45}'
LINES
}

describe() {
    cat << TEXT

PostgreSQL with pg_vitals and three simulated SQL Servers are running.
  connect        . $state/env && $(command -v psql > /dev/null || printf '%s/' "$(bindir)")psql
  look           SELECT * FROM vitals.latest_metrics; SELECT * FROM vitals.collection_status; or make demo again
$(describe_api)
  your own       make demo SERVER=host:port LOGIN=name    (asks for the password; TRUST=1 accepts any certificate)
  logs           $state/log/
  end            make demo-stop
TEXT
}

show_result() {
    local complete_at now
    printf '\n'
    sql -f scripts/demo_result.sql
    now=$(date +%s)
    complete_at=$(sql -At -c "SELECT max(ceil(extract(epoch FROM next_due_at))::bigint + 1)
        FROM vitals.collection_status AS c
        WHERE enabled AND status = 'online' AND NOT EXISTS (SELECT FROM vitals.latest_metrics AS l
                                      WHERE l.server = c.server AND l.metric = 'cpu_percent' AND l.value IS NOT NULL)")
    [ -z "$complete_at" ] || printf '%s\n' '' \
        "Rates (CPU, batch requests, waits, disk I/O) need two polls. All are there in $((complete_at > now ? complete_at - now : 1)) s: make demo shows them."
}

# ---- the reader's own server

# host, host:port, host,port or [address]:port
split_server() {
    case $SERVER in
        *\\*) die "give the port instead of an instance's name: SERVER=host:port" ;;
        \[*\]:*) host=${SERVER%]:*} host=${host#[} port=${SERVER##*:} ;;
        *:*:*) host=$SERVER port=1433 ;;
        *[:,]*) host=${SERVER%[:,]*} port=${SERVER##*[:,]} ;;
        *) host=$SERVER port=1433 ;;
    esac
    [[ $port =~ ^[0-9]+$ ]] || die "\"$port\" is not a port: SERVER=host:port"
}

add_own_server() {
    local host port password file
    split_server
    [ -n "${LOGIN:-}" ] || die 'LOGIN=name of a login of that server is missing'
    read -r -s -p "Password of $LOGIN on $host:$port: " password < /dev/tty || die 'no terminal to ask for the password'
    printf '\n'
    file=$(mktemp "$state/password.XXXXXX")
    chmod 600 "$file"
    # shellcheck disable=SC2064
    trap "rm -f '$file'" EXIT
    printf '%s' "$password" > "$file"
    PASSWORD_FILE=$file sql -v name="$host:$port" -v host="$host" -v port="$port" -v login="$LOGIN" \
        -v trust="$([ -n "${TRUST:-}" ] && printf true || printf false)" -f scripts/demo_own_server.sql
    rm -f "$file"
}

# ----

start() {
    if find_run && is_running; then
        if [ -n "${SERVER:-}" ]; then
            add_own_server
        else
            step 'The demo is running already'
            show_result
        fi
        describe
        return
    fi
    # What a crash or a reboot left.
    stop
    scripts/install_packages.sh build demo
    build
    run=$(private_directory pg_vitals_demo)
    mkdir -p $state
    ln -sfn "$run" $state/run
    as_user mkdir -p "$run/log"
    step "Starting three simulated SQL Servers and a private PostgreSQL in $run"
    start_simulator
    start_server
    write_environment
    journey
    start_api
    wait_for_samples
    show_result
    [ -z "${SERVER:-}" ] || add_own_server
    describe
}

case ${1:-} in
    start) start ;;
    stop)
        if find_run; then stop && printf 'The demo is gone.\n'; else stop && printf 'No demo is running.\n'; fi
        ;;
    *) die 'usage: demo.sh start | stop' ;;
esac
