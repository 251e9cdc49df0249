#include "prober/sandbox/limits.h"

#include <jemalloc/jemalloc.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <new>
#include <string_view>
#include <system_error>

#include "prober/exit_code.h"
#include "prober/sandbox/sanitizers.h"

namespace vitals::prober {

namespace {

// FreeTDS needs 16 KB, name lookups more; the default of 8 MB would eat the address space.
constexpr std::size_t thread_stack = std::size_t{256} * 1024;
constexpr std::size_t sanitizer_thread_stack = std::size_t{4} * 1024 * 1024;
constexpr rlim_t most_descriptors = 65'536;
constexpr const char* purge_of_all_arenas = "arena.4096.purge";  // 4096: MALLCTL_ARENAS_ALL, which is no text

void check(bool worked, const char* what) {
    if (!worked) throw std::system_error(errno, std::generic_category(), what);
}

// FreeTDS takes a failed malloc() as a failed poll; code of ours that cannot get memory has nothing sensible to go on
// with, and the collector replaces a prober that ended.
void end_out_of_memory() {
    constexpr std::string_view message = "vitals_prober: out of memory\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
    _exit(exit_out_of_memory);
}

void make_threads_small() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, built_with_sanitizer ? sanitizer_thread_stack : thread_stack);
    // For std::thread as well, which cannot be told a size.
    const int error = pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
    if (error != 0) throw std::system_error(error, std::generic_category(), "cannot set the stack size of threads");
}

void limit_memory(std::uint64_t bytes) {
    if (bytes == 0 || built_with_sanitizer) return;
    const rlimit limit{bytes, bytes};
    check(setrlimit(RLIMIT_AS, &limit) == 0, "cannot limit the memory");
}

void raise_descriptors() {
    rlimit limit{};
    check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "cannot read the limit of descriptors");
    limit.rlim_cur = limit.rlim_max = std::min(limit.rlim_max, most_descriptors);
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "cannot set the limit of descriptors");
}

}  // namespace

void apply_limits(std::uint64_t memory_bytes) {
    std::set_new_handler(end_out_of_memory);
    make_threads_small();
    limit_memory(memory_bytes);
    raise_descriptors();
    const rlimit none{0, 0};
    check(setrlimit(RLIMIT_CORE, &none) == 0, "cannot forbid core dumps");
    check(prctl(PR_SET_DUMPABLE, 0) == 0, "cannot forbid debuggers");
    umask(077);
}

void give_back_memory() {
    // Sanitizers have a malloc of their own.
    if constexpr (!built_with_sanitizer) mallctl(purge_of_all_arenas, nullptr, nullptr, nullptr, 0);
}

}  // namespace vitals::prober

// Read by jemalloc when the process starts, before main(). Arenas: few, since hundreds of threads that wait for the
// network can share four, and each has memory of its own that is unused. retain: the limit counts addresses. tcache:
// there may be a thousand threads, of which each keeps what it freed.
extern "C" {
const char* malloc_conf = "narenas:4,retain:false,tcache_max:4096,lg_tcache_nslots_mul:0";
}
