// The parsers of /proc: what kernels of different ages write, and what no kernel writes.
#include "prober/connectors/local/proc_files.h"

#include <gtest/gtest.h>

#include <string>

#include "prober/connectors/local/proc_text.h"

namespace vitals::prober {
namespace {

std::string disk_line(const std::string& name, const std::string& reads = "10") {
    return " 8 0 " + name + " " + reads + " 0 80 5 20 0 160 7 0 1 2 0 0 0 0\n";
}

std::vector<std::string> names_of(const auto& list) {
    std::vector<std::string> names;
    for (const auto& one : list)
        names.push_back(one.name);
    return names;
}

using Names = std::vector<std::string>;

TEST(ProcText, SplitsLinesWithAndWithoutALastNewline) {
    using Lines = std::vector<std::string_view>;
    EXPECT_EQ(lines_of("a\n\nb\n"), (Lines{"a", "", "b"}));
    EXPECT_EQ(lines_of("a\nb"), (Lines{"a", "b"}));
    EXPECT_EQ(lines_of(""), Lines{});
    EXPECT_EQ(words_of("  a\t b  "), (Lines{"a", "b"}));
    EXPECT_EQ(words_of(" \t "), Lines{});
}

TEST(ProcText, ReadsWholeNonNegativeNumbersOnly) {
    EXPECT_EQ(count_of("9223372036854775807"), 9223372036854775807);
    for (const auto* odd : {"", "-1", "+1", "9223372036854775808", "12x", " 1", "0x10", "1.5"})
        EXPECT_FALSE(count_of(odd)) << odd;
    EXPECT_EQ(decimal_of("0.25"), 0.25);
    for (const auto* odd : {"", "-1", "-0", "nan", "inf", "1e5", "1.5 ", "1,5"})
        EXPECT_FALSE(decimal_of(odd)) << odd;
}

TEST(ProcText, NamesMustBeStorable) {
    EXPECT_TRUE(is_plain_name("/srv/Größe"));
    EXPECT_TRUE(is_plain_name(std::string(255, 'x')));
    EXPECT_FALSE(is_plain_name(std::string(256, 'x')));
    EXPECT_FALSE(is_plain_name(""));
    EXPECT_FALSE(is_plain_name("a\nb"));
    EXPECT_FALSE(is_plain_name("a\x7f"));
    EXPECT_FALSE(is_plain_name("\xff\xfe"));
    EXPECT_FALSE(is_plain_name(std::string_view("a\0b", 3)));
}

TEST(ProcText, AnUnreadableFileHasAnErrno) {
    EXPECT_EQ(read_proc_file("/proc/no such file").error, ENOENT);
    EXPECT_EQ(read_proc_file("/proc").error, EISDIR);
    EXPECT_EQ(read_proc_file("/dev/zero").error, EFBIG);
}

TEST(ProcStatFile, HasTimesCountAndStart) {
    const ProcStat stat = parse_proc_stat(
        "cpu  100 2 30 4000 50 6 7 8 90 1\ncpu0 50 1 15 2000 25 3 4 4 45 0\ncpu1 50 1 15 2000 25 3 3 4 45 1\n"
        "intr 1 2 3\nctxt 4\nbtime 1764150000\nprocesses 5\n");
    ASSERT_TRUE(stat.cpu);
    EXPECT_EQ(stat.cpu->user, 100);
    EXPECT_EQ(stat.cpu->nice, 2);
    EXPECT_EQ(stat.cpu->system, 30);
    EXPECT_EQ(stat.cpu->idle, 4000);
    EXPECT_EQ(stat.cpu->iowait, 50);
    EXPECT_EQ(stat.cpu->irq, 6);
    EXPECT_EQ(stat.cpu->softirq, 7);
    EXPECT_EQ(stat.cpu->steal, 8);
    EXPECT_EQ(stat.cpu_count, 2);
    EXPECT_EQ(stat.boot_time, 1764150000);
}

TEST(ProcStatFile, OldKernelsHaveFewerFields) {
    const ProcStat stat = parse_proc_stat("cpu 1 2 3 4\n");
    ASSERT_TRUE(stat.cpu);
    EXPECT_EQ(stat.cpu->idle, 4);
    EXPECT_EQ(stat.cpu->steal, 0);
}

TEST(ProcStatFile, RefusesOddContent) {
    for (const auto* odd : {"", "cpu", "cpu 1 2 3\n", "cpu 1 2 x 4\n", "cpu 1 2 -3 4\n",
                            "cpu 99999999999999999999 2 3 4\n", "CPU 1 2 3 4\n", "cpu0 1 2 3 4\n"})
        EXPECT_FALSE(parse_proc_stat(odd).cpu) << odd;
    EXPECT_FALSE(parse_proc_stat("btime\nbtime x\nbtime 1 2\n").boot_time);
}

TEST(MemoryFile, IsInBytes) {
    const MemoryInfo memory = parse_meminfo(
        "MemTotal:       1000 kB\nMemFree: 10 kB\nMemAvailable:    600 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    EXPECT_EQ(memory.total, 1024000.0);
    EXPECT_EQ(memory.available, 614400.0);
    EXPECT_EQ(memory.swap_total, 0.0);
    EXPECT_EQ(memory.swap_free, 0.0);
}

TEST(MemoryFile, LeavesOutWhatIsNotAsExpected) {
    const MemoryInfo memory = parse_meminfo("MemTotal: 1000 MB\nMemAvailable: x kB\nSwapTotal: -5 kB\nSwapFree:\n");
    EXPECT_FALSE(memory.total);
    EXPECT_FALSE(memory.available);
    EXPECT_FALSE(memory.swap_total);
    EXPECT_FALSE(memory.swap_free);
}

TEST(LoadFile, HasThreeNumbers) {
    EXPECT_EQ(parse_loadavg("0.10 1.50 12.00 1/99 1234\n"), (std::array<double, 3>{0.1, 1.5, 12.0}));
    for (const auto* odd : {"", "0.1 0.2", "a b c", "0.1 nan 0.3", "0.1\n0.2\n0.3\n"})
        EXPECT_FALSE(parse_loadavg(odd)) << odd;
}

TEST(UptimeFile, HasSeconds) {
    EXPECT_EQ(parse_uptime("350735.47 234388.90\n"), 350735.47);
    for (const auto* odd : {"", "\n", "up 5", "-3.0 1", "inf 1"})
        EXPECT_FALSE(parse_uptime(odd)) << odd;
}

TEST(BootId, TellsTwoStartsApart) {
    const auto first = parse_boot_id("aa59d28f-63e5-4e35-a8d0-1e1d2f0fbd1b\n");
    ASSERT_TRUE(first);
    EXPECT_EQ(first, parse_boot_id("aa59d28f-63e5-4e35-a8d0-1e1d2f0fbd1b"));
    EXPECT_NE(first, parse_boot_id("aa59d28f-63e6-4e35-a8d0-1e1d2f0fbd1b\n"));
    for (const auto* odd : {"", "aa59", "ga59d28f-63e5-4e35-a8d0-1e1d2f0fbd1b", "--------------------------------"})
        EXPECT_FALSE(parse_boot_id(odd)) << odd;
}

TEST(DiskFile, HasTheCountersOfWholeDisks) {
    const auto disks = parse_diskstats(" 253 0 vda 111 1 222 2 333 3 444 4 0 5 6\n 253 1 vda1 9 0 9 0 9 0 9 0 0 0 0\n");
    ASSERT_EQ(disks.size(), 1U);
    EXPECT_EQ(disks[0].name, "vda");
    EXPECT_EQ(disks[0].reads, 111);
    EXPECT_EQ(disks[0].sectors_read, 222);
    EXPECT_EQ(disks[0].writes, 333);
    EXPECT_EQ(disks[0].sectors_written, 444);
    EXPECT_FALSE(disks[0].stacked);
}

TEST(DiskFile, TellsPartitionsByTheKernelsRule) {
    const std::string text = disk_line("sda") + disk_line("sda1") + disk_line("sda15") + disk_line("sdaa") +
                             disk_line("sdaa1") + disk_line("nvme0n1") + disk_line("nvme0n1p1") +
                             disk_line("nvme0n10") + disk_line("cciss/c0d0") + disk_line("cciss/c0d0p1") +
                             disk_line("mmcblk0") + disk_line("mmcblk0boot0");
    EXPECT_EQ(names_of(parse_diskstats(text)),
              (Names{"sda", "sdaa", "nvme0n1", "nvme0n10", "cciss/c0d0", "mmcblk0", "mmcblk0boot0"}));
}

TEST(DiskFile, APartitionWithoutItsDiskCountsAsOne) {
    EXPECT_EQ(names_of(parse_diskstats(disk_line("xvda1") + disk_line("xvdf2"))), (Names{"xvda1", "xvdf2"}));
}

TEST(DiskFile, LeavesOutWhatIsNoDisk) {
    const std::string text = disk_line("loop0") + disk_line("ram0") + disk_line("zram0") + disk_line("sr0") +
                             disk_line("fd0") + disk_line("nvme0c1n1") + " 43 0 nbd0 0 0 0 0 0 0 0 0 0 0 0\n";
    EXPECT_TRUE(parse_diskstats(text).empty());
}

TEST(DiskFile, StackedDevicesAreMarked) {
    const auto disks = parse_diskstats(disk_line("sdb") + disk_line("dm-0") + disk_line("md127"));
    ASSERT_EQ(disks.size(), 3U);
    EXPECT_FALSE(disks[0].stacked);
    EXPECT_TRUE(disks[1].stacked);
    EXPECT_TRUE(disks[2].stacked);
}

TEST(DiskFile, LeavesOutOddLines) {
    const std::string text = "garbage\n\n 8 0 sda\n 8 0 sdb 1 2 3 4 5 6\n" + disk_line("sdc", "-1") +
                             disk_line("sdd", "99999999999999999999") + disk_line("sd\x01") + disk_line("sde") +
                             disk_line("sde", "77");
    const auto disks = parse_diskstats(text);
    ASSERT_EQ(names_of(disks), Names{"sde"});
    EXPECT_EQ(disks[0].reads, 10);
}

TEST(DiskFile, IsBounded) {
    std::string text;
    for (int i = 0; i < 5000; ++i)
        text += disk_line("dm-" + std::to_string(i));
    EXPECT_EQ(parse_diskstats(text).size(), max_local_instances);
}

TEST(NetworkFile, HasBytesOfInterfacesInUse) {
    const auto interfaces = parse_net_dev(
        "Inter-|   Receive                            |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier\n"
        "    lo: 500 5 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n"
        "  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n"
        "eth1:18446744073709551615 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0\n"
        "bond0:3000 1 0 0 0 0 0 0 4000 2 0 0 0 0 0 0\n"
        "  sit0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        "veth12ab: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    ASSERT_EQ(names_of(interfaces), (Names{"eth0", "bond0"}));
    EXPECT_EQ(interfaces[0].bytes_in, 1000);
    EXPECT_EQ(interfaces[0].bytes_out, 2000);
    EXPECT_EQ(interfaces[1].bytes_in, 3000);
    EXPECT_EQ(interfaces[1].bytes_out, 4000);
}

TEST(NetworkFile, LeavesOutOddLines) {
    EXPECT_TRUE(
        parse_net_dev(":\neth0\neth0:\neth0: 1 2 3\n: 1 1 0 0 0 0 0 0 2 2\na b: 1 1 0 0 0 0 0 0 2 2\n").empty());
    EXPECT_TRUE(parse_net_dev("eth\x02: 1 1 0 0 0 0 0 0 2 2\neth0: x 1 0 0 0 0 0 0 2 2\n").empty());
}

}  // namespace
}  // namespace vitals::prober
