// The connector over a tree of files that stands in for /proc, with a clock that the test moves: values, missing
// predecessors, missing files.
#include "prober/connectors/local/local_connector.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "prober/connectors/local/local_metric.h"

namespace vitals::prober {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* first_boot = "aa59d28f-63e5-4e35-a8d0-1e1d2f0fbd1b\n";
constexpr const char* second_boot = "bb59d28f-63e5-4e35-a8d0-1e1d2f0fbd1b\n";

class LocalConnectorTest : public ::testing::Test {
  protected:
    LocalConnectorTest() {
        write("stat", "cpu  1000 100 500 8000 400 10 20 30 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nbtime 1764150000\n");
        write("meminfo", "MemTotal: 8000 kB\nMemAvailable: 6000 kB\nSwapTotal: 1000 kB\nSwapFree: 900 kB\n");
        write("loadavg", "0.50 0.25 0.10 1/100 1\n");
        write("uptime", "1000.50 1500.00\n");
        write("self/mounts", "/dev/vda / ext4 rw 0 0\n/dev/vdb /data xfs rw 0 0\nnas:/e /nfs nfs rw 0 0\n");
        write("diskstats", disks(100, 800, 50, 400));
        write("net/dev", network(10'000, 20'000));
        write("sys/kernel/random/boot_id", first_boot);
        write("sys/kernel/osrelease", "6.1.0-test\n");
        write("sys/kernel/hostname", "db-host\n");
    }
    ~LocalConnectorTest() override { fs::remove_all(root_); }

