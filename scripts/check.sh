#!/usr/bin/env bash
# `make check`: installs what it needs, builds, runs the tests of every kind, and ends with one line of totals.
# check.sh [KIND…] runs some kinds only; SANITIZE=address,undefined or thread runs what is not a server module under
# sanitizers. The system's PostgreSQL is copied and left alone; root's tests run as an unprivileged user.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
. scripts/unprivileged.sh
. scripts/cmake_build.sh
. scripts/programs.sh

jobs=$(nproc)
logs=.build/check
sanitizers=address,undefined
passed=0 failed=0 skipped=0

if [ -n "${SANITIZE:-}" ]; then
    kinds=(sanitizer)
    sanitizers=$SANITIZE
else
    kinds=(lint unit sanitizer fuzz clients regress lifecycle)
fi
[ $# = 0 ] || kinds=("$@")

# The tests' user must be able to read the tree. A clone in root's home is tested in a copy.
test_a_copy_if_unreadable() {
    as_user test -r "$PWD/Makefile" 2> /dev/null && return
    local copy status=0
    copy=$(mktemp -d /var/tmp/pg_vitals_check.XXXXXX)
    chmod 755 "$copy"
    printf 'User %s cannot read %s: testing a copy, %s\n' "$(run_user)" "$PWD" "$copy"
    tar --exclude=./.git --exclude=./.build --exclude=./.demo -cf - . | tar --no-same-owner -C "$copy" -xf -
    chmod -R a+rX "$copy"
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

# count_lines PATTERN FILE, 0 if none.
count_lines() { grep -cE "$1" "$2" || true; }

# run_shard PROGRAM SHARDS SHARD LOG: one part of a program's tests. In the background the shell ignores signals that they
# are to see.
run_shard() {
    local status=0
    (cd "$work" && GTEST_TOTAL_SHARDS=$2 GTEST_SHARD_INDEX=$3 as_user env --default-signal=INT,QUIT "$1" --gtest_color=no) > "$4" 2>&1 || status=$?
    if [ $status != 0 ] && [ "$(failed_tests "$4")" = 0 ]; then printf '\n[  FAILED  ] status %s (0 ms)\n' $status >> "$4"; fi
}

failed_tests() { count_lines '^\[  FAILED  \] .* \([0-9]+ ms\)$' "$1"; }

# The prober's tests mostly wait: four parts of them at the same time, each with a log of its own, and one of all.
run_gtest() {
    local name=$1 program=$2 log=$logs/$1.log start shards=1 shard
    [[ $program != */prober_tests ]] || shards=4
    start=$(now)
    for ((shard = 0; shard < shards; ++shard)); do
        run_shard "$program" $shards $shard "$logs/$name.$shard.log" &
    done
    wait
    # What failed stands at the end, where it is looked for.
    for ((shard = 0; shard < shards; ++shard)); do
        printf '%s %s\n' "$(failed_tests "$logs/$name.$shard.log")" "$logs/$name.$shard.log"
    done | sort -n | while read -r _ part; do cat "$part"; done > "$log"
    tally "$name" "$(count_lines '^\[       OK \] ' "$log")" "$(failed_tests "$log")" \
        "$(count_lines '^\[  SKIPPED \] .* \([0-9]+ ms\)$' "$log")" "$start" "$log"
}

run_gtests() {
    local variant=$1 program
    for program in unit_tests tds_server_tests prober_tests; do
        run_gtest "$variant: $program" "$PWD/.build/$variant/$program"
    done
}

# run_tap NAME JOBS RUNNER PROGRAM…: a program may have arguments, after blanks.
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
    build test cmake_build test '' || return
    have_simulator=1
    run_gtests test
}

kind_sanitizer() {
    local name=${sanitizers//,/-}
    build "$name" cmake_build "$name" "$sanitizers" && run_gtests "$name"
}

kind_fuzz() {
    local scripts
    mapfile -t scripts < <(existing scripts/run_fuzzers.sh)
    run_tap fuzz 1 directly "${scripts[@]}"
}

need_product() { [ -n "${pg_config:-}" ] || build product build_product; }

# Runs a command as the tests' user with what tests of the server need: the private server in PATH, its test modules,
# the simulator, and the programs of others.
with_server() {
    local test_tree
    test_tree=$(dirname "$("$pg_config" --pgxs)")/../test
    PATH=$("$pg_config" --bindir):$PATH PG_CONFIG=$pg_config PG_REGRESS=$test_tree/regress/pg_regress \
        PERL5LIB=$test_tree/perl TESTDIR=$work TDS_SERVER=$PWD/.build/${simulator_variant:-test}/tds_server \
        VITALS_FIXTURES=$PWD/test/fixtures POSTGREST=$(find_postgrest) NGINX=$(find_program nginx) \
        PROMTOOL=$(find_program promtool) as_user "$@"
}

need_simulator() {
    [ -n "${have_simulator:-}" ] || build simulator cmake_build test '' tds_server
    have_simulator=1
}

# The simulator with clients that are not ours.
kind_clients() {
    need_simulator || return
    run_tap clients 1 as_user "test/tds_server/clients/run.sh $PWD/.build/test/tds_server"
}

kind_regress() {
    need_product || return
    run_tap regress 1 with_server "scripts/run_regress.sh $("$pg_config" --bindir)"
}

kind_lifecycle() {
    need_product && need_simulator || return
    local tests
    mapfile -t tests < <(existing test/t/*.pl)
    run_tap lifecycle "$jobs" with_server "${tests[@]}"
    [ ! -d "$work/tmp_check/log" ] || cp -r "$work/tmp_check/log" "$logs/lifecycle-servers"
}

# No test: prints figures.
kind_bench() {
    need_product && build simulator cmake_build bench '' tds_server || return
    local simulator_variant=bench
    with_server prove -v test/bench/*.pl
    passed=1
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
