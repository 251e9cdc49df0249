// What keeps the collector from serving a tenant: shown to the tenant's users in vitals.tenants, and logged once per
// change.
#pragma once

#include <map>
#include <string>

namespace vitals::ext {

// What a tenant's owner may have broken in the tenant's schema.
enum class Problem { upgrading, reading, defining, storing, maintaining };

class TenantProblems {
  public:
    TenantProblems(int tenant_key, std::string tenant_name) : key_(tenant_key), name_(std::move(tenant_name)) {}

    // Empty: there is none any more.
    void set(Problem problem, const std::string& error);

  private:
    void show() const;
    [[nodiscard]] bool is_gone() const;

    int key_;
    std::string name_;
    std::map<Problem, std::string> problems_;
};

}  // namespace vitals::ext
