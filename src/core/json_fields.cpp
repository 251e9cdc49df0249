#include "core/json_fields.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitals::core {

namespace {

// What a server sent may not be UTF-8; the library's replacement on the way out decides what stands instead.
std::string valid_utf8(std::string_view text) {
    const bool ascii =
        std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
    if (ascii) return std::string(text);
    return Json::parse(dump(Json(text))).get<std::string>();
}

}  // namespace

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// NUL cannot be stored by PostgreSQL and line breaks have no place in a message: control characters become blanks.
std::string clean(std::string_view text, std::size_t limit) {
    std::string cleaned = valid_utf8(text.substr(0, limit));
    cleaned.resize(cut_of(cleaned, limit));
    std::replace_if(cleaned.begin(), cleaned.end(), is_control, ' ');
    return cleaned;
}

const std::string& checked_text(const Json& json, std::size_t limit) {
    require(json.is_string(), "a text is expected");
    const auto& text = json.get_ref<const std::string&>();
    require(text.size() <= limit, "a text is too long");
    require(text.find('\0') == std::string::npos, "a text contains NUL");
    return text;
}

std::string text_of(const Json& json, std::size_t limit) {
    return checked_text(json, limit);
}

std::string printable_of(const Json& json, std::size_t limit) {
    std::string text = text_of(json, limit);
    require(std::none_of(text.begin(), text.end(), is_control), "a text contains control characters");
    return text;
}

double finite_of(const Json& json) {
    require(json.is_number(), "a number is expected");
    const auto value = json.get<double>();
    require(std::isfinite(value), "a number is not finite");
    return value;
}

bool boolean_of(const Json& json) {
    require(json.is_boolean(), "a boolean is expected");
    return json.get<bool>();
}

const Json& array_of(const Json& json, std::size_t least, std::size_t most) {
    require(json.is_array() && json.size() >= least && json.size() <= most, "an array of another size is expected");
    return json;
}

std::map<std::string, std::string> text_map_of(const Json& json) {
    require(json.is_object() && json.size() <= max_options, "a small object is expected");
    std::map<std::string, std::string> map;
    for (const auto& [key, value] : json.items()) {
        require(key.size() <= max_metric_name && key.find('\0') == std::string::npos, "a key is too long");
        map.emplace(key, text_of(value, max_text));
    }
    return map;
}

std::uint64_t count_of(const Json& json) {
    return integer_of<std::uint64_t>(json, 0, std::numeric_limits<std::uint64_t>::max());
}

}  // namespace vitals::core
