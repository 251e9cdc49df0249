# The only list of sources. make includes it, CMake parses it, scripts/check_sources.sh compares it with the disk.
# Grammar: one "NAME += path" a line, sorted within a name; comments start with "#". Nothing else.

# Pure C++20: no server header, no socket. Linked into the module and into the prober.
CORE_SOURCES += src/core/error_class.cpp
CORE_SOURCES += src/core/line_buffer.cpp
CORE_SOURCES += src/core/poll_record.cpp
CORE_SOURCES += src/core/rates.cpp
CORE_SOURCES += src/core/schedule.cpp
CORE_SOURCES += src/core/target_status.cpp
CORE_SOURCES += src/core/wire.cpp

UNIT_TEST_SOURCES += test/unit/line_buffer_test.cpp
UNIT_TEST_SOURCES += test/unit/rates_test.cpp
UNIT_TEST_SOURCES += test/unit/schedule_test.cpp
UNIT_TEST_SOURCES += test/unit/target_status_test.cpp
UNIT_TEST_SOURCES += test/unit/wire_test.cpp

PG_SOURCES += src/pg/boundary.cpp
PG_SOURCES += src/pg/query.cpp
PG_SOURCES += src/pg/transaction.cpp
PG_SOURCES += src/pg/wait_set.cpp

SQL_PARTS += sql/00_schema.sql
SQL_PARTS += sql/10_catalogue.sql
SQL_PARTS += sql/20_tenants.sql
SQL_PARTS += sql/30_servers.sql
SQL_PARTS += sql/40_storage.sql
SQL_PARTS += sql/50_views.sql
SQL_PARTS += sql/60_test_connection.sql
SQL_PARTS += sql/70_collector.sql
SQL_PARTS += sql/90_grants.sql
