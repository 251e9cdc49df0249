#include "tds_server/ntlm.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

#include "tds_server/byte_reader.h"
#include "tds_server/byte_writer.h"
#include "tds_server/text_encoding.h"

namespace tds_server {

namespace {

constexpr std::string_view signature("NTLMSSP\0", 8);
constexpr std::size_t proof_size = 16;
constexpr std::size_t least_v2_size = 44;

// Unicode, NTLM, always sign, the target is a domain, extended session security, target information, version.
constexpr std::uint32_t challenge_flags =
    0x00000001 | 0x00000004 | 0x00000200 | 0x00008000 | 0x00010000 | 0x00080000 | 0x00800000 | 0x02000000;

enum AvId : std::uint16_t { av_end = 0, av_computer = 1, av_domain = 2, av_dns_computer = 3, av_dns_domain = 4 };

void add_pair(ByteWriter& writer, AvId id, std::string_view text) {
    const std::string bytes = utf8_to_utf16le(text);
    writer.u16(id);
    writer.u16(bytes.size());
    writer.raw(bytes);
}

std::string field_of(std::string_view token, ByteReader& reader) {
    const std::size_t length = reader.u16();
    reader.u16();
    const std::size_t offset = reader.u32();
    ByteReader whole(token);
    whole.raw(offset);
    return std::string(whole.raw(length));
}

std::string hmac_md5(std::string_view key, std::string_view data) {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
         data.size(), reinterpret_cast<unsigned char*>(digest.data()), &size);
    digest.resize(size);
    return digest;
}

class Md4 {
  public:
    void block(std::string_view bytes) {
        std::array<std::uint32_t, 16> words{};
        ByteReader reader(bytes);
        for (std::uint32_t& word : words)
            word = reader.u32();
        const std::array<std::uint32_t, 4> before = state_;
        round(words, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {3, 7, 11, 19}, 0,
              [](auto x, auto y, auto z) { return (x & y) | (~x & z); });
        round(words, {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}, {3, 5, 9, 13}, 0x5A827999,
              [](auto x, auto y, auto z) { return (x & y) | (x & z) | (y & z); });
        round(words, {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}, {3, 9, 11, 15}, 0x6ED9EBA1,
              [](auto x, auto y, auto z) { return x ^ y ^ z; });
        for (std::size_t i = 0; i < state_.size(); ++i)
            state_[i] += before[i];
    }

    std::string digest() const {
        ByteWriter writer;
        for (const std::uint32_t word : state_)
            writer.u32(word);
        return writer.take();
    }

  private:
    template <typename Mix>
    void round(const std::array<std::uint32_t, 16>& words, const std::array<std::size_t, 16>& order,
               const std::array<int, 4>& shifts, std::uint32_t constant, Mix mix) {
        for (std::size_t i = 0; i < order.size(); ++i) {
            auto& [a, b, c, d] = state_;
            const std::uint32_t sum = a + mix(b, c, d) + words[order[i]] + constant;
            const int shift = shifts[i % shifts.size()];
            a = (sum << shift) | (sum >> (32 - shift));
            // The next step changes d, then c, then b.
            state_ = {d, a, b, c};
        }
    }

    std::array<std::uint32_t, 4> state_{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
};

}  // namespace

std::string md4(std::string_view bytes) {
    constexpr std::size_t block_size = 64;
    constexpr std::size_t length_size = 8;
    std::string padded(bytes);
    padded += '\x80';
    padded.append((block_size + block_size - length_size - padded.size() % block_size) % block_size, '\0');
    ByteWriter length;
    length.u64(std::uint64_t{bytes.size()} * 8);
    padded += length.take();
    Md4 hash;
    for (std::size_t at = 0; at < padded.size(); at += block_size)
        hash.block(std::string_view(padded).substr(at, block_size));
    return hash.digest();
}

bool is_ntlm(std::string_view token) noexcept {
    return token.starts_with(signature);
}

std::string ntlm_challenge(std::string_view challenge, std::string_view domain, std::string_view computer) {
    constexpr std::uint32_t header_size = 56;
    constexpr std::uint32_t type = 2;
    const std::string target = utf8_to_utf16le(domain);
    ByteWriter info;
    add_pair(info, av_domain, domain);
    add_pair(info, av_computer, computer);
    add_pair(info, av_dns_domain, domain);
    add_pair(info, av_dns_computer, computer);
    add_pair(info, av_end, "");
    const std::string pairs = info.take();
    ByteWriter writer;
    const auto field = [&](std::size_t size, std::size_t offset) {
        writer.u16(size);
        writer.u16(size);
        writer.u32(offset);
    };
    writer.raw(signature);
    writer.u32(type);
    field(target.size(), header_size);
    writer.u32(challenge_flags);
    writer.raw(challenge);
    writer.u64(0);
    field(pairs.size(), header_size + target.size());
    // Windows Server 2022, revision 15 of NTLM.
    writer.raw(std::string_view("\x0A\x00\x7C\x4F\x00\x00\x00\x0F", 8));
    writer.raw(target);
    writer.raw(pairs);
    return writer.take();
}

std::optional<NtlmAnswer> parse_ntlm_answer(std::string_view token) {
    constexpr std::uint32_t type = 3;
    ByteReader reader(token);
    if (reader.raw(signature.size()) != signature || reader.u32() != type)
        throw ProtocolError("not an answer to an NTLM challenge");
    const std::string short_response = field_of(token, reader);
    const std::string response = field_of(token, reader);
    NtlmAnswer answer;
    answer.domain = utf16le_to_utf8(field_of(token, reader));
    answer.user = utf16le_to_utf8(field_of(token, reader));
    // tedious cuts the long response to its proof: servers go by LMv2 then, which is made in the same way.
    constexpr std::size_t lm_v2_size = 24;
    if (response.size() == proof_size && short_response.size() == lm_v2_size) {
        answer.proof = short_response.substr(0, proof_size);
        answer.blob = short_response.substr(proof_size);
        return answer;
    }
    if (response.size() < least_v2_size) return std::nullopt;
    answer.proof = response.substr(0, proof_size);
    answer.blob = response.substr(proof_size);
    return answer;
}

bool ntlm_verifies(const NtlmAnswer& answer, std::string_view challenge, std::string_view password) {
    std::string user = answer.user;
    std::transform(user.begin(), user.end(), user.begin(), [](unsigned char c) {
        return c < 0x80 ? static_cast<char>(std::toupper(c)) : static_cast<char>(c);
    });
    const std::string key = hmac_md5(md4(utf8_to_utf16le(password)), utf8_to_utf16le(user + answer.domain));
    const std::string expected = hmac_md5(key, std::string(challenge) + answer.blob);
    return expected.size() == answer.proof.size() &&
           CRYPTO_memcmp(expected.data(), answer.proof.data(), expected.size()) == 0;
}

}  // namespace tds_server
