# The only list of sources. make includes it, CMake parses it, scripts/check_sources.sh compares it with the disk.
# Grammar: one "NAME += path" a line, sorted within a name; comments start with "#". Nothing else.

# Pure C++20: no server header, no socket. Linked into the module and into the prober.
CORE_SOURCES += src/core/error_class.cpp
CORE_SOURCES += src/core/line_buffer.cpp
CORE_SOURCES += src/core/rates.cpp
CORE_SOURCES += src/core/wire.cpp

UNIT_TEST_SOURCES += test/unit/line_buffer_test.cpp
UNIT_TEST_SOURCES += test/unit/rates_test.cpp
UNIT_TEST_SOURCES += test/unit/wire_test.cpp
