// What a session has prepared, by procedure calls or in T-SQL; it ends with the session.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace tds_server {

struct PreparedStatement {
    std::string sql;
    std::string declarations;  // "@a int, @b nvarchar(10)", or empty
};

class PreparedStatements {
  public:
    // Returns the handle.
    std::int32_t add(PreparedStatement statement) {
        statements_.insert_or_assign(++last_handle_, std::move(statement));
        return last_handle_;
    }
    // Null: there is none.
    const PreparedStatement* find(std::int32_t handle) const {
        const auto found = statements_.find(handle);
        return found != statements_.end() ? &found->second : nullptr;
    }
    void drop(std::int32_t handle) { statements_.erase(handle); }
    void clear() noexcept { statements_.clear(); }
    std::size_t size() const noexcept { return statements_.size(); }

  private:
    std::map<std::int32_t, PreparedStatement> statements_;
    std::int32_t last_handle_ = 0;
};

}  // namespace tds_server
