// Which sets of series storage knows by their hash. The names of a collection are four fifths of its bytes and nearly
// always those of the poll before; once they are stored, their hash stands for them. A set that is not known is told by
// its parts, most of which another set or server has as well, and only the names of those parts that are new are told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/wire.h"

namespace vitals::core {

// BLAKE2b: a server that is watched chooses names of instances, and must not find those that stand for another's set.
using SetHash = std::array<std::uint8_t, 16>;

// For tables of them.
struct FirstBytes {
    std::size_t operator()(const SetHash& hash) const noexcept {
        std::size_t bytes = 0;
        std::memcpy(&bytes, hash.data(), sizeof bytes);
        return bytes;
    }
};

using Names = std::vector<const Value*>;

// The parts of a set, in its order: the metrics without instances, which most servers of a version have in common, and
// per first word of their names those with instances, which come and go together. Names are in order in each part, so
// that the same series are the same parts however a prober ordered them, and all of a metric's are in one.
std::vector<Names> parts_of(const std::vector<Value>& values);

// Of the names in this order.
SetHash hash_of_names(const Names& values);
// Of a set with these parts; never that of a part.
SetHash hash_of_parts(const std::vector<SetHash>& parts);

// 32 hexadecimal digits, which uuid reads; and the inverse, nothing for what is none.
std::string to_text(const SetHash& hash);
std::optional<SetHash> set_hash_from_text(std::string_view text);

// Those sets and parts that one collector has seen storage take of one tenant. A mistake costs a query: storage says
// when it does not know one.
class KnownSets {
  public:
    [[nodiscard]] bool contains(const SetHash& hash) const { return hashes_.contains(hash); }
    // As storage lists them: texts of hashes with commas between them. What is none is left out.
    void add(std::string_view list);
    // Storage was emptied, or others needed the room.
    void clear() { hashes_.clear(); }

  private:
    std::unordered_set<SetHash, FirstBytes> hashes_;
};

}  // namespace vitals::core
