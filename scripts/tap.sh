# For scripts that are tests: sourced, not run. A test is a command that prints what it finds; nothing means passed.
# shellcheck shell=bash

tap_number=0
tap_failed=0

# tap_check NAME COMMAND…: what the command says on standard error is a finding as well. The command may be a function,
# which sees the variables of this one: hence the prefix.
tap_check() {
    local name=$1 tap_findings
    shift
    # A grep without matches is no failure.
    tap_findings=$("$@" 2>&1) || true
    tap_number=$((tap_number + 1))
    if [ -z "$tap_findings" ]; then
        printf 'ok %d - %s\n' "$tap_number" "$name"
        return
    fi
    tap_failed=1
    printf 'not ok %d - %s\n' "$tap_number" "$name"
    # Not to standard output: a harness does not show what is there.
    printf '%s\n' "$tap_findings" | sed 's/^/# /' >&2
}

# tap_skip NAME REASON.
tap_skip() {
    tap_number=$((tap_number + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tap_number" "$1" "$2"
}

# Last line of a script.
tap_done() {
    printf '1..%d\n' "$tap_number"
    exit "$tap_failed"
}
