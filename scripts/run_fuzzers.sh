#!/bin/bash
# Builds the fuzzers with clang into .build/fuzz and runs each for a bounded time from its seeds. Prints TAP; an input
# that breaks a property is kept in .build/fuzz/findings.
#
#   scripts/run_fuzzers.sh [seconds each, default 5]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-5}
build=.build/fuzz
findings=$build/findings

mapfile -t names < <(sed -n 's/^FUZZ_SOURCES += .*\/\(.*\)\.cpp$/\1/p' sources.mk)

launcher=()
if command -v ccache > /dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
if ! { cmake -S . -B "$build" -DCMAKE_CXX_COMPILER=clang++ -DVITALS_FUZZ=ON "${launcher[@]}" &&
    cmake --build "$build" --target "${names[@]}" -j"$(nproc)"; } > "$build.log" 2>&1; then
    tail -n 30 "$build.log" | sed 's/^/# /'
    echo "Bail out! the fuzzers do not build (see $build.log)"
    exit 1
fi

mkdir -p "$findings"
echo "1..${#names[@]}"
failed=0
number=0
for name in "${names[@]}"; do
    number=$((number + 1))
    # What libFuzzer learns goes into the build directory, so that the seeds stay as they are.
    mkdir -p "$build/corpus/$name"
    if "$build/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -close_fd_mask=1 \
        -artifact_prefix="$findings/$name-" "$build/corpus/$name" "test/fuzz/corpus/$name" > "$build/$name.log" 2>&1; then
        runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$build/$name.log")
        # An empty corpus or a fuzzer that does nothing must not count as passed.
        if [ "${runs:-0}" -gt 0 ]; then
            echo "ok $number - $name: $runs inputs in $seconds s"
            continue
        fi
    fi
    failed=1
    echo "not ok $number - $name"
    grep -a 'property does not hold' "$build/$name.log" | sed 's/^/# /' || true
    tail -n 25 "$build/$name.log" | sed 's/^/# /'
done
exit "$failed"
