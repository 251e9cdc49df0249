// Strict reading of JSON from outside, and careful writing: what the parsers of core share. A text that breaks a rule
// is an error that names the rule, never a guess. For the .cpp files of core: the library's header is a slow one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/text_rules.h"
#include "core/wire.h"

namespace vitals::core {

using Json = nlohmann::json;

// Throws WireError unless the rule holds.
inline void require(bool condition, const char* rule) {
    if (!condition) throw WireError(rule);
}

// Invalid UTF-8 is replaced.
std::string dump(const Json& json);

// Fit for a report: valid UTF-8, no control character, at most `limit` bytes, cut at a character boundary.
std::string clean(std::string_view text, std::size_t limit);

// An object whose every field is asked for exactly by name; what was not asked for is an error.
class Fields {
  public:
    explicit Fields(const Json& json) : json_(json) { require(json.is_object(), "not an object"); }

    const Json* find(const char* name) {
        const auto found = json_.find(name);
        if (found == json_.end()) return nullptr;
        ++seen_;
        return &*found;
    }

    const Json& get(const char* name) {
        const Json* found = find(name);
        require(found != nullptr, "a required field is missing");
        return *found;
    }

    void done() const { require(seen_ == json_.size(), "unknown field"); }

  private:
    const Json& json_;
    std::size_t seen_ = 0;
};

const std::string& checked_text(const Json& json, std::size_t limit);
std::string text_of(const Json& json, std::size_t limit);
// Without control characters, which would break lines of the log.
std::string printable_of(const Json& json, std::size_t limit);
double finite_of(const Json& json);
bool boolean_of(const Json& json);
const Json& array_of(const Json& json, std::size_t least, std::size_t most);
// A small object of texts.
std::map<std::string, std::string> text_map_of(const Json& json);
std::uint64_t count_of(const Json& json);

template <typename Integer>
Integer integer_of(const Json& json, Integer least, Integer most) {
    require(json.is_number_integer(), "an integer is expected");
    const auto fits = [&](auto value) {
        return std::cmp_less_equal(value, most) && std::cmp_greater_equal(value, least);
    };
    if (json.is_number_unsigned()) {
        const auto value = json.get<std::uint64_t>();
        require(fits(value), "an integer is out of range");
        return static_cast<Integer>(value);
    }
    const auto value = json.get<std::int64_t>();
    require(fits(value), "an integer is out of range");
    return static_cast<Integer>(value);
}

}  // namespace vitals::core
