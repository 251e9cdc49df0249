# shellcheck shell=bash
# Sourced by the scripts that start servers: PostgreSQL refuses to run as root, and nothing that parses what a network
# peer sent should. Root's work is done by the user that Debian's package made for the server.
run_user() {
    if [ "$(id -u)" = 0 ]; then printf 'postgres\n'; else id -un; fi
}

# Runs a command as that user, with the environment as it is except for HOME.
as_user() {
    if [ "$(id -u)" = 0 ]; then
        HOME=/nonexistent setpriv --reuid="$(run_user)" --regid="$(id -g "$(run_user)")" --init-groups -- "$@"
    else
        "$@"
    fi
}

# A new directory with a short path (a socket's may have 107 bytes) that belongs to that user.
private_directory() {
    local directory
    directory=$(mktemp -d "/tmp/$1.XXXXXX")
    if [ "$(id -u)" = 0 ]; then chown "$(run_user):" "$directory"; fi
    printf '%s\n' "$directory"
}
