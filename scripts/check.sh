#!/usr/bin/env bash
# `make check`: installs what it needs, builds, runs the tests of every kind, and ends with one line of totals.
# check.sh [KIND…] runs some kinds only; SANITIZE=address,undefined or thread runs what is not a server module under
# sanitizers. The system's PostgreSQL is copied and left alone; root's tests run as an unprivileged user.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
. scripts/unprivileged.sh

jobs=$(nproc)
logs=.build/check
sanitizers=address,undefined
passed=0 failed=0 skipped=0

if [ -n "${SANITIZE:-}" ]; then
    kinds=(sanitizer)
    sanitizers=$SANITIZE
else
    kinds=(lint unit sanitizer fuzz regress lifecycle)
fi
[ $# = 0 ] || kinds=("$@")

# The tests' user must be able to read the tree. A clone in root's home is tested in a copy.
test_a_copy_if_unreadable() {
    as_user test -r "$PWD/Makefile" 2> /dev/null && return
    local copy status=0
    copy=$(mktemp -d /var/tmp/pg_vitals_check.XXXXXX)
    chmod 755 "$copy"
    printf 'User %s cannot read %s: testing a copy, %s\n' "$(run_user)" "$PWD" "$copy"
    git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - 2> /dev/null |
        tar --no-same-owner -C "$copy" -xf -
    CCACHE_BASEDIR=$copy CCACHE_NOHASHDIR=1 "$copy/scripts/check.sh" "${kinds[@]}" || status=$?
    if [ -d "$copy/$logs" ]; then
        rm -rf "$logs"
        mkdir -p "$logs"
        cp -r "$copy/$logs/." "$logs/"
    fi
    rm -rf "$copy"
    exit $status
}

now() { date +%s.%N; }

# tally NAME PASSED FAILED SKIPPED START LOG: one line about what ran, the end of its log if something failed.
tally() {
    local name=$1 good=$2 bad=$3 left_out=$4 start=$5 log=$6
    if [ $((good + bad + left_out)) = 0 ]; then bad=1; printf 'No tests ran.\n' >> "$log"; fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left_out))
    printf '%-32s %5d passed %4d failed %4d skipped %8.1f s\n' "$name" "$good" "$bad" "$left_out" \
        "$(awk -v a="$start" -v b="$(now)" 'BEGIN { print b - a }')"
    [ "$bad" = 0 ] && return
    printf -- '---- end of %s\n' "$log"
    tail -n 60 "$log"
    printf -- '----\n'
}

# A step of building: quiet if it works, counted as one failed test if not.
build() {
    local name=$1 log=$logs/build-$1.log start
    shift
    start=$(now)
    if "$@" > "$log" 2>&1; then
        printf '%-32s built %45.1f s\n' "$name" "$(awk -v a="$start" -v b="$(now)" 'BEGIN { print b - a }')"
    else
        tally "build of $name" 0 1 0 "$start" "$log"
        return 1
    fi
}

build_product() {
    make -j"$jobs" all &&
        pg_config=$(scripts/server_tree.sh "$PWD/.build/server" "${PG_CONFIG:-pg_config}") &&
        make install PG_CONFIG="$pg_config"
}

build_tests() {
    local launcher=()
    ! command -v ccache > /dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    cmake -S . -B ".build/$1" -DVITALS_SANITIZE="$2" "${launcher[@]}" &&
        cmake --build ".build/$1" -j"$jobs"
}

# count_lines PATTERN FILE, 0 if none.
count_lines() { grep -cE "$1" "$2" || true; }

run_gtest() {
    local name=$1 program=$2 log=$logs/$1.log start status=0 bad
    start=$(now)
    (cd "$work" && as_user "$program" --gtest_color=no) > "$log" 2>&1 || status=$?
    bad=$(count_lines '^\[  FAILED  \] .* \([0-9]+ ms\)$' "$log")
    if [ $status != 0 ] && [ "$bad" = 0 ]; then
        bad=1
        printf 'Ended with status %s.\n' $status >> "$log"
    fi
    tally "$name" "$(count_lines '^\[       OK \] ' "$log")" "$bad" \
        "$(count_lines '^\[  SKIPPED \] .* \([0-9]+ ms\)$' "$log")" "$start" "$log"
}

run_gtests() {
    local variant=$1 program
    for program in unit_tests tds_server_tests prober_tests; do
        run_gtest "$variant: $program" "$PWD/.build/$variant/$program"
    done
}

