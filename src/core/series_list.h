// The names of a collection's values, worked out once. A target's collections have the same names in nearly every poll:
// the prober then sends the values alone, with the number of the list that names them, and what storage wants to know
// of the names (their order, parts and hashes) is here already.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/known_sets.h"
#include "core/wire.h"

namespace vitals::core {

// What names take, in bytes: those of a tenant, and with them those of all that a collector has.
class SeriesUsage {
  public:
    explicit SeriesUsage(std::shared_ptr<SeriesUsage> all = nullptr) : all_(std::move(all)) {}
    void add(std::size_t bytes) noexcept {
        bytes_ += bytes;
        if (all_) all_->add(bytes);
    }
    void remove(std::size_t bytes) noexcept {
        bytes_ -= bytes;
        if (all_) all_->remove(bytes);
    }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  private:
    std::size_t bytes_ = 0;
    std::shared_ptr<SeriesUsage> all_;
};

// A part of a set (parts_of) with its names, packed: thousands of servers may each have some of their own.
class SeriesPart {
  public:
    // used: where its bytes are counted as long as it lives.
    SeriesPart(const SetHash& hash, const Names& names, std::shared_ptr<SeriesUsage> used);
    SeriesPart(const SeriesPart&) = delete;
    SeriesPart& operator=(const SeriesPart&) = delete;
    ~SeriesPart();

    [[nodiscard]] const SetHash& hash() const noexcept { return hash_; }
    [[nodiscard]] std::size_t size() const noexcept { return ends_.size() / 2; }
    [[nodiscard]] std::string_view metric(std::size_t i) const { return text(2 * i); }
    [[nodiscard]] std::string_view instance(std::size_t i) const { return text(2 * i + 1); }
    [[nodiscard]] std::size_t bytes() const noexcept;

  private:
    [[nodiscard]] std::string_view text(std::size_t i) const;

    SetHash hash_;
    std::string texts_;                // metric and instance of each, one after the other
    std::vector<std::uint32_t> ends_;  // of each text
    std::shared_ptr<SeriesUsage> used_;
};

class SeriesList {
  public:
    using Parts = std::vector<std::shared_ptr<const SeriesPart>>;
    // order: where in the result the values of the parts are, part by part.
    SeriesList(Parts parts, std::vector<std::uint16_t> order, std::shared_ptr<SeriesUsage> used);
    SeriesList(const SeriesList&) = delete;
    SeriesList& operator=(const SeriesList&) = delete;
    ~SeriesList();

    [[nodiscard]] const SetHash& hash() const noexcept { return hash_; }
    [[nodiscard]] const Parts& parts() const noexcept { return parts_; }
    [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
    [[nodiscard]] const std::vector<std::uint16_t>& order() const noexcept { return order_; }
    // Of the list and all its parts, whoever else has them.
    [[nodiscard]] std::size_t bytes_with_names() const noexcept;

    // The numbers of a result, which has as many as the list, in the order of the parts.
    [[nodiscard]] std::vector<double> in_order(const std::vector<double>& numbers) const;
    // The values of such a result, as they would be with their names.
    [[nodiscard]] std::vector<Value> named(const std::vector<double>& numbers) const;

  private:
    [[nodiscard]] std::size_t bytes() const noexcept;

    Parts parts_;
    std::vector<std::uint16_t> order_;
    SetHash hash_;
    std::shared_ptr<SeriesUsage> used_;
};

// Makes the lists of a tenant. What its targets have in common is there once, for as long as somebody has it.
class SeriesLists {
  public:
    // all: where what it takes is counted with that of others.
    explicit SeriesLists(std::shared_ptr<SeriesUsage> all = nullptr)
        : used_(std::make_shared<SeriesUsage>(std::move(all))) {}
    std::shared_ptr<const SeriesList> list_of(const std::vector<Value>& values);
    // Of all that is in use.
    [[nodiscard]] std::size_t used() const noexcept { return used_->bytes(); }

  private:
    std::shared_ptr<const SeriesPart> part_of(const Names& names);
    void forget_unused();

    std::shared_ptr<SeriesUsage> used_;
    std::unordered_map<SetHash, std::weak_ptr<const SeriesPart>, FirstBytes> parts_;
    std::unordered_map<SetHash, std::weak_ptr<const SeriesList>, FirstBytes> lists_;
    std::size_t look_again_at_ = 1000;  // when so many are listed
};

// The values alone, in the order given; not a number where one is not known.
std::vector<double> numbers_of(const std::vector<Value>& values);

// The lists that the collections of one target had last: slow groups make a few that take turns.
class RecentSeries {
  public:
    [[nodiscard]] std::vector<SeriesRef> refs() const;
    // Null: not one of these.
    [[nodiscard]] std::shared_ptr<const SeriesList> find(const SeriesRef& ref) const;
    // In the place of the one that was not used for longest, where there is no room.
    void add(const SeriesRef& ref, std::shared_ptr<const SeriesList> list);
    void used(const SeriesRef& ref);
    void clear() { entries_.clear(); }

  private:
    struct Entry {
        SeriesRef ref;
        std::shared_ptr<const SeriesList> list;
    };
    std::vector<Entry> entries_;  // that used last comes last
};

}  // namespace vitals::core
