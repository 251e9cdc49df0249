// The settings of a server become lines of a freetds.conf: whatever a tenant writes, no line can be added there.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <string>

#include "prober/connectors/mssql/mssql_options.h"
#include "prober/freetds/tds_failure.h"
#include "property.h"

namespace {

bool has_control(const std::string& text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20U; });
}

bool is_one_value(const std::string& text) {
    return !text.empty() && text.size() <= 200 && !has_control(text) && text.find_first_of("#;[]") == std::string::npos;
}

vitals::core::Job build_job(FuzzedDataProvider& input) {
    const auto text = [&] { return input.ConsumeRandomLengthString(300); };
    vitals::core::Job job;
    job.host = text();
    job.port = input.ConsumeIntegral<std::uint16_t>();
    job.username = text();
    job.password = vitals::core::Secret(text());
    while (input.remaining_bytes() > 0) {
        const std::string name =
            input.PickValueInArray({"encrypt", "ca_file", "hostname_in_certificate", "trust_server_certificate",
                                    "database", "app_name", "packet_size", ""});
        job.options[name.empty() ? text() : name] = text();
    }
    return job;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    FuzzedDataProvider input(data, size);
    try {
        const vitals::prober::MssqlOptions options = vitals::prober::parse_mssql_options(build_job(input));
        require(is_one_value(options.host), "the host is one value of one line");
        require(is_one_value(options.certificate_name), "the name in the certificate is one value of one line");
        require(!has_control(options.ca_file) && options.ca_file.starts_with('/'), "the CA file is an absolute path");
        require(!has_control(options.database) && !has_control(options.app_name), "texts of the login are one line");
        require(!options.username.empty() && options.port != 0, "a server has a port and a login");
        require(options.packet_size == 0 || (options.packet_size >= 512 && options.packet_size <= 32767),
                "the packet size is one that TDS allows");
    } catch (const vitals::prober::TdsFailure& error) {
        require(error.failure().error_class == vitals::core::ErrorClass::configuration,
                "settings fail as configuration");
    }
    return 0;
}
