#include "prober/freetds/name_resolver.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
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

}  // namespace

NameResolver::NameResolver(int max_lookups) : lookups_(max_lookups) {}

std::vector<std::string> NameResolver::resolve(const std::string& host, const Deadline& deadline) const {
    Answer numeric = look_up(host, AI_NUMERICHOST);
    if (numeric.code == 0 && !numeric.addresses.empty()) return std::move(numeric.addresses);

    auto lookup = lookups_.run<Answer>([host] { return look_up(host, AI_ADDRCONFIG); }, deadline);
    if (lookup.end == LeftBehind::End::no_place)
        throw TdsFailure(core::ErrorClass::name_lookup, "too many name lookups are pending");
    if (lookup.end == LeftBehind::End::late)
        throw TdsFailure(core::ErrorClass::name_lookup,
                         fmt::format("the name servers did not answer in time for \"{}\"", host));
    Answer& answer = *lookup.result;
    if (answer.code != 0 || answer.addresses.empty()) {
        const char* reason = answer.code == 0 ? "no address" : gai_strerror(answer.code);
        throw TdsFailure(core::ErrorClass::name_lookup, fmt::format("cannot resolve \"{}\": {}", host, reason));
    }
    return std::move(answer.addresses);
}

}  // namespace vitals::prober
