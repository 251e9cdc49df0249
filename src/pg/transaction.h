// A transaction of a background worker, with the rights of whoever's data it touches.
#pragma once

#include <chrono>
#include <cstdint>

namespace vitals::pg {

using RoleId = std::uint32_t;  // the server's Oid

// Begins on construction, is rolled back by the destructor unless it was committed.
//
// With a role, everything in it runs with that role's rights in a security-restricted operation, as VACUUM does for the
// owner of a table: a tenant's triggers, defaults and views get the tenant's own rights and cannot change role or
// settings. No transaction outlives its time limit, so that nothing a tenant does to its schema can stop the collector.
class Transaction {
  public:
    static constexpr std::chrono::milliseconds default_limit{30'000};

    // activity: what pg_stat_activity shows; a literal.
    explicit Transaction(const char* activity, RoleId role = 0, std::chrono::milliseconds limit = default_limit);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    // Throws ServerError; then the transaction has been rolled back.
    void commit();

  private:
    void roll_back() noexcept;

    // What was in force before the role; restored on commit, and by the server on rollback.
    struct Before {
        RoleId user = 0;
        int security_context = 0;
        int settings_level = 0;
    };

    bool open_ = false;
    Before before_;
};

// Whether the transaction in progress has used up its time limit.
bool out_of_time() noexcept;

}  // namespace vitals::pg
