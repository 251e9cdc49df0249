#include "prober/freetds/name_resolver.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "prober/freetds/tds_failure.h"

namespace vitals::prober {

namespace {

constexpr std::size_t max_addresses = 16;

struct Answer {
    int code = 0;
    std::vector<std::string> addresses;
};

std::vector<std::string> numeric_addresses(const addrinfo* list) {
    std::vector<std::string> addresses;
    for (; list != nullptr && addresses.size() < max_addresses; list = list->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (getnameinfo(list->ai_addr, list->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
            continue;
        if (std::find(addresses.begin(), addresses.end(), text.data()) == addresses.end())
            addresses.emplace_back(text.data());
    }
    return addresses;
}

Answer look_up(const std::string& host, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    addrinfo* list = nullptr;
    Answer answer;
    answer.code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (answer.code != 0) return answer;
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
    answer.addresses = numeric_addresses(list);
    return answer;
}

// Shared by the asking and the looking thread: whoever is left last frees it.
struct Lookup {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Answer> answer;
};

}  // namespace

struct NameResolver::Limit {
    explicit Limit(int places) : free_places(places) {}
    std::atomic<int> free_places;

    bool take() {
        if (free_places.fetch_sub(1) > 0) return true;
        free_places.fetch_add(1);
        return false;
    }
    void give_back() { free_places.fetch_add(1); }
};

NameResolver::NameResolver(int max_lookups) : limit_(std::make_shared<Limit>(max_lookups)) {}

std::vector<std::string> NameResolver::resolve(const std::string& host, const Deadline& deadline) const {
    Answer numeric = look_up(host, AI_NUMERICHOST);
    if (numeric.code == 0 && !numeric.addresses.empty()) return std::move(numeric.addresses);

    if (!limit_->take()) throw TdsFailure(core::ErrorClass::name_lookup, "too many name lookups are pending");
    auto lookup = std::make_shared<Lookup>();
    try {
        std::thread([lookup, limit = limit_, host] {
            Answer answer = look_up(host, AI_ADDRCONFIG);
            limit->give_back();
            const std::lock_guard lock(lookup->mutex);
            lookup->answer = std::move(answer);
            lookup->done.notify_one();
        }).detach();
    } catch (const std::system_error&) {
        limit_->give_back();
        throw TdsFailure(core::ErrorClass::name_lookup, "cannot start a name lookup");
    }

    std::unique_lock lock(lookup->mutex);
    if (!lookup->done.wait_until(lock, deadline.at(), [&] { return lookup->answer.has_value(); }))
        throw TdsFailure(core::ErrorClass::timeout, fmt::format("name lookup of \"{}\" did not end in time", host));
    if (lookup->answer->code != 0 || lookup->answer->addresses.empty()) {
        const char* reason = lookup->answer->code == 0 ? "no address" : gai_strerror(lookup->answer->code);
        throw TdsFailure(core::ErrorClass::name_lookup, fmt::format("cannot resolve \"{}\": {}", host, reason));
    }
    return std::move(lookup->answer->addresses);
}

}  // namespace vitals::prober
