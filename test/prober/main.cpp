// Runs the prober's tests with FreeTDS set up as the prober does.
#include <gtest/gtest.h>

#include "prober/freetds/freetds_process.h"

int main(int count, char** words) {
    testing::InitGoogleTest(&count, words);
    const vitals::prober::FreetdsProcess freetds;
    return RUN_ALL_TESTS();
}