# run_tap NAME JOBS USER_COMMAND PROGRAM…
run_tap() {
    local name=$1 tap_jobs=$2 runner=$3 log=$logs/$1.log start counts=(0 1 0)
    shift 3
    start=$(now)
    : > "$log"
    if [ $# = 0 ]; then
        tally "$name" 0 0 0 "$start" "$log"
        return
    fi
    rm -f "$work/counts"
    $runner perl scripts/run_tap.pl "$tap_jobs" "$work/counts" "$@" > "$log" 2>&1 || true
    [ ! -s "$work/counts" ] || read -r -a counts < "$work/counts"
    tally "$name" "${counts[@]}" "$start" "$log"
}

directly() { "$@"; }

existing() { local file; for file in "$@"; do [ ! -e "$file" ] || printf '%s\n' "$file"; done; }

kind_lint() {
    local scripts
    mapfile -t scripts < <(existing scripts/check_*.sh)
    run_tap lint 1 directly "${scripts[@]}"
}

kind_unit() {
    build test build_tests test '' && run_gtests test
}

kind_sanitizer() {
    local name=${sanitizers//,/-}
    build "$name" build_tests "$name" "$sanitizers" && run_gtests "$name"
}

kind_fuzz() {
    local scripts
    mapfile -t scripts < <(existing scripts/run_fuzzers.sh)
    run_tap fuzz 1 directly "${scripts[@]}"
}

need_product() {
    [ -n "${pg_config:-}" ] || build product build_product
}

kind_regress() {
    need_product || return
    local directory=$work/regress log=$logs/regress.log start names bad status=0 options=()
    start=$(now)
    : > "$log"
    as_user mkdir -p "$directory"
    # Where a server's version looks for expected/: beside the outputs, or where it is told to since 16.
    [ ! -d expected ] || as_user cp -r expected "$directory/expected"
    [ "$("$pg_config" --version | tr -dc '0-9.' | cut -d. -f1)" -lt 16 ] || options=(--expecteddir="$directory")
    printf "shared_preload_libraries = 'pg_vitals'\n" > "$work/regress.conf"
    mapfile -t names < <(existing test/sql/*.sql | sed 's|.*/||; s|\.sql$||')
    if [ ${#names[@]} != 0 ]; then
        as_user "$(dirname "$("$pg_config" --pgxs)")/../test/regress/pg_regress" --bindir="$("$pg_config" --bindir)" \
            --temp-instance="$directory/instance" --temp-config="$work/regress.conf" --no-locale --encoding=UTF8 \
            --inputdir=test --outputdir="$directory" "${options[@]}" "${names[@]}" > "$log" 2>&1 || status=$?
    fi
    bad=$(count_lines '^(test .* \.\.\. +FAILED|not ok [0-9]+)' "$log")
    [ $status = 0 ] || [ "$bad" != 0 ] || bad=1
    [ ! -s "$directory/regression.diffs" ] || cat "$directory/regression.diffs" >> "$log"
    tally regress "$(count_lines '^(test .* \.\.\. +ok|ok [0-9]+)' "$log")" "$bad" 0 "$start" "$log"
}

kind_lifecycle() {
    need_product || return
    [ -x .build/test/tds_server ] || build test build_tests test '' || return
    local test_tree tests
    test_tree=$(dirname "$("$pg_config" --pgxs)")/../test
    mapfile -t tests < <(existing test/t/*.pl)
    (
        export PATH PG_REGRESS PERL5LIB TESTDIR PG_CONFIG TDS_SERVER VITALS_FIXTURES
        PATH=$("$pg_config" --bindir):$PATH
        PG_CONFIG=$pg_config
        PG_REGRESS=$test_tree/regress/pg_regress
        PERL5LIB=$test_tree/perl
        TESTDIR=$work
        TDS_SERVER=$PWD/.build/test/tds_server
        VITALS_FIXTURES=$PWD/test/fixtures
        run_tap lifecycle "$jobs" as_user "${tests[@]}"
        printf '%s %s %s\n' "$passed" "$failed" "$skipped" > "$work/totals"
    )
    read -r passed failed skipped < "$work/totals"
    [ "$failed" = 0 ] || cp -r "$work/tmp_check/log" "$logs/lifecycle-servers" 2> /dev/null || true
}

scripts/install_packages.sh build demo check
test_a_copy_if_unreadable
rm -rf "$logs"
mkdir -p "$logs"
work=$(private_directory pg_vitals_check)
trap 'rm -rf "$work"' EXIT

for kind in "${kinds[@]}"; do
    # What cannot be built is counted, and no reason to leave the other kinds out.
    "kind_$kind" || true
done

[ "$failed" = 0 ] || printf 'Logs: %s\n' "$logs"
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ "$failed" = 0 ]