    static fs::path make_root() {
        std::string pattern = (fs::temp_directory_path() / "vitals-proc-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }

    static std::string disks(int reads, int sectors_read, int writes, int sectors_written) {
        const auto line = [&](const std::string& name) {
            return " 253 0 " + name + " " + std::to_string(reads) + " 0 " + std::to_string(sectors_read) + " 0 " +
                   std::to_string(writes) + " 0 " + std::to_string(sectors_written) + " 0 0 0 0\n";
        };
        return line("vda") + line("vda1") + line("vdb") + line("dm-0");
    }

    static std::string network(int in, int out) {
        return "    lo: 1 1 0 0 0 0 0 0 1 1\n  eth0: " + std::to_string(in) + " 1 0 0 0 0 0 0 " + std::to_string(out) +
               " 1 0 0 0 0 0 0\n";
    }

    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((root_ / name).parent_path());
        std::ofstream(root_ / name) << text;
    }
    void remove(const std::string& name) const { fs::remove(root_ / name); }

    LocalSources sources() {
        return {root_.string(), [this] { return now_; },
                [this](const std::string& point) -> std::optional<FileSystemUse> {
                    asked_.insert(point);
                    if (point == "/data") return std::nullopt;
                    return FileSystemUse{.total = 1000, .used = 300, .available = 500};
                }};
    }

    core::Result poll(std::vector<std::string> metrics = {}, std::chrono::seconds interval = seconds{60}) {
        core::Job job;
        job.connector = "local";
        job.interval = interval;
        job.metrics = std::move(metrics);
        return session_->poll(job, Deadline::after(minutes{1}));
    }

    // The second poll, one minute later, after everything has moved.
    core::Result poll_again(milliseconds later = minutes{1}) {
        now_ += later;
        write("stat", "cpu  1600 100 700 13000 500 20 50 70 0 0\nbtime 1764150000\n");
        write("diskstats", disks(700, 2000, 110, 1600));
        write("net/dev", network(610'000, 1'220'000));
        return poll();
    }

    static std::optional<double> value(const core::Result& result, std::string_view metric,
                                       std::string_view instance = "") {
        for (const auto& one : result.values) {
            if (one.metric == metric && one.instance == instance) return one.value;
        }
        ADD_FAILURE() << metric << "{" << instance << "} is not in the result";
        return std::nullopt;
    }

    fs::path root_ = make_root();
    milliseconds now_{1'000'500};
    std::set<std::string> asked_;
    std::unique_ptr<Connector> connector_ = make_local_connector(sources());
    std::unique_ptr<Session> session_ = connector_->open_session();
};

TEST_F(LocalConnectorTest, GaugesAreThereAtOnce) {
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::ok);
    EXPECT_FALSE(result.failure);
    EXPECT_EQ(value(result, "memory_percent"), 25.0);
    EXPECT_EQ(value(result, "memory_total_bytes"), 8'192'000.0);
    EXPECT_EQ(value(result, "memory_available_bytes"), 6'144'000.0);
    EXPECT_EQ(value(result, "swap_percent"), 10.0);
    EXPECT_EQ(value(result, "load1"), 0.5);
    EXPECT_EQ(value(result, "load5"), 0.25);
    EXPECT_EQ(value(result, "load15"), 0.1);
    EXPECT_EQ(value(result, "uptime_seconds"), 1000.5);
    EXPECT_EQ(value(result, "disk_percent", "/"), 37.5);
    EXPECT_EQ(value(result, "disk_used_bytes", "/"), 300.0);
    EXPECT_EQ(value(result, "disk_total_bytes", "/"), 1000.0);
    EXPECT_EQ(result.facts.at("version"), "6.1.0-test");
    EXPECT_EQ(result.facts.at("server_name"), "db-host");
    EXPECT_EQ(result.facts.at("cpu_count"), "2");
    EXPECT_EQ(asked_, (std::set<std::string>{"/", "/data"}));
}

TEST_F(LocalConnectorTest, RatesNeedAPredecessor) {
    const core::Result result = poll();
    EXPECT_FALSE(result.interval_ms);
    for (const auto* metric : {"cpu_percent", "cpu_iowait_percent", "cpu_steal_percent", "disk_io_reads"})
        EXPECT_EQ(value(result, metric), std::nullopt) << metric;
    EXPECT_EQ(value(result, "disk_read_ops", "vda"), std::nullopt);
    EXPECT_EQ(value(result, "net_bytes_in", "eth0"), std::nullopt);
}

TEST_F(LocalConnectorTest, RatesAreOverTheTimeBetweenTheSamples) {
    poll();
    const core::Result result = poll_again();
    EXPECT_EQ(result.interval_ms, 60'000.0);
    // Of 5,980 ticks 5,000 idle and 100 waiting for disks, 40 stolen.
    EXPECT_DOUBLE_EQ(value(result, "cpu_percent").value(), 100.0 * 880 / 5980);
    EXPECT_DOUBLE_EQ(value(result, "cpu_iowait_percent").value(), 100.0 * 100 / 5980);
    EXPECT_DOUBLE_EQ(value(result, "cpu_steal_percent").value(), 100.0 * 40 / 5980);
    // vda and vdb: neither the partition nor the device mapper is counted again.
    EXPECT_EQ(value(result, "disk_io_reads"), 20.0);
    EXPECT_EQ(value(result, "disk_io_writes"), 2.0);
    EXPECT_EQ(value(result, "disk_read_ops", "vda"), 10.0);
    EXPECT_EQ(value(result, "disk_write_ops", "dm-0"), 1.0);
    EXPECT_EQ(value(result, "disk_read_bytes", "vda"), 10'240.0);
    EXPECT_EQ(value(result, "disk_write_bytes", "vdb"), 10'240.0);
    EXPECT_EQ(value(result, "net_bytes_in", "eth0"), 10'000.0);
    EXPECT_EQ(value(result, "net_bytes_out", "eth0"), 20'000.0);
}

TEST_F(LocalConnectorTest, ARestartedHostHasNoPredecessor) {
    poll();
    write("sys/kernel/random/boot_id", second_boot);
    const core::Result result = poll_again();
    EXPECT_FALSE(result.interval_ms);
    EXPECT_EQ(value(result, "cpu_percent"), std::nullopt);
    EXPECT_EQ(value(result, "disk_io_reads"), std::nullopt);
}

TEST_F(LocalConnectorTest, AnOldPredecessorIsNone) {
    poll();
    EXPECT_FALSE(poll_again(minutes{16}).interval_ms);
    now_ += minutes{14};
    EXPECT_TRUE(poll().interval_ms);
}

TEST_F(LocalConnectorTest, TheStartOfTheHostIsKnownFromStatAsWell) {
    remove("sys/kernel/random/boot_id");
    poll();
    EXPECT_EQ(poll_again().interval_ms, 60'000.0);
    remove("stat");
    now_ += minutes{1};
    EXPECT_FALSE(poll().interval_ms);
    write("stat", "cpu 1 1 1 1\n");
    now_ += minutes{1};
    EXPECT_FALSE(poll().interval_ms);
}

TEST_F(LocalConnectorTest, CountersThatGoBackHaveNoRate) {
    poll();
    now_ += minutes{1};
    write("stat", "cpu  999 100 700 13000 500 20 50 70\nbtime 1764150000\n");
    write("diskstats", disks(50, 2000, 110, 1600));
    const core::Result result = poll();
    EXPECT_EQ(value(result, "cpu_percent"), std::nullopt);
    EXPECT_EQ(value(result, "disk_read_ops", "vda"), std::nullopt);
    EXPECT_EQ(value(result, "disk_io_reads"), std::nullopt);
    EXPECT_EQ(value(result, "disk_io_writes"), 2.0);
}

TEST_F(LocalConnectorTest, WaitingTimeThatGoesBackCountsAsNone) {
    poll();
    now_ += minutes{1};
    write("stat", "cpu  1100 100 500 8100 300 10 20 30\n");
    const core::Result result = poll();
    EXPECT_EQ(value(result, "cpu_percent"), 50.0);
    EXPECT_EQ(value(result, "cpu_iowait_percent"), 0.0);
}

TEST_F(LocalConnectorTest, ACpuThatStoodStillHasNoPercent) {
    poll();
    now_ += minutes{1};
    EXPECT_EQ(value(poll(), "cpu_percent"), std::nullopt);
}

TEST_F(LocalConnectorTest, ANewDiskAndInterfaceStartWithoutARate) {
    poll();
    now_ += minutes{1};
    write("diskstats", disks(700, 2000, 110, 1600) + " 8 0 sda 99999 0 9 0 9 0 9 0 0 0 0\n");
    write("net/dev", network(610'000, 1'220'000) + "eth1: 5 1 0 0 0 0 0 0 5 1\n");
    const core::Result result = poll();
    EXPECT_EQ(value(result, "disk_read_ops", "sda"), std::nullopt);
    EXPECT_EQ(value(result, "disk_io_reads"), 20.0);
    EXPECT_EQ(value(result, "net_bytes_in", "eth1"), std::nullopt);
}

TEST_F(LocalConnectorTest, MissingFilesGiveAPartialResult) {
    remove("diskstats");
    write("loadavg", "garbage");
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    ASSERT_TRUE(result.failure);
    EXPECT_EQ(result.failure->error_class, core::ErrorClass::protocol);
    EXPECT_NE(result.failure->message.find("loadavg"), std::string::npos);
    EXPECT_EQ(value(result, "load1"), std::nullopt);
    EXPECT_EQ(value(result, "disk_io_reads"), std::nullopt);
    EXPECT_EQ(value(result, "memory_percent"), 25.0);
}

TEST_F(LocalConnectorTest, WithoutAnyFileThePollFails) {
    fs::remove_all(root_);
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::failed);
    ASSERT_TRUE(result.failure);
    EXPECT_EQ(result.failure->error_class, core::ErrorClass::server_error);
    EXPECT_TRUE(result.values.empty());
}

TEST_F(LocalConnectorTest, ReadsOnlyWhatIsWanted) {
    remove("diskstats");
    const core::Result result = poll({"memory_percent", "wait_time_ms"});
    EXPECT_EQ(result.outcome, core::Outcome::ok);
    ASSERT_EQ(result.values.size(), 1U);
    EXPECT_EQ(result.values[0].metric, "memory_percent");
    EXPECT_TRUE(asked_.empty());
}

TEST_F(LocalConnectorTest, NoSwapSpaceHasNoPercent) {
    write("meminfo", "MemTotal: 8000 kB\nMemAvailable: 6000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    const core::Result result = poll();
    EXPECT_EQ(result.outcome, core::Outcome::ok);
    EXPECT_EQ(value(result, "swap_percent"), std::nullopt);
}

TEST_F(LocalConnectorTest, APassedDeadlineIsATimeout) {
    core::Job job;
    const core::Result result = session_->poll(job, Deadline::after(milliseconds{-1}));
    EXPECT_EQ(result.outcome, core::Outcome::failed);
    ASSERT_TRUE(result.failure);
    EXPECT_EQ(result.failure->error_class, core::ErrorClass::timeout);
}

TEST_F(LocalConnectorTest, HasNoOptions) {
    core::Job job;
    job.options["encrypt"] = "off";
    for (const auto& result :
         {session_->poll(job, Deadline::after(minutes{1})), session_->check(job, Deadline::after(minutes{1}))}) {
        EXPECT_EQ(result.outcome, core::Outcome::failed);
        ASSERT_TRUE(result.failure);
        EXPECT_EQ(result.failure->error_class, core::ErrorClass::configuration);
    }
}

TEST_F(LocalConnectorTest, CheckSaysWhatIsMissing) {
    core::Job job;
    core::Result result = session_->check(job, Deadline::after(minutes{1}));
    EXPECT_EQ(result.outcome, core::Outcome::ok);
    ASSERT_EQ(result.checks.size(), 8U);
    for (const auto& check : result.checks)
        EXPECT_TRUE(check.ok) << check.check << ": " << check.detail;

    remove("net/dev");
    remove("sys/kernel/random/boot_id");
    remove("stat");
    result = session_->check(job, Deadline::after(minutes{1}));
    EXPECT_EQ(result.outcome, core::Outcome::partial);
    std::set<std::string> failed;
    for (const auto& check : result.checks) {
        if (check.ok) continue;
        failed.insert(check.check);
        EXPECT_FALSE(check.remedy.empty()) << check.check;
    }
    EXPECT_EQ(failed, (std::set<std::string>{"cpu", "network", "clock"}));
}

TEST_F(LocalConnectorTest, EveryResultFitsTheProtocol) {
    std::string mounts;
    std::string disk_text;
    std::string interfaces;
    for (int i = 0; i < 500; ++i) {
        const std::string number = std::to_string(i);
        mounts += "/dev/sd" + number + " /mnt/" + number + std::string(240, '"') + " ext4 rw 0 0\n";
        disk_text += " 8 0 dm-" + number + " 1 0 1 0 1 0 1 0 0 0 0\n";
        interfaces += "eth" + number + ": 1 1 0 0 0 0 0 0 1 1\n";
    }
    write("self/mounts", mounts);
    write("diskstats", disk_text);
    write("net/dev", interfaces);
    const std::string line = core::encode(poll());
    EXPECT_LE(line.size(), core::max_result_line);
    EXPECT_NO_THROW(core::parse_report(line));
}

TEST(LocalMetrics, AreThoseOfTheCatalogue) {
    std::ifstream file(VITALS_FIXTURES "/../../sql/10_catalogue.sql");
    std::set<std::string> catalogue;
    // Rows begin with ('name', ...; their connectors are a list in braces.
    for (std::string line; std::getline(file, line);) {
        const std::size_t open = line.find("('");
        const bool local = line.find("'{local}'") != std::string::npos || line.find(",local}'") != std::string::npos;
        if (open != std::string::npos && local)
            catalogue.insert(line.substr(open + 2, line.find('\'', open + 2) - open - 2));
    }
    EXPECT_GE(catalogue.size(), 20U);
    std::set<std::string> ours;
    for (const auto& [name, group] : local_metric_names)
        ours.emplace(name);
    EXPECT_EQ(ours, catalogue);
}

}  // namespace
}  // namespace vitals::prober
