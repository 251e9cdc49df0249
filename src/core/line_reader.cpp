#include "core/line_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace vitals::core {

namespace {

// No field of the protocol nests deeper.
constexpr std::size_t most_depth = 8;
constexpr const char* wrong_array = "an array of another size is expected";
constexpr const char* not_a_number = "a number is expected";
constexpr const char* given_twice = "a field is given twice";
constexpr const char* too_long = "a line is too long";

// The values of a result, event by event.
class ValueReader {
  public:
    explicit ValueReader(std::vector<Value>& values) : values_(values) {}

    void start_array() {
        require(part_ == Part::none, "a text is expected");
        require(values_.size() < max_values, wrong_array);
        values_.emplace_back();
        part_ = Part::metric;
    }
    // False: the list itself has ended.
    bool end_array() {
        if (part_ == Part::none) return false;
        require(part_ >= Part::instance, wrong_array);
        part_ = Part::none;
        return true;
    }
    void text(const std::string& text) {
        if (part_ == Part::metric) {
            require(!text.empty(), "a metric has no name");
            values_.back().metric = checked(text, max_metric_name);
        } else if (part_ == Part::instance) {
            values_.back().instance = checked(text, max_instance_name);
        } else {
            other();
        }
        next();
    }
    void number(std::optional<double> value) {
        if (part_ != Part::number) other();
        require(!value || std::isfinite(*value), "a number is not finite");
        values_.back().value = value;
        next();
    }
    [[noreturn]] void other() const {
        require(part_ != Part::none && part_ != Part::end, wrong_array);
        throw WireError(part_ == Part::number ? not_a_number : "a text is expected");
    }

  private:
    enum class Part { none, metric, number, instance, end };

    static const std::string& checked(const std::string& text, std::size_t limit) {
        require(text.size() <= limit, "a text is too long");
        require(std::none_of(text.begin(), text.end(), is_control), "a text contains control characters");
        return text;
    }
    void next() { part_ = static_cast<Part>(static_cast<int>(part_) + 1); }

    std::vector<Value>& values_;
    Part part_ = Part::none;  // what comes next in the value that is open; none: no value is
};

class LineReader final : public nlohmann::json_sax<Json> {
  public:
    // report: null: values are nothing special.
    explicit LineReader(ParsedReport* report)
        : report_(report), values_(report != nullptr ? report->values : no_values_) {}

    [[nodiscard]] Json take() { return std::move(root_); }

    bool null() override { return in_ != List::none ? number(std::nullopt) : add(nullptr); }
    bool boolean(bool value) override { return scalar(value); }
    bool number_integer(number_integer_t value) override {
        return in_ != List::none ? number(static_cast<double>(value)) : add(value);
    }
    bool number_unsigned(number_unsigned_t value) override {
        return in_ != List::none ? number(static_cast<double>(value)) : add(value);
    }
    bool number_float(number_float_t value, const string_t& /*text*/) override {
        return in_ != List::none ? number(value) : add(value);
    }
    bool string(string_t& value) override {
        if (in_ == List::none) return add(std::move(value));
        require(in_ == List::values, not_a_number);
        values_.text(value);
        return true;
    }
    bool binary(binary_t& /*value*/) override { return false; }

    bool start_object(std::size_t /*elements*/) override {
        refuse_in_list();
        return open(Json::object());
    }
    bool end_object() override { return close(); }
    bool key(string_t& name) override {
        next_ = report_ != nullptr && open_.size() == 1 ? list_of(name) : List::none;
        if (next_ == List::none) slot_ = &(*open_.back())[std::move(name)];
        return true;
    }
    bool start_array(std::size_t /*elements*/) override {
        if (in_ != List::none) {
            require(in_ == List::values, not_a_number);
            values_.start_array();
            return true;
        }
        in_ = std::exchange(next_, List::none);
        if (in_ == List::none) return open(Json::array());
        bool& has = in_ == List::values ? report_->has_values : report_->has_numbers;
        require(!std::exchange(has, true), given_twice);
        return true;
    }
    bool end_array() override {
        if (in_ == List::none) return close();
        const bool goes_on = in_ == List::values && values_.end_array();
        if (!goes_on) in_ = List::none;
        return true;
    }
    bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                     const nlohmann::detail::exception& /*error*/) override {
        return false;
    }

  private:
    // The lists that get no tree.
    enum class List { none, values, numbers };

    static List list_of(const std::string& field) {
        if (field == "values") return List::values;
        return field == "numbers" ? List::numbers : List::none;
    }
    void refuse_in_list() const {
        if (in_ == List::values) values_.other();
        require(in_ == List::none, not_a_number);
    }
    template <typename Scalar>
    bool scalar(Scalar value) {
        refuse_in_list();
        return add(value);
    }
    bool number(std::optional<double> value) {
        if (in_ == List::values) {
            values_.number(value);
            return true;
        }
        require(report_->numbers.size() < max_values, wrong_array);
        require(!value || std::isfinite(*value), "a number is not finite");
        report_->numbers.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
        return true;
    }

