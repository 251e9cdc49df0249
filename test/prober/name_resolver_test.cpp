// Names to addresses, with a limit, without asking anybody outside of this machine. What happens when name servers do
// not answer is in name_server_test.cpp.
#include "prober/freetds/name_resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "name_lookup_failure.h"

namespace vitals::prober {
namespace {

using Addresses = std::vector<std::string>;

const Deadline never = Deadline::after(std::chrono::hours{1});

TEST(NameResolver, AddressesNeedNoLookup) {
    const NameResolver resolver(0);
    EXPECT_EQ(resolver.resolve("127.0.0.1", never), Addresses{"127.0.0.1"});
    EXPECT_EQ(resolver.resolve("::1", never), Addresses{"::1"});
}

TEST(NameResolver, LooksUpNames) {
    const NameResolver resolver(4);
    const Addresses addresses = resolver.resolve("localhost", never);
    ASSERT_FALSE(addresses.empty());
    EXPECT_TRUE(std::find(addresses.begin(), addresses.end(), "127.0.0.1") != addresses.end() ||
                std::find(addresses.begin(), addresses.end(), "::1") != addresses.end());
}

TEST(NameResolver, UnknownName) {
    const NameResolver resolver(4);
    const core::Failure failure = test::lookup_failure(resolver, "no-such-host.invalid", never);
    EXPECT_EQ(failure.error_class, core::ErrorClass::name_lookup);
    EXPECT_NE(failure.message.find("cannot resolve \"no-such-host.invalid\""), std::string::npos) << failure.message;
}

TEST(NameResolver, WaitsForAPlaceUntilItsDeadline) {
    const NameResolver resolver(0);
    const auto start = Deadline::Clock::now();
    const auto failure = test::lookup_failure(resolver, "localhost", Deadline(start + std::chrono::milliseconds(200)));
    EXPECT_EQ(failure.error_class, core::ErrorClass::name_lookup);
    EXPECT_EQ(failure.message, "too many name lookups are pending");
    EXPECT_GE(Deadline::Clock::now() - start, std::chrono::milliseconds(200));
}

TEST(NameResolver, ManyAtATimeShareAFewPlaces) {
    const NameResolver resolver(2);
    std::atomic<int> resolved = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 20; ++i)
        all.emplace_back([&] { resolved += resolver.resolve("localhost", never).empty() ? 0 : 1; });
    for (std::thread& thread : all)
        thread.join();
    EXPECT_EQ(resolved, 20);
}

TEST(NameResolver, GivesPlacesBack) {
    const NameResolver resolver(1);
    for (int i = 0; i < 5; ++i)
        EXPECT_FALSE(resolver.resolve("localhost", never).empty());
}

}  // namespace
}  // namespace vitals::prober
