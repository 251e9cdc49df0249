// GROUP BY's rule: what is selected is a key of the groups, or an aggregate.
#pragma once

#include <string>
#include <vector>

#include "tds_server/tsql_plan.h"

namespace tds_server {

class GroupingRule {
  public:
    GroupingRule(const BindContext& context, const std::vector<ExpressionPtr>& keys);

    // Throws SqlError 8120.
    void check(const Expression& expression) const;

  private:
    const BindContext& context_;
    std::vector<std::string> keys_;
};

}  // namespace tds_server
