// Datagrams that claim to come from a SQL Server Browser: never a read outside, and never port 0.
#include "prober/connectors/mssql/browser_answer.h"
#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using vitals::fuzz::require;
    const auto answer = vitals::fuzz::text_of(data, size);
    const auto port = vitals::prober::browser_port(answer, "SQLEXPRESS");
    require(!port || *port != 0, "no port is 0");
    for (std::size_t cut = 0; port && cut < size; ++cut)
        require(!vitals::prober::browser_port(answer.substr(0, cut), "SQLEXPRESS"), "a cut answer says nothing");
    return 0;
}
