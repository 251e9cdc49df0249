"""Kinds of servers, rights, procedures, Windows logins and the Browser, with FreeTDS and python-tds."""

import re
import socket
import time

import pymssql
import pytds

import simulators
from tap import Tap

tap = Tap()
kinds = simulators.kinds()


def connect(user=simulators.LOGIN, server=0, **options):
    return pymssql.connect(server="127.0.0.1", port=str(kinds.ports[server]), user=user, password=simulators.PASSWORD,
                           login_timeout=10, timeout=10, autocommit=True, **options)


def all_sets(cursor, sql):
    cursor.execute(sql)
    sets = [cursor.fetchall()] if cursor.description else []
    while cursor.nextset():
        if cursor.description:
            sets.append(cursor.fetchall())
    return sets


def value(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def error_number(action):
    try:
        action()
    except pymssql.Error as error:
        return error.args[0] if isinstance(error.args[0], int) else error.args[0][0]
    return 0


# SQL by meaning, over the wire.
with connect() as connection, connection.cursor() as cursor:
    sets = all_sets(cursor, "SELECT N'a' AS vitals_group; SELECT COUNT(*) AS n FROM sys.databases GROUP BY state ORDER BY n; "
                            "SELECT N'b' AS vitals_group; SELECT v.volume_mount_point, MIN(v.available_bytes) AS free "
                            "FROM sys.dm_io_virtual_file_stats(NULL, NULL) AS f CROSS APPLY "
                            "sys.dm_os_volume_stats(f.database_id, f.file_id) AS v GROUP BY v.volume_mount_point")
    tap.equal([len(rows) for rows in sets], [1, 2, 1, len(sets[3])], "four result sets of a batch")
    tap.equal(sets[1], [(1,), (6,)], "groups are counted")
    tap.ok(len(sets[3]) >= 2, "volumes are told apart", sets[3])

# The kind of server is changed while it runs.
for version, text in (("2012", "11.0.7507.2"), ("2019", "15.0.4430.1"), ("2022", "16.0.4105.2")):
    kinds.control(version=version)
    with connect() as connection:
        tap.equal(value(connection, "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))"), text, f"version {version}")
        found = error_number(lambda: value(connection, "SELECT COUNT(*) FROM sys.dm_tran_persistent_version_store_stats"))
        tap.equal(found, 208 if version == "2012" else 0, f"{version} has the persistent version store, or not")
kinds.control(edition=5)
with connect() as connection:
    tap.equal(value(connection, "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int)"), 5, "Azure SQL Database")
    tap.equal(error_number(lambda: value(connection, "SELECT COUNT(*) FROM msdb.dbo.sysjobs")), 40515, "has no msdb")
kinds.control(edition=3, msdb=False)
with connect() as connection:
    tap.equal(error_number(lambda: value(connection, "SELECT COUNT(*) FROM msdb.dbo.sysjobs")), 229, "msdb is denied")
kinds.control(msdb=True, collation="Latin1_General_CS_AS")
with connect() as connection:
    tap.equal(error_number(lambda: value(connection, "SELECT COUNT(*) FROM sys.Databases")), 208, "names have their case")
kinds.control(collation="")
tap.ok("error" in kinds.control(version="1999"), "an unknown version is refused")

# A slow view, and one that fails.
kinds.control(view="sys.dm_os_volume_stats", delay_ms=600)
kinds.control(view="sys.dm_os_wait_stats", error=1222)
with connect() as connection:
    start = time.monotonic()
    value(connection, "SELECT COUNT(*) FROM sys.dm_os_volume_stats(NULL, NULL)")
    tap.ok(0.5 < time.monotonic() - start < 5, "a view takes its time", time.monotonic() - start)
    tap.equal(error_number(lambda: value(connection, "SELECT COUNT(*) FROM sys.dm_os_wait_stats")), 1222, "a view fails")
    kinds.control(view="")
    tap.equal(value(connection, "SELECT COUNT(*) FROM sys.dm_os_wait_stats WHERE wait_type = N'WRITELOG'"), 1, "and does not")

# Procedures: an administrator makes them, a login that has no rights runs them.
script = """
IF SCHEMA_ID(N'vitals') IS NULL EXEC(N'CREATE SCHEMA vitals');
GO
IF OBJECT_ID(N'vitals.collect_clock', N'P') IS NULL EXEC(N'CREATE PROCEDURE vitals.collect_clock AS RETURN 0');
GO
ALTER PROCEDURE vitals.collect_clock WITH EXECUTE AS OWNER AS
SET NOCOUNT ON;
SELECT ms_ticks, sqlserver_start_time FROM sys.dm_os_sys_info;
GO
GRANT EXECUTE ON SCHEMA::vitals TO vitals;
"""
kinds.control(view_state=False)
for turn in ("first", "second"):
    with connect(user="sa") as connection, connection.cursor() as cursor, tap.no_error(f"the script runs a {turn} time"):
        for batch in re.split(r"^GO\s*$", script, flags=re.MULTILINE):
            cursor.execute(batch)
with connect() as connection, connection.cursor() as cursor:
    tap.ok(error_number(lambda: value(connection, "SELECT ms_ticks FROM sys.dm_os_sys_info")) in (297, 300), "no rights of its own")
    tap.equal(len(all_sets(cursor, "EXEC vitals.collect_clock")), 1, "but it may execute")
    tap.equal(error_number(lambda: cursor.execute("CREATE SCHEMA mine")), 262, "and make nothing")
kinds.control(view_state=True)

# NTLM: FreeTDS does it for a name with a domain.
with connect(user="CORP\\vitals") as connection:
    tap.equal(value(connection, "SELECT auth_scheme FROM sys.dm_exec_connections WHERE session_id = @@SPID"), "NTLM", "NTLM")
    tap.equal(value(connection, "SELECT SUSER_SNAME()"), "CORP\\vitals", "with its name")
tap.equal(kinds.stats()["last_auth_scheme"], "NTLM", "the control line tells it")
tap.raises(pymssql.Error, lambda: connect(user="OTHER\\vitals"), "another domain is refused")
tap.raises(pymssql.Error, lambda: connect(user="CORP\\nobody"), "another user is refused")

# What python-tds says at the login is told.
with pytds.connect(dsn="127.0.0.1", port=kinds.ports[0], user=simulators.LOGIN, password=simulators.PASSWORD,
                   database="SalesDB", blocksize=8192, login_timeout=10) as connection:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DB_NAME()")
        tap.equal(cursor.fetchone()[0], "SalesDB", "the database of the login")
stats = kinds.stats()
tap.equal((stats["last_database"], stats["read_only_intent"], stats["last_packet_size"]), ("SalesDB", False, 8192),
          "database and packet size")
tap.raises(pytds.Error, lambda: pytds.connect(dsn="127.0.0.1", port=kinds.ports[0], user=simulators.LOGIN, database="nope",
                                              password=simulators.PASSWORD, login_timeout=10), "no such database")


# The Browser.
def ask_browser(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as question:
        question.settimeout(1)
        question.sendto(b"\x04" + name + b"\0", ("127.0.0.1", kinds.browser_port))
        try:
            return question.recv(2048)
        except TimeoutError:
            return None


answer = ask_browser(b"crm")
tap.ok(answer and f"tcp;{kinds.ports[1]};".encode() in answer, "the Browser tells the port", answer)
tap.equal(ask_browser(b"nope"), None, "and nothing of what it does not know")
kinds.control(browser="silent")
tap.equal(ask_browser(b"crm"), None, "or of anything")
kinds.control(browser="answers")
with connect(server=1) as connection:
    tap.equal(value(connection, "SELECT @@SERVERNAME"), "SIM0001\\CRM", "a named instance knows its name")

# IPv6.
v6 = simulators.v6()
if v6:
    with pytds.connect(dsn="::1", port=v6.port, user=simulators.LOGIN, password=simulators.PASSWORD,
                       login_timeout=10) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 6")
        tap.equal(cursor.fetchone()[0], 6, "over IPv6")

tap.done()
