// The connector on the machine that runs the tests: its values are those of the tools that an administrator would ask.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "prober/connectors/local/local_connector.h"

namespace vitals::prober {
namespace {

using std::chrono::seconds;

struct ClosePipe {
    void operator()(FILE* pipe) const { ::pclose(pipe); }
};

std::string output_of(const char* command) {
    const std::unique_ptr<FILE, ClosePipe> pipe(::popen(command, "r"));
    if (!pipe) return "";
    std::string output;
    std::array<char, 4096> part{};
    while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe.get()))
        output.append(part.data(), size);
    return output;
}

class LocalHost : public ::testing::Test {
  protected:
    LocalHost() { result_ = session_->poll(job_, Deadline::after(seconds{10})); }

    [[nodiscard]] std::optional<double> value(std::string_view metric, std::string_view instance = "") const {
        for (const auto& one : result_.values) {
            if (one.metric == metric && one.instance == instance) return one.value;
        }
        return std::nullopt;
    }

    core::Job job_;
    std::unique_ptr<Connector> connector_ = make_local_connector();
    std::unique_ptr<Session> session_ = connector_->open_session();
    core::Result result_;
};

TEST_F(LocalHost, CanBeReadCompletely) {
    EXPECT_EQ(result_.outcome, core::Outcome::ok) << (result_.failure ? result_.failure->message : "");
    EXPECT_EQ(session_->check(job_, Deadline::after(seconds{10})).outcome, core::Outcome::ok);
}

TEST_F(LocalHost, MemoryIsThatOfFree) {
    std::istringstream output(output_of("LC_ALL=C free -b"));
    std::string line;
    double total = 0;
    double available = 0;
    while (std::getline(output, line)) {
        double skipped = 0;
        std::string title;
        std::istringstream words(line);
        if (line.starts_with("Mem:")) words >> title >> total >> skipped >> skipped >> skipped >> skipped >> available;
    }
    ASSERT_GT(total, 0) << "no output of free";
    EXPECT_EQ(value("memory_total_bytes"), total);
    // Other processes run: five percent points between the two readings are allowed.
    EXPECT_NEAR(value("memory_percent").value(), 100 * (total - available) / total, 5);
}

// df rounds the percentage up, and counts in KiB.
TEST_F(LocalHost, FileSystemsAreThoseOfDf) {
    constexpr double kib = 1024;
    int compared = 0;
    for (const auto& one : result_.values) {
        if (one.metric != "disk_percent" || one.instance.find('\'') != std::string::npos) continue;
        const std::string& mount_point = one.instance;
        std::istringstream output(output_of(("LC_ALL=C df -P -k '" + mount_point + "'").c_str()));
        std::string title;
        std::getline(output, title);
        std::string source;
        double total = 0;
        double used = 0;
        double available = 0;
        double percent = 0;
        ASSERT_TRUE(output >> source >> total >> used >> available >> percent) << mount_point;
        EXPECT_NEAR(value("disk_total_bytes", mount_point).value() / kib, total, 1) << mount_point;
        // Tests and builds write in between: 2 percent points of use, 5 percent of the bytes.
        EXPECT_NEAR(std::ceil(one.value.value()), percent, 2) << mount_point;
        EXPECT_NEAR(value("disk_used_bytes", mount_point).value() / kib, used, 0.05 * total) << mount_point;
        ++compared;
    }
    EXPECT_GE(compared, 1) << "no file system is measured, not even the root";
}

TEST_F(LocalHost, UptimeIsThatOfTheKernel) {
    double uptime = 0;
    std::ifstream("/proc/uptime") >> uptime;
    EXPECT_NEAR(value("uptime_seconds").value(), uptime, 10);
}

TEST_F(LocalHost, LoadIsThatOfTheKernel) {
    double load = 0;
    std::ifstream("/proc/loadavg") >> load;
    EXPECT_NEAR(value("load1").value(), load, 1);
}

TEST_F(LocalHost, ASecondPollHasRates) {
    // The counters of the CPU move by themselves, a hundred times a second.
    const auto end = std::chrono::steady_clock::now() + seconds{10};
    do {
        result_ = session_->poll(job_, Deadline::after(seconds{10}));
    } while (!value("cpu_percent") && std::chrono::steady_clock::now() < end);
    ASSERT_TRUE(value("cpu_percent"));
    EXPECT_GE(*value("cpu_percent"), 0);
    EXPECT_LE(*value("cpu_percent"), 100);
    EXPECT_TRUE(result_.interval_ms);
}

}  // namespace
}  // namespace vitals::prober
