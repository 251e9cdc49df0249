#include "tds_server/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace tds_server {

namespace {

constexpr std::int64_t no_amount = -1;      // the fault takes none
constexpr std::int64_t amount_needed = -2;  // and has no default
constexpr std::int64_t most_amount = 1'000'000'000;

struct FaultName {
    std::string_view name;
    FaultKind kind;
    std::int64_t default_amount = no_amount;
};

constexpr std::array<FaultName, 22> names{{
    {"none", FaultKind::none},
    {"refuse", FaultKind::refuse},
    {"silent", FaultKind::silent},
    {"silent-after-login", FaultKind::silent_after_login},
    {"drip", FaultKind::drip},
    {"drip-reply", FaultKind::drip_reply},
    {"stall", FaultKind::stall},
    {"cut", FaultKind::cut},
    {"reset", FaultKind::reset},
    {"garbage", FaultKind::garbage},
    {"http", FaultKind::http},
    {"huge-row", FaultKind::huge_row, 64},
    {"endless-rows", FaultKind::endless_rows},
    {"message-storm", FaultKind::message_storm, 100'000},
    {"wrong-token", FaultKind::wrong_token},
    {"slow-login", FaultKind::slow_login, amount_needed},
    {"latency", FaultKind::latency, amount_needed},
    {"error", FaultKind::error, amount_needed},
    {"login-error", FaultKind::login_error, amount_needed},
    {"encrypt-downgrade", FaultKind::encrypt_downgrade},
    {"plain-prelogin-drop", FaultKind::plain_prelogin_drop},
    {"prepared-reset", FaultKind::prepared_reset},
}};

std::int64_t parse_amount(std::string_view text) {
    std::int64_t amount = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (error != std::errc{} || end != text.data() + text.size() || amount < 0 || amount > most_amount)
        throw std::invalid_argument(fmt::format("\"{}\" is not a number from 0 to {}", text, most_amount));
    return amount;
}

}  // namespace

Fault fault_from_text(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const auto* found = std::find_if(names.begin(), names.end(), [&](const FaultName& n) { return n.name == name; });
    if (found == names.end())
        throw std::invalid_argument(fmt::format("there is no fault \"{}\"; there are: {}", name, fault_names()));
    if (equals == std::string_view::npos) {
        if (found->default_amount == amount_needed)
            throw std::invalid_argument(fmt::format("fault {0} needs a number: {0}=N", name));
        return {found->kind, std::max<std::int64_t>(found->default_amount, 0)};
    }
    if (found->default_amount == no_amount) throw std::invalid_argument(fmt::format("fault {} takes no number", name));
    return {found->kind, parse_amount(text.substr(equals + 1))};
}

std::string fault_names() {
    std::string list;
    for (const FaultName& entry : names) {
        if (!list.empty()) list += ", ";
        list += entry.name;
        if (entry.default_amount == amount_needed) list += "=N";
        if (entry.default_amount >= 0) list += "[=N]";
    }
    return list;
}

}  // namespace tds_server
