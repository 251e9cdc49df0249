#!/usr/bin/env bash
# Makes private copies of the configurations in docs/rest, for the demo and the tests:
# rest_config.sh DIRECTORY DATABASE_URI POSTGREST_PORT NGINX_PORT
# Only the lines that docs/rest.md tells a reader to change are changed. Prints nothing; PostgREST is then started with
# DIRECTORY/postgrest.conf, and nginx with -p DIRECTORY -c nginx.conf. DIRECTORY/jwt_secret must be there.
set -euo pipefail
here=$(cd "$(dirname "$0")/../docs/rest" && pwd)
directory=${1:?} database_uri=${2:?} postgrest_port=${3:?} nginx_port=${4:?}

# replace FILE PATTERN TEXT: the one line that matches.
replace() {
    [ "$(grep -cE "$2" "$1")" = 1 ] || { printf '%s: not one line like %s\n' "$1" "$2" >&2 && exit 1; }
    # An ampersand would stand for what was matched.
    sed -E -i "s|$2.*|${3//&/\\&}|" "$1"
}

umask 077
cp "$here/postgrest.conf" "$directory/postgrest.conf"
replace "$directory/postgrest.conf" '^db-uri = ' "db-uri = \"$database_uri\""
replace "$directory/postgrest.conf" '^jwt-secret = ' "jwt-secret = \"@$directory/jwt_secret\""
replace "$directory/postgrest.conf" '^openapi-server-proxy-uri = ' "openapi-server-proxy-uri = \"http://127.0.0.1:$nginx_port/api\""
replace "$directory/postgrest.conf" '^server-port = ' "server-port = $postgrest_port"

cp "$here/nginx.conf" "$directory/pg_vitals.conf"
replace "$directory/pg_vitals.conf" '^ *server 127.0.0.1:3000; # here' "    server 127.0.0.1:$postgrest_port;"
replace "$directory/pg_vitals.conf" '^ *listen 127.0.0.1:8080; # here' "    listen 127.0.0.1:$nginx_port;"
mkdir -p "$directory/nginx"
cat > "$directory/nginx.conf" << CONF
daemon off;
worker_processes 1;
pid $directory/nginx/pid;
error_log $directory/nginx/error.log;
events {}
http {
    access_log $directory/nginx/access.log;
    client_body_temp_path $directory/nginx/body;
    proxy_temp_path $directory/nginx/proxy;
    fastcgi_temp_path $directory/nginx/fastcgi;
    uwsgi_temp_path $directory/nginx/uwsgi;
    scgi_temp_path $directory/nginx/scgi;
    include $directory/pg_vitals.conf;
}
CONF
