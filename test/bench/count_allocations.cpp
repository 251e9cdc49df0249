// Preloaded into a prober: counts what it allocates, in a file that a benchmark reads meanwhile. A program of
// valgrind's would see the same, but cannot run what has a sandbox.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

// The file: two numbers of 64 bits.
struct Counts {
    std::atomic<std::uint64_t> allocations;
    std::atomic<std::uint64_t> bytes;
};

Counts uncounted{};
std::atomic<Counts*> counts{&uncounted};

// Before the program begins, and has a sandbox that lets it open no file.
__attribute__((constructor)) void open_counts() {
    const char* path = std::getenv("ALLOCATION_COUNTS");
    if (path == nullptr) return;
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);  // NOLINT(*-vararg)
    if (file < 0) return;
    if (ftruncate(file, sizeof(Counts)) == 0) {
        void* memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory != MAP_FAILED) counts = static_cast<Counts*>(memory);
    }
    close(file);
}

void* counted(void* memory, std::size_t size) {
    Counts& now = *counts.load(std::memory_order_relaxed);
    now.allocations.fetch_add(1, std::memory_order_relaxed);
    now.bytes.fetch_add(size, std::memory_order_relaxed);
    return memory;
}

// The function that this library stands in front of: that of the prober's own malloc, or of libc.
template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
    static auto* const function = next<void*(std::size_t)>("malloc");
    return counted(function(size), size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t size) {
    static auto* const function = next<void*(std::size_t, std::size_t)>("calloc");
    return counted(function(count, size), count * size);
}
__attribute__((visibility("default"))) void* realloc(void* memory, std::size_t size) {
    static auto* const function = next<void*(void*, std::size_t)>("realloc");
    return counted(function(memory, size), size);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment, std::size_t size) {
    static auto* const function = next<void*(std::size_t, std::size_t)>("aligned_alloc");
    return counted(function(alignment, size), size);
}
__attribute__((visibility("default"))) int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    static auto* const function = next<int(void**, std::size_t, std::size_t)>("posix_memalign");
    const int error = function(memory, alignment, size);
    if (error == 0) counted(*memory, size);
    return error;
}
}

// Those of a malloc that brings its own do not call malloc().
__attribute__((visibility("default"))) void* operator new(std::size_t size) {
    static auto* const function = next<void*(std::size_t)>("_Znwm");
    return counted(function(size), size);
}
__attribute__((visibility("default"))) void* operator new[](std::size_t size) {
    static auto* const function = next<void*(std::size_t)>("_Znam");
    return counted(function(size), size);
}
