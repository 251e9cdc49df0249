# shellcheck shell=bash
# Sourced by the scripts that build tests and the simulator, so that all of them share one build directory per variant.

# cmake_build VARIANT SANITIZERS [TARGET]: into .build/VARIANT. What is built here is run a few times and then built again:
# little optimisation halves the time, and with the address sanitizer none at all halves it once more. The thread sanitizer
# would then be too slow for the tests' deadlines. The variant "bench" is for what benchmarks run beside what they measure.
cmake_build() {
    local flags='-O1 -g1' options=()
    [[ $2 != *address* ]] || flags='-O0 -g1'
    [ "$1" != bench ] || flags='-O2 -g1'
    ! command -v ccache > /dev/null || options=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    cmake -S . -B ".build/$1" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="$flags" -DVITALS_SANITIZE="$2" "${options[@]}" &&
        cmake --build ".build/$1" ${3:+--target "$3"} -j"$(nproc)"
}
