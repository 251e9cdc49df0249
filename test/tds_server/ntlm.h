// NTLM's three messages, as the server of [MS-NLMP] has them: only NTLMv2 is taken.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tds_server {

bool is_ntlm(std::string_view token) noexcept;

// CHALLENGE_MESSAGE; the challenge is 8 bytes, computer and domain are ASCII.
std::string ntlm_challenge(std::string_view challenge, std::string_view domain, std::string_view computer);

struct NtlmAnswer {
    std::string domain;
    std::string user;
    std::string proof;  // NTProofStr
    std::string blob;   // what it was made of, beside the challenge
};
// AUTHENTICATE_MESSAGE. Throws ProtocolError; nothing for an answer of NTLMv1.
std::optional<NtlmAnswer> parse_ntlm_answer(std::string_view token);

bool ntlm_verifies(const NtlmAnswer& answer, std::string_view challenge, std::string_view password);

// The NT hash is made with it, and OpenSSL does not have it any more.
std::string md4(std::string_view bytes);

}  // namespace tds_server
