#!/usr/bin/env bash
# All C++ is formatted by clang-format with the rules of .clang-format; `make format` does it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh

texts=(Makefile CMakeLists.txt sources.mk scripts sql)

unformatted() {
    find src test \( -name '*.cpp' -o -name '*.h' \) -not -path '*/node_modules/*' -print0 |
        xargs -0 -n 20 -P "$(nproc)" clang-format --dry-run -Werror 2>&1 | grep -v '^ '
}
blanks() { grep -rnI -E '[[:blank:]]+$' --exclude='pg_vitals--*' "${texts[@]}"; }
tabs() { grep -rnI -P '\t' --exclude='pg_vitals--*' --exclude=Makefile "${texts[@]}"; }

tap_check 'C++ is formatted' unformatted
tap_check 'no blanks at the end of lines' blanks
tap_check 'no tabs' tabs
tap_done
