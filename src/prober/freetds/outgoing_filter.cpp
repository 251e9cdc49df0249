#include "prober/freetds/outgoing_filter.h"

#include <algorithm>
#include <cstdint>

namespace vitals::prober {

namespace {

// [MS-TDS] 2.2.3.1: type, status, length (of the whole packet, big endian), spid, packet id, window.
constexpr std::byte prelogin_packet{0x12};
constexpr std::size_t packet_header = 8;
constexpr std::size_t packet_length_at = 2;

// RFC 8446 5.1: change_cipher_spec 0x14, alert 0x15, handshake 0x16, application_data 0x17; version; length of the
// rest.
constexpr std::byte first_record_type{0x14};
constexpr std::byte application_data{0x17};
constexpr std::size_t record_header = 5;
constexpr std::size_t record_length_at = 3;

}  // namespace

bool OutgoingFilter::take(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (body_left_ > 0) {
            const std::size_t skipped = std::min(body_left_, bytes.size());
            body_left_ -= skipped;
            bytes = bytes.subspan(skipped);
            continue;
        }
        if (header_size_ == 0 && !start_frame(bytes.front())) return false;
        header_[header_seen_++] = bytes.front();
        bytes = bytes.subspan(1);
        if (header_seen_ == header_size_) finish_header();
    }
    return true;
}

bool OutgoingFilter::start_frame(std::byte type) {
    header_seen_ = 0;
    if (type == prelogin_packet && !encrypted_) {
        header_size_ = packet_header;
        return true;
    }
    if (type >= first_record_type && type <= application_data) {
        header_size_ = record_header;
        return true;
    }
    return false;
}

void OutgoingFilter::finish_header() {
    const bool packet = header_.front() == prelogin_packet;
    const std::size_t at = packet ? packet_length_at : record_length_at;
    const std::size_t length =
        (std::to_integer<std::size_t>(header_[at]) << 8U) | std::to_integer<std::size_t>(header_[at + 1]);
    body_left_ = packet ? length - std::min(length, packet_header) : length;
    if (header_.front() == application_data) encrypted_ = true;
    header_size_ = 0;
}

}  // namespace vitals::prober
