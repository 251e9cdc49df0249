// Lines of results stay whole, whoever writes them.
#include "prober/report_writer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/line_buffer.h"
#include "prober_child.h"

namespace vitals::prober::test {
namespace {

class ReportWriterTest : public testing::Test {
  protected:
    ReportWriterTest() {
        std::array<int, 2> fds{};
        if (pipe(fds.data()) != 0) throw std::runtime_error("pipe");
        read_end = Fd(fds[0]);
        write_end = Fd(fds[1]);
    }
    std::string next_line() {
        while (true) {
            if (auto line = lines.next()) return *line;
            std::array<char, 4096> bytes{};
            const ssize_t count = read(read_end.get(), bytes.data(), bytes.size());
            if (count <= 0) throw std::runtime_error("no line");
            lines.append({bytes.data(), static_cast<std::size_t>(count)});
        }
    }
    core::Result next_result() { return std::get<core::Result>(core::parse_report(next_line())); }

    Fd read_end;
    Fd write_end;
    core::LineBuffer lines{core::max_result_line};
};

core::Result result_of(std::uint64_t id, std::size_t values) {
    core::Result result;
    result.job = id;
    result.outcome = core::Outcome::ok;
    for (std::size_t i = 0; i < values; ++i)
        result.values.push_back({"metric", std::string(400, 'x') + std::to_string(i), 1.0});
    return result;
}

TEST_F(ReportWriterTest, WritesWholeLinesFromManyThreads) {
    ReportWriter writer(write_end.get());
    constexpr std::uint64_t threads = 4;
    constexpr std::uint64_t each = 20;
    std::vector<std::thread> all;
    for (std::uint64_t thread = 0; thread < threads; ++thread) {
        all.emplace_back([&writer, thread] {
            // Longer than what a pipe takes at once.
            for (std::uint64_t i = 0; i < each; ++i) {
                writer.add(result_of(thread * each + i, 200));
                writer.write();
            }
        });
    }
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < threads * each; ++i) {
        const core::Result result = next_result();
        EXPECT_EQ(result.values.size(), 200U);
        seen.insert(result.job);
    }
    for (std::thread& thread : all)
        thread.join();
    EXPECT_EQ(seen.size(), threads * each);
    EXPECT_TRUE(writer.finish(Deadline::after(std::chrono::seconds(10))));
}

// A collector that stores meanwhile.
TEST_F(ReportWriterTest, DoesNotWaitForASocketThatIsFull) {
    std::array<int, 2> fds{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()), 0);
    read_end = Fd(fds[0]);
    write_end = Fd(fds[1]);
    ReportWriter writer(write_end.get());
    std::uint64_t written = 0;
    do {
        writer.add(result_of(++written, 200));
    } while (writer.try_write());
    EXPECT_FALSE(writer.finish(Deadline::after(std::chrono::milliseconds(1))));
    std::thread last([&writer] { writer.write(); });
    for (std::uint64_t id = 1; id <= written; ++id)
        EXPECT_EQ(next_result().job, id) << "in their order, and whole";
    last.join();
    EXPECT_TRUE(writer.finish(Deadline::after(std::chrono::seconds(10))));
}

}  // namespace
}  // namespace vitals::prober::test