    bool add(Json&& value) {
        place(std::move(value));
        return true;
    }
    Json* place(Json&& value) {
        require(next_ == List::none, wrong_array);
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        if (open_.back()->is_array()) return &open_.back()->emplace_back(std::move(value));
        *slot_ = std::move(value);
        return slot_;
    }
    bool open(Json&& container) {
        require(open_.size() < most_depth, "nested too deep");
        open_.push_back(place(std::move(container)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    ParsedReport* report_;
    std::vector<Value> no_values_;
    ValueReader values_;
    List in_ = List::none;
    List next_ = List::none;  // what the key before was that of
    Json root_;
    std::vector<Json*> open_;  // none of them moves while it is open
    Json* slot_ = nullptr;     // of the key before
};

Json read_line(std::string_view line, std::size_t limit, ParsedReport* report) {
    require(line.size() <= limit, too_long);
    LineReader reader(report);
    require(Json::sax_parse(line.begin(), line.end(), &reader), "not JSON");
    return reader.take();
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool has_digit(std::string_view text, std::size_t position) {
    return position < text.size() && is_digit(text[position]);
}

// As JSON has it, which knows no infinity, no zeros in front and no point without digits.
bool is_json_number(std::string_view text) {
    const std::size_t first = text.starts_with('-') ? 1 : 0;
    if (!has_digit(text, first) || (text[first] == '0' && has_digit(text, first + 1))) return false;
    const auto point = text.find('.');
    return point == std::string_view::npos || has_digit(text, point + 1);
}

// One number or null at the beginning of a text, and how many characters it has; 0 where there is none.
std::size_t read_number(std::string_view text, double& number) {
    constexpr std::string_view null = "null";
    if (text.starts_with(null)) {
        number = std::numeric_limits<double>::quiet_NaN();
        return null.size();
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return 0;
    const auto length = static_cast<std::size_t>(end - text.data());
    number += 0.0;  // never -0
    return is_json_number(text.substr(0, length)) ? length : 0;
}

// "1,null,2.5"; false if it is anything else. Appends what it has read until then.
bool read_numbers(std::string_view text, std::vector<double>& numbers) {
    while (numbers.size() < max_values) {
        const std::size_t length = read_number(text, numbers.emplace_back());
        if (length == 0) return false;
        if (length == text.size()) return true;
        if (text[length] != ',') return false;
        text.remove_prefix(length + 1);
    }
    return false;
}

// A prober writes the field "numbers" at the end of the line. There it is read without a JSON parser, which takes four
// times as long, and what is returned is the line without it. Nothing where the line has another form: then it is for
// the parser to say what it is. A text that only looks like the field cannot be taken for it: the rest of that line
// would have a text or an object that does not end.
std::optional<std::string> take_numbers(std::string_view line, std::vector<double>& numbers) {
    constexpr std::string_view field = ",\"numbers\":[";
    constexpr std::string_view end = "]}";
    const auto start = line.rfind(field);
    if (start == std::string_view::npos || !line.ends_with(end)) return std::nullopt;
    const std::size_t first = start + field.size();
    if (line.size() < first + end.size() ||
        !read_numbers(line.substr(first, line.size() - end.size() - first), numbers)) {
        numbers.clear();
        return std::nullopt;
    }
    return std::string(line.substr(0, start)) + '}';
}

// By hashes, which sort faster than texts and need no memory each.
void require_each_once(const std::vector<Value>& values) {
    const std::hash<std::string_view> hash;
    std::vector<std::pair<std::size_t, const Value*>> seen;
    seen.reserve(values.size());
    for (const auto& value : values)
        seen.emplace_back(hash(value.metric) * 31 + hash(value.instance), &value);
    // The texts as well: a prober may choose them so that all hashes are the same.
    std::sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
        return std::tie(a.first, a.second->metric, a.second->instance) <
               std::tie(b.first, b.second->metric, b.second->instance);
    });
    const auto twice = std::adjacent_find(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
        return a.first == b.first && a.second->metric == b.second->metric && a.second->instance == b.second->instance;
    });
    require(twice == seen.end(), "a value is given twice");
}

}  // namespace

Json parse_line(std::string_view line, std::size_t limit) {
    return read_line(line, limit, nullptr);
}

ParsedReport parse_report_line(std::string_view line, std::size_t limit) {
    require(line.size() <= limit, too_long);
    ParsedReport report;
    const auto rest = take_numbers(line, report.numbers);
    if (rest) {
        report.fields = read_line(*rest, limit, &report);
        require(!std::exchange(report.has_numbers, true), given_twice);
    } else {
        report.fields = read_line(line, limit, &report);
    }
    require_each_once(report.values);
    return report;
}

}  // namespace vitals::core
