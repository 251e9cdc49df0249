// What FreeTDS is told without asking the kernel: never more than is known.
#include "prober/freetds/socket_shortcuts.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace vitals::prober {
namespace {

constexpr int fd = 7;
constexpr int wakeup = 8;

class SocketShortcutsTest : public testing::Test {
  protected:
    // A connection whose first packet has gone out.
    void connect(int socket) {
        shortcuts.opened(socket);
        shortcuts.wrote(socket, 100, 100);
    }
    // What poll() would say at once; 0: that the kernel has to be asked.
    int ready(short events, int socket = fd) {
        std::array<pollfd, 2> fds{pollfd{socket, events, POLLERR}, pollfd{wakeup, POLLIN, POLLIN}};
        if (!shortcuts.answers(fds)) return 0;
        EXPECT_EQ(fds[1].revents, 0);
        return fds[0].revents;
    }
    void arrive(std::string_view bytes) {
        const auto room = shortcuts.room();
        ASSERT_GE(room.size(), bytes.size());
        std::ranges::copy(std::as_bytes(std::span(bytes)), room.begin());
        shortcuts.arrived(bytes.size());
    }
    std::string take(std::size_t size) {
        std::string text(size, '-');
        text.resize(shortcuts.take(std::as_writable_bytes(std::span(text))));
        return text;
    }

    SocketShortcuts shortcuts;
};

TEST_F(SocketShortcutsTest, KnowsNothingOfASocketBeforeItHasWritten) {
    EXPECT_FALSE(shortcuts.is_ours(fd));
    shortcuts.opened(fd);
    EXPECT_TRUE(shortcuts.is_ours(fd));
    EXPECT_EQ(ready(POLLOUT), 0) << "it may not be connected";
    EXPECT_FALSE(shortcuts.reads_ahead(fd, MSG_NOSIGNAL));
    shortcuts.wrote(fd, 100, 100);
    EXPECT_EQ(ready(POLLOUT), POLLOUT);
    EXPECT_TRUE(shortcuts.reads_ahead(fd, MSG_NOSIGNAL));
}

TEST_F(SocketShortcutsTest, LeavesSocketsOfOthersAlone) {
    shortcuts.wrote(fd, 100, 100);
    EXPECT_EQ(ready(POLLOUT), 0) << "Kerberos writes to its own";
    connect(fd);
    EXPECT_EQ(ready(POLLOUT, 9), 0);
    EXPECT_FALSE(shortcuts.reads_ahead(9, MSG_NOSIGNAL));
    EXPECT_FALSE(shortcuts.reads_ahead(fd, MSG_NOSIGNAL | MSG_PEEK));
    shortcuts.wrote(9, 100, -1);
    EXPECT_EQ(ready(POLLOUT), POLLOUT);
    std::array<pollfd, 1> none{pollfd{-1, POLLOUT, 0}};
    EXPECT_FALSE(SocketShortcuts().answers(none));
}

TEST_F(SocketShortcutsTest, AsksTheKernelOnceAWriteWasShort) {
    connect(fd);
    shortcuts.wrote(fd, 100, 40);
    EXPECT_EQ(ready(POLLOUT), 0);
    shortcuts.wrote(fd, 60, -1);
    EXPECT_EQ(ready(POLLOUT), 0);
    const std::array<pollfd, 1> said{pollfd{fd, POLLOUT, POLLOUT}};
    shortcuts.polled(said);
    EXPECT_EQ(ready(POLLOUT), POLLOUT);
}

TEST_F(SocketShortcutsTest, SaysThatThereIsSomethingToReadWhileThereIs) {
    connect(fd);
    EXPECT_EQ(ready(POLLIN), 0);
    arrive("12345body");
    EXPECT_EQ(ready(POLLIN), POLLIN);
    EXPECT_EQ(ready(POLLIN | POLLOUT), POLLIN | POLLOUT);
    EXPECT_EQ(take(5), "12345");
    shortcuts.rest();
    EXPECT_EQ(take(100), "body") << "what is left outlives the exchange";
    EXPECT_EQ(ready(POLLIN), 0);
    EXPECT_EQ(take(1), "");
}

TEST_F(SocketShortcutsTest, BeginsAnewWithANewSocketOfTheSameNumber) {
    connect(fd);
    arrive("of the connection that is closed");
    shortcuts.opened(fd);
    EXPECT_EQ(ready(POLLOUT | POLLIN), 0);
    EXPECT_FALSE(shortcuts.has_bytes());
    shortcuts.wrote(fd, 100, 100);
    EXPECT_EQ(ready(POLLOUT | POLLIN), POLLOUT);
}

TEST_F(SocketShortcutsTest, TakesTheOneOfManyAddressesThatAnswered) {
    for (const int socket : {fd, 9, 10})
        shortcuts.opened(socket);
    shortcuts.wrote(9, 100, 100);
    EXPECT_EQ(ready(POLLOUT, 9), POLLOUT);
    EXPECT_FALSE(shortcuts.is_ours(fd)) << "closed";
}

}  // namespace
}  // namespace vitals::prober
