# The only list of sources. make includes it, CMake parses it, scripts/check_sources.sh compares it with the disk.
# Grammar: one "NAME += path" a line, sorted within a name; comments start with "#". Nothing else.

# Pure C++20: no server header, no socket. Linked into the module and into the prober.
CORE_SOURCES += src/core/error_class.cpp
CORE_SOURCES += src/core/line_buffer.cpp
CORE_SOURCES += src/core/poll_record.cpp
CORE_SOURCES += src/core/rates.cpp
CORE_SOURCES += src/core/schedule.cpp
CORE_SOURCES += src/core/target_config.cpp
CORE_SOURCES += src/core/target_status.cpp
CORE_SOURCES += src/core/time_text.cpp
CORE_SOURCES += src/core/wire.cpp

UNIT_TEST_SOURCES += test/unit/line_buffer_test.cpp
UNIT_TEST_SOURCES += test/unit/rates_test.cpp
UNIT_TEST_SOURCES += test/unit/schedule_test.cpp
UNIT_TEST_SOURCES += test/unit/target_config_test.cpp
UNIT_TEST_SOURCES += test/unit/target_status_test.cpp
UNIT_TEST_SOURCES += test/unit/wire_test.cpp

PG_SOURCES += src/pg/boundary.cpp
PG_SOURCES += src/pg/log.cpp
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
SQL_PARTS += sql/80_worker.sql
SQL_PARTS += sql/90_grants.sql

EXTENSION_SOURCES += src/extension/collection_loop.cpp
EXTENSION_SOURCES += src/extension/collector.cpp
EXTENSION_SOURCES += src/extension/collector_report.cpp
EXTENSION_SOURCES += src/extension/database_slots.cpp
EXTENSION_SOURCES += src/extension/ddl_hook.cpp
EXTENSION_SOURCES += src/extension/fleet.cpp
EXTENSION_SOURCES += src/extension/launcher.cpp
EXTENSION_SOURCES += src/extension/module.cpp
EXTENSION_SOURCES += src/extension/prober_process.cpp
EXTENSION_SOURCES += src/extension/prober_supervisor.cpp
EXTENSION_SOURCES += src/extension/requests.cpp
EXTENSION_SOURCES += src/extension/secret_keys.cpp
EXTENSION_SOURCES += src/extension/settings.cpp
EXTENSION_SOURCES += src/extension/shared_memory.cpp
EXTENSION_SOURCES += src/extension/sql_functions.cpp
EXTENSION_SOURCES += src/extension/storage.cpp
EXTENSION_SOURCES += src/extension/tenant_functions.cpp
EXTENSION_SOURCES += src/extension/tenant_runtime.cpp
EXTENSION_SOURCES += src/extension/worker_functions.cpp
EXTENSION_SOURCES += src/extension/worker_process.cpp

PROBER_SOURCES += src/prober/check_report.cpp
PROBER_SOURCES += src/prober/command_line.cpp
PROBER_SOURCES += src/prober/connector_set.cpp
PROBER_SOURCES += src/prober/connectors/local/local_connector.cpp
PROBER_SOURCES += src/prober/connectors/local/local_metric.cpp
PROBER_SOURCES += src/prober/connectors/local/local_mounts.cpp
PROBER_SOURCES += src/prober/connectors/local/local_sample.cpp
PROBER_SOURCES += src/prober/connectors/local/local_session.cpp
PROBER_SOURCES += src/prober/connectors/local/local_values.cpp
PROBER_SOURCES += src/prober/connectors/local/proc_files.cpp
PROBER_SOURCES += src/prober/connectors/local/proc_text.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_batch.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_benign_waits.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_check.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_connector.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_errors.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_facts.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_link.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_metric.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_options.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_sample.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_session.cpp
PROBER_SOURCES += src/prober/connectors/mssql/mssql_values.cpp
PROBER_SOURCES += src/prober/connectors/mssql/prelogin.cpp
PROBER_SOURCES += src/prober/freetds/connection_guard.cpp
PROBER_SOURCES += src/prober/freetds/freetds_process.cpp
PROBER_SOURCES += src/prober/freetds/interposed_gnutls.cpp
PROBER_SOURCES += src/prober/freetds/interposed_libc.cpp
PROBER_SOURCES += src/prober/freetds/name_resolver.cpp
PROBER_SOURCES += src/prober/freetds/outgoing_filter.cpp
PROBER_SOURCES += src/prober/freetds/tds_cell.cpp
PROBER_SOURCES += src/prober/freetds/tds_connection.cpp
PROBER_SOURCES += src/prober/freetds/tds_rows.cpp
PROBER_SOURCES += src/prober/freetds/trust_list.cpp
PROBER_SOURCES += src/prober/job_pool.cpp
PROBER_SOURCES += src/prober/job_stream.cpp
PROBER_SOURCES += src/prober/password_input.cpp
PROBER_SOURCES += src/prober/report_writer.cpp
PROBER_SOURCES += src/prober/run_command.cpp
PROBER_SOURCES += src/prober/sandbox/inheritance.cpp
PROBER_SOURCES += src/prober/sandbox/limits.cpp
PROBER_SOURCES += src/prober/serve.cpp
PROBER_SOURCES += src/prober/version_text.cpp

PROBER_MAIN_SOURCES += src/prober/main.cpp

PROBER_TEST_SOURCES += test/prober/local_connector_test.cpp
PROBER_TEST_SOURCES += test/prober/local_host_test.cpp
PROBER_TEST_SOURCES += test/prober/local_mounts_test.cpp
PROBER_TEST_SOURCES += test/prober/local_proc_files_test.cpp
PROBER_TEST_SOURCES += test/prober/main.cpp

TDS_SERVER_MAIN_SOURCES += test/tds_server/main.cpp

TDS_SERVER_SOURCES += test/tds_server/activity.cpp
TDS_SERVER_SOURCES += test/tds_server/fixture.cpp
TDS_SERVER_SOURCES += test/tds_server/fixture_engine.cpp
TDS_SERVER_SOURCES += test/tds_server/fixture_tables.cpp
TDS_SERVER_SOURCES += test/tds_server/sample_objects.cpp
TDS_SERVER_SOURCES += test/tds_server/sql_types.cpp
TDS_SERVER_SOURCES += test/tds_server/timestamps.cpp
TDS_SERVER_SOURCES += test/tds_server/tsql_binder.cpp
TDS_SERVER_SOURCES += test/tds_server/tsql_evaluator.cpp
TDS_SERVER_SOURCES += test/tds_server/tsql_functions.cpp
TDS_SERVER_SOURCES += test/tds_server/tsql_lexer.cpp
TDS_SERVER_SOURCES += test/tds_server/tsql_parser.cpp

TDS_SERVER_TEST_SOURCES += test/tds_server/tests/evaluator_test.cpp
TDS_SERVER_TEST_SOURCES += test/tds_server/tests/replay_test.cpp
