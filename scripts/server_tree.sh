#!/usr/bin/env bash
# Makes a private copy of the installed PostgreSQL server: server_tree.sh DEST [PG_CONFIG].
# Debian's server is relocatable as long as the relative paths stay, so that a build can be installed into the copy and
# the system's own PostgreSQL is never written to. Prints the copy's pg_config.
set -euo pipefail

dest=${1:?usage: server_tree.sh DEST [PG_CONFIG]}
pg_config=${2:-pg_config}
bindir=$("$pg_config" --bindir)
sharedir=$("$pg_config" --sharedir)
includedir=$("$pg_config" --includedir)
prefix_lib=$(dirname "$bindir")

if [ ! -x "$dest$bindir/pg_config" ]; then
    mkdir -p "$dest$prefix_lib" "$dest$sharedir" "$dest$(dirname "$includedir")"
    cp -a "$prefix_lib/." "$dest$prefix_lib/"
    cp -a "$sharedir/." "$dest$sharedir/"
    ln -sfn "$includedir" "$dest$includedir"
fi
printf '%s\n' "$dest$bindir/pg_config"
