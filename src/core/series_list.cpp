#include "core/series_list.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitals::core {

namespace {

constexpr std::size_t look_again_after = 1000;

SetHash hash_of(const SeriesList::Parts& parts) {
    std::vector<SetHash> hashes;
    hashes.reserve(parts.size());
    for (const auto& part : parts)
        hashes.push_back(part->hash());
    return hash_of_parts(hashes);
}

}  // namespace

SeriesPart::SeriesPart(const SetHash& hash, const Names& names, std::shared_ptr<SeriesUsage> used)
    : hash_(hash), used_(std::move(used)) {
    ends_.reserve(2 * names.size());
    for (const auto* name : names) {
        for (const auto* text : {&name->metric, &name->instance}) {
            texts_ += *text;
            ends_.push_back(static_cast<std::uint32_t>(texts_.size()));
        }
    }
    texts_.shrink_to_fit();
    used_->add(bytes());
}

SeriesPart::~SeriesPart() {
    used_->remove(bytes());
}

std::size_t SeriesPart::bytes() const noexcept {
    return sizeof(*this) + texts_.capacity() + ends_.capacity() * sizeof(ends_.front());
}

std::string_view SeriesPart::text(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(texts_).substr(begin, ends_[i] - begin);
}

SeriesList::SeriesList(Parts parts, std::vector<std::uint16_t> order, std::shared_ptr<SeriesUsage> used)
    : parts_(std::move(parts)), order_(std::move(order)), hash_(hash_of(parts_)), used_(std::move(used)) {
    used_->add(bytes());
}

SeriesList::~SeriesList() {
    used_->remove(bytes());
}

std::size_t SeriesList::bytes() const noexcept {
    return sizeof(*this) + parts_.capacity() * sizeof(parts_.front()) + order_.capacity() * sizeof(order_.front());
}

std::size_t SeriesList::bytes_with_names() const noexcept {
    std::size_t sum = bytes();
    for (const auto& part : parts_)
        sum += part->bytes();
    return sum;
}

std::vector<double> SeriesList::in_order(const std::vector<double>& numbers) const {
    std::vector<double> ordered;
    ordered.reserve(order_.size());
    for (const auto place : order_)
        ordered.push_back(numbers[place]);
    return ordered;
}

std::vector<Value> SeriesList::named(const std::vector<double>& numbers) const {
    std::vector<Value> values(order_.size());
    std::size_t next = 0;
    for (const auto& part : parts_) {
        for (std::size_t i = 0; i < part->size(); ++i) {
            const std::size_t place = order_[next++];
            const double number = numbers[place];
            values[place] = {std::string(part->metric(i)), std::string(part->instance(i)),
                             std::isfinite(number) ? std::optional(number) : std::nullopt};
        }
    }
    return values;
}

std::shared_ptr<const SeriesList> SeriesLists::list_of(const std::vector<Value>& values) {
    forget_unused();
    SeriesList::Parts parts;
    std::vector<std::uint16_t> order;
    order.reserve(values.size());
    for (const auto& names : parts_of(values)) {
        parts.push_back(part_of(names));
        for (const auto* value : names)
            order.push_back(static_cast<std::uint16_t>(value - values.data()));
    }
    auto list = std::make_shared<const SeriesList>(std::move(parts), std::move(order), used_);
    auto& known = lists_[list->hash()];
    if (auto same = known.lock(); same && same->order() == list->order()) return same;
    known = list;
    return list;
}

std::shared_ptr<const SeriesPart> SeriesLists::part_of(const Names& names) {
    const SetHash hash = hash_of_names(names);
    auto& known = parts_[hash];
    auto part = known.lock();
    if (!part) known = part = std::make_shared<const SeriesPart>(hash, names, used_);
    return part;
}

// Now and then, so that what was made once and never again does not stay listed.
void SeriesLists::forget_unused() {
    if (parts_.size() + lists_.size() < look_again_at_) return;
    std::erase_if(parts_, [](const auto& entry) { return entry.second.expired(); });
    std::erase_if(lists_, [](const auto& entry) { return entry.second.expired(); });
    look_again_at_ = 2 * (parts_.size() + lists_.size()) + look_again_after;
}

std::vector<double> numbers_of(const std::vector<Value>& values) {
    std::vector<double> numbers;
    numbers.reserve(values.size());
    for (const auto& value : values)
        numbers.push_back(value.value.value_or(std::numeric_limits<double>::quiet_NaN()));
    return numbers;
}

std::vector<SeriesRef> RecentSeries::refs() const {
    std::vector<SeriesRef> refs;
    refs.reserve(entries_.size());
    for (const auto& entry : entries_)
        refs.push_back(entry.ref);
    return refs;
}

std::shared_ptr<const SeriesList> RecentSeries::find(const SeriesRef& ref) const {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.ref == ref; });
    return found == entries_.end() ? nullptr : found->list;
}

void RecentSeries::add(const SeriesRef& ref, std::shared_ptr<const SeriesList> list) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.ref == ref; });
    if (entries_.size() >= max_known_series) entries_.erase(entries_.begin());
    entries_.push_back({ref, std::move(list)});
}

void RecentSeries::used(const SeriesRef& ref) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.ref == ref; });
    if (found != entries_.end()) std::rotate(found, found + 1, entries_.end());
}

}  // namespace vitals::core
