#!/usr/bin/env bash
# Clang compiles every source without warnings, and clang-tidy finds nothing. What was clean is remembered in
# .build/tidy by content, so that only what changed is looked at again.
#
#   scripts/check_tidy.sh         what finds defects for its time: two minutes for everything on two cores
#   scripts/check_tidy.sh full    all checks of .clang-tidy, the static analyzer among them: five times as long
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tap.sh

cache=.build/tidy
server=$("${PG_CONFIG:-pg_config}" --includedir-server)

# Left out every time: the analyzer, and the checks that cost most for what they find.
slow='-clang-analyzer-*,-bugprone-assert-side-effect,-bugprone-infinite-loop,-bugprone-multiple-statement-macro'
slow+=,-bugprone-sizeof-expression,-bugprone-stringview-nullptr,-bugprone-suspicious-semicolon
slow+=,-bugprone-suspicious-string-compare,-bugprone-unused-return-value,-modernize-use-nullptr
slow+=,-readability-container-size-empty,-readability-function-size
# A test that is wrong fails.
for_tests='-*,clang-diagnostic-*,bugprone-dangling-handle,bugprone-string-constructor,bugprone-unused-raii'
for_tests+=,bugprone-use-after-move,misc-redundant-expression,misc-unused-parameters,performance-for-range-copy

# flags_of FILE: as the builds have them. Paths of test programs do not matter here.
flags_of() {
    printf '%s\n' -std=c++20 -Wall -Wextra -Isrc -Itest -D_GNU_SOURCE -DVITALS_VERSION='"0"' -DVITALS_FIXTURES='"f"' -DVITALS_SQL='"q"' \
        -DTDS_SERVER='"s"' -DVITALS_PROBER='"p"'
    case $1 in
        src/pg/* | src/extension/*) printf '%s\n' -isystem "$server" ;;
    esac
}

# checks_of FILE MODE: what to add to the checks of .clang-tidy.
checks_of() {
    case $2:$1 in
        full:*) ;;
        # One thread each; what is unsafe with more is not there.
        *:src/pg/* | *:src/extension/*) echo "$slow,-concurrency-mt-unsafe" ;;
        *:src/*) echo "$slow" ;;
        *) echo "$for_tests" ;;
    esac
}

# check_one MODE KEY FILE: prints the findings of one file, or remembers that there are none.
check_one() {
    local flags checks output status=0
    mapfile -t flags < <(flags_of "$3")
    checks=$(checks_of "$3" "$1")
    output=$(clang-tidy --quiet ${checks:+"--checks=$checks"} "$3" -- "${flags[@]}" 2> /dev/null) || status=$?
    if [ -z "$output" ] && [ $status = 0 ]; then
        : > "$cache/$2"
    else
        printf '%s\n' "${output:-$3: clang-tidy ends with status $status}"
    fi
}

if [ "${1:-}" = --one ]; then
    check_one "$2" "$3" "$4"
    exit
fi

mode=${1:-usual}
mkdir -p "$cache"
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# Everything that what is found depends on, apart from the sources.
salt() {
    local kind
    clang-tidy --version
    clang-tidy --dump-config | grep -v '^Checks'
    for kind in src/pg/ src/core/ test/; do
        flags_of $kind
        clang-tidy --list-checks --checks="$(checks_of $kind "$mode")"
    done
}

mapfile -t sources < <(sed -n 's/^[A-Z_]* += \(.*\.cpp\)$/\1/p' sources.mk)
[ ${#sources[@]} -gt 0 ]

perl scripts/source_keys.pl "$(salt)" "${sources[@]}" | while read -r key file; do
    [ -e "$cache/$key" ] || printf '%s\0%s\0%s\0' "$mode" "$key" "$file"
done | xargs -0 -r -n 3 -P "$(nproc)" "$0" --one > "$found"

of_compiler() { grep '\[clang-diagnostic-' "$found" | sort -u; }
of_tidy() { grep -E ': (error|warning): |ends with status' "$found" | grep -v '\[clang-diagnostic-' | sort -u; }

tap_check "clang compiles ${#sources[@]} sources without warnings" of_compiler
tap_check 'clang-tidy finds nothing' of_tidy
tap_done
