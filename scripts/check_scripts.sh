#!/usr/bin/env bash
# Shell scripts parse, and shellcheck finds nothing; Perl scripts compile.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh

mapfile -t scripts < <({
    find scripts test -name '*.sh' -not -path '*/node_modules/*'
    [ ! -d .ci ] || find .ci -type f
} | sort)

unparsable() {
    local script
    for script in "${scripts[@]}"; do bash -n "$script"; done
}

careless() {
    local script
    for script in "${scripts[@]}"; do
        # Without that line it is there to be sourced.
        [[ $(head -n 1 "$script") == '#!'* ]] || continue
        [ -x "$script" ] || echo "$script is not executable"
        grep -qE '^set -[a-z]*e' "$script" || echo "$script goes on after errors: set -e is missing"
    done
}

# Sourced files are checked by themselves (SC1091).
shell_findings() { shellcheck --severity=warning --exclude=SC1091 --format=gcc "${scripts[@]}"; }

perl_findings() {
    local script
    for script in scripts/*.pl; do perl -c "$script" 2>&1 | grep -v 'syntax OK$'; done
}

tap_check 'shell scripts parse' unparsable
tap_check 'they are executable and stop at errors' careless
if command -v shellcheck > /dev/null; then
    tap_check 'shellcheck finds nothing' shell_findings
else
    tap_skip 'shellcheck finds nothing' 'not installed'
fi
tap_check 'Perl scripts compile' perl_findings
tap_done
