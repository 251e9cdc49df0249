// Which file systems are measured: real ones, once each, and none that can hang.
#include "prober/connectors/local/local_mounts.h"

#include <gtest/gtest.h>

namespace vitals::prober {
namespace {

using Points = std::vector<std::string>;

TEST(LocalMounts, TakesFileSystemsOnBlockDevices) {
    EXPECT_EQ(select_mount_points("/dev/vda / ext4 rw 0 0\n/dev/mapper/vg-data /data xfs rw 0 0\n"
                                  "tank/home /home zfs rw 0 0\n/dev/sdb1 /mnt/win fuseblk rw 0 0\n"),
              (Points{"/", "/data", "/home", "/mnt/win"}));
}

TEST(LocalMounts, LeavesOutPseudoFileSystemsAndImages) {
    EXPECT_EQ(select_mount_points("proc /proc proc rw 0 0\nsysfs /sys sysfs rw 0 0\ntmpfs /run tmpfs rw 0 0\n"
                                  "udev /dev devtmpfs rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
                                  "/dev/loop3 /opt/app squashfs ro 0 0\n/dev/sr0 /media/cd iso9660 ro 0 0\n"
                                  "/dev/vda1 /snap/core/12 ext4 ro 0 0\n"),
              Points{});
}

TEST(LocalMounts, NeverAsksWhatCanHang) {
    EXPECT_EQ(select_mount_points("nas:/export /net/a nfs rw 0 0\nnas:/export /net/b nfs4 rw 0 0\n"
                                  "//nas/x /net/c cifs rw 0 0\nsshfs#h: /net/d fuse.sshfs rw 0 0\n"
                                  "host /shared virtiofs rw 0 0\n/dev/dlm /cluster gfs2 rw 0 0\n"
                                  "/etc/auto.misc /misc autofs rw 0 0\n"),
              Points{});
}

TEST(LocalMounts, NeverWalksThroughWhatCanHang) {
    EXPECT_EQ(select_mount_points("/dev/vda / ext4 rw 0 0\nnas:/e /nfs nfs rw 0 0\n/dev/sdb /nfs/local ext4 rw 0 0\n"
                                  "/dev/sdc /nfsdata ext4 rw 0 0\n"),
              (Points{"/", "/nfsdata"}));
}

TEST(LocalMounts, AMountThatCoversAnotherDecides) {
    EXPECT_EQ(select_mount_points("/dev/sdb /data ext4 rw 0 0\nnas:/e /data nfs rw 0 0\n"), Points{});
    EXPECT_EQ(select_mount_points("nas:/e /data nfs rw 0 0\n/dev/sdb /data ext4 rw 0 0\n"), Points{"/data"});
}

TEST(LocalMounts, AHostThatLivesOnTheNetworkStillHasItsDisks) {
    EXPECT_EQ(select_mount_points("nas:/root / nfs rw 0 0\n/dev/sdb /data ext4 rw 0 0\n"), Points{"/data"});
}

TEST(LocalMounts, TakesTheShortestMountPointOfADevice) {
    EXPECT_EQ(select_mount_points("/dev/vda /etc/hosts ext4 rw 0 0\n/dev/vda / ext4 rw 0 0\n"
                                  "/dev/vda /srv/bind ext4 rw 0 0\n"),
              Points{"/"});
}

TEST(LocalMounts, TakesTheRootOfAContainerOnly) {
    EXPECT_EQ(
        select_mount_points("overlay / overlay rw 0 0\n"
                            "overlay /var/lib/docker/overlay2/ab/merged overlay rw 0 0\noverlay /x overlay rw 0 0\n"),
        Points{"/"});
}

TEST(LocalMounts, ReadsEscapedNames) {
    EXPECT_EQ(select_mount_points("/dev/sdb /mnt/my\\040disk ext4 rw 0 0\n/dev/sdc /mnt/back\\134slash ext4 rw 0 0\n"
                                  "/dev/sdd /mnt/odd\\9 ext4 rw 0 0\n"),
              (Points{"/mnt/back\\slash", "/mnt/my disk", "/mnt/odd\\9"}));
}

TEST(LocalMounts, LeavesOutNamesThatCannotBeStored) {
    EXPECT_EQ(select_mount_points("/dev/sdb /mnt/a\\012b ext4 rw 0 0\n/dev/sdc /mnt/\xff ext4 rw 0 0\n/dev/sdd /" +
                                  std::string(300, 'x') + " ext4 rw 0 0\n"),
              Points{});
}

TEST(LocalMounts, SurvivesOddLines) {
    EXPECT_EQ(select_mount_points("\n \n/dev/sda\n/dev/sda /a\n\\\\\\ \\0 ext4\n/dev/sda \\40 ext4"), Points{});
}

TEST(LocalMounts, IsBounded) {
    std::string text;
    for (int i = 0; i < 5000; ++i)
        text += "/dev/sd" + std::to_string(i) + " /mnt/" + std::to_string(i) + " ext4 rw 0 0\n";
    EXPECT_EQ(select_mount_points(text).size(), max_local_mounts);
}

}  // namespace
}  // namespace vitals::prober
