// A machine whose only name server takes every question and never answers: namespaces of the test's own, without any
// right outside of them, in which the C library asks whom we want it to ask.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace vitals::prober::test {

// A test of this class runs in a process of its own in such namespaces, which is this program again:
//   TEST_F(…) { if (!inside()) return; … }
class SilentNameServer : public testing::Test {
  protected:
    // False, here: the test has run there, and has failed here if it did there. It is skipped where no namespaces may
    // be made.
    static bool inside();
    // How often the name server was asked for this name, whose first label is all that is looked for.
    int questions_about(const std::string& label);

  private:
    std::string asked_;
};

}  // namespace vitals::prober::test
