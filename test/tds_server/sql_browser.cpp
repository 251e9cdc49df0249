#include "tds_server/sql_browser.h"

#include <fmt/format.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <utility>

#include "tds_server/byte_writer.h"
#include "tds_server/tsql_lexer.h"

namespace tds_server {

namespace {

enum Question : char { broadcast = 2, all_instances = 3, one_instance = 4 };
constexpr std::uint8_t answer_mark = 5;

std::string described(const BrowserEntry& entry) {
    return fmt::format("ServerName;{};InstanceName;{};IsClustered;No;Version;{};tcp;{};;", entry.server, entry.instance,
                       entry.version, entry.port);
}

std::string framed(const std::string& text) {
    ByteWriter writer;
    writer.u8(answer_mark);
    writer.u16(text.size());
    writer.raw(text);
    return writer.take();
}

}  // namespace

std::optional<std::string> answer_browser_question(std::string_view question,
                                                   const std::vector<BrowserEntry>& entries) {
    if (question.empty()) return std::nullopt;
    std::string text;
    if (question.front() == one_instance) {
        std::string_view name = question.substr(1);
        name = name.substr(0, name.find('\0'));
        const auto found = std::find_if(entries.begin(), entries.end(),
                                        [&](const BrowserEntry& entry) { return same_text(entry.instance, name); });
        if (found == entries.end()) return std::nullopt;
        text = described(*found);
    } else if (question.front() == broadcast || question.front() == all_instances) {
        for (const BrowserEntry& entry : entries)
            text += described(entry);
    } else {
        return std::nullopt;
    }
    return framed(text);
}

std::optional<BrowserMood> browser_mood_from_text(std::string_view text) {
    if (text == "answers") return BrowserMood::answers;
    if (text == "silent") return BrowserMood::silent;
    if (text == "garbage") return BrowserMood::garbage;
    if (text == "wrong_instance") return BrowserMood::wrong_instance;
    return std::nullopt;
}

SqlBrowser::SqlBrowser(asio::io_context& context, const asio::ip::udp::endpoint& endpoint,
                       std::function<std::vector<BrowserEntry>()> entries)
    : socket_(context, endpoint), entries_(std::move(entries)) {
    receive();
}

void SqlBrowser::receive() {
    socket_.async_receive_from(asio::buffer(buffer_), client_, [this](std::error_code error, std::size_t size) {
        if (error == asio::error::operation_aborted) return;
        if (!error) answer(std::string_view(buffer_.data(), size));
        receive();
    });
}

void SqlBrowser::answer(std::string_view question) {
    ++questions_;
    if (mood_ == BrowserMood::silent) return;
    std::vector<BrowserEntry> entries = entries_();
    if (mood_ == BrowserMood::wrong_instance) {
        // Another instance's port under a name that nobody asked for.
        for (BrowserEntry& entry : entries)
            entry.instance += "_OTHER";
        constexpr std::string_view every("\x03");
        question = every;
    }
    auto reply = answer_browser_question(question, entries);
    if (mood_ == BrowserMood::garbage) reply = "\x05\xFF\xFFServerName;;tcp;99999999;";
    std::error_code ignored;
    if (reply) socket_.send_to(asio::buffer(*reply), client_, 0, ignored);
}

}  // namespace tds_server
