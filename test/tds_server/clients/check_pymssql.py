"""pymssql: FreeTDS as most Python programs use it."""

import pymssql

import expected
import simulators
from tap import Tap

tap = Tap()
usual = simulators.usual()
plain = simulators.plain()
strict = simulators.strict()


def connect(simulator, **options):
    options.setdefault("password", simulators.PASSWORD)
    return pymssql.connect(server="127.0.0.1", port=str(simulator.port), user=simulators.LOGIN, login_timeout=10,
                           timeout=10, autocommit=True, **options)


def milliseconds(value):
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def all_types(version):
    """db-lib cracks times to milliseconds, and pymssql leaves a datetimeoffset as bytes."""
    values = dict(expected.ALL_TYPES)
    for name in ("c_time", "c_datetime2"):
        values[name] = milliseconds(values[name])
    if version < "7.3":
        values["c_date"] = "2026-03-02"
        values["c_time"] = "23:59:58.9876543"
        values["c_datetime2"] = "2026-03-02 10:00:00.1234567"
        values["c_datetimeoffset"] = "2026-03-02 10:00:00.1234567 +01:00"
    return values


def all_sets(cursor, sql):
    cursor.execute(sql)
    sets = [cursor.fetchall()]
    while cursor.nextset():
        sets.append(cursor.fetchall())
    return sets


def check_types(simulator, version):
    with connect(simulator, tds_version=version) as connection, connection.cursor(as_dict=True) as cursor:
        cursor.execute("SELECT * FROM tds_server.all_types")
        values, nulls = cursor.fetchall()
    for name, value in all_types(version).items():
        if name == "c_datetimeoffset" and version >= "7.3":
            tap.equal(type(values[name]), bytes, f"TDS {version}: {name}")
        else:
            tap.equal(values[name], value, f"TDS {version}: {name}")
    tap.equal(list(nulls), list(expected.ALL_TYPES), f"TDS {version}: names of all columns")
    tap.equal(set(nulls.values()), {None}, f"TDS {version}: NULL in all columns")


for tds_version in ("7.1", "7.2", "7.3"):
    check_types(usual, tds_version)

with connect(plain) as connection, connection.cursor() as cursor:
    sets = all_sets(cursor, "SELECT 1 AS one; SELECT N'two' AS two, N'three' AS three; SELECT 4 AS four")
    tap.equal(sets, [[(1,)], [("two", "three")], [(4,)]], "several result sets without encryption")
    cursor.execute("SELECT * FROM tds_server.all_types WHERE c_int = %d", (2147483647,))
    tap.equal(len(cursor.fetchall()), 1, "a parameter")

with connect(usual) as connection, connection.cursor() as cursor:
    sets = all_sets(cursor, "DECLARE @h int; "
                            "EXEC sp_prepare @h OUTPUT, NULL, N'SELECT 7 AS seven; SELECT N''eight'' AS eight'; "
                            "SELECT @h AS handle; EXEC sp_execute @h")
    handle = sets[0][0][0]
    tap.equal(sets[1:], [[(7,)], [("eight",)]], "prepared and executed in one batch")
    tap.equal(all_sets(cursor, f"EXEC sp_execute {handle}"), sets[1:], "executed by its handle")
    cursor.execute(f"EXEC sp_unprepare {handle}")
    error = tap.raises(pymssql.Error, lambda: cursor.execute(f"EXEC sp_execute {handle}"), "a handle given back")
    tap.equal(error and error.args[0], 8179, "has error 8179")

messages = []
with connect(usual) as connection, connection.cursor() as cursor:
    connection._conn.set_msghandler(lambda state, level, server, procedure, line, text: messages.append((level, text)))
    cursor.callproc("tds_server.sample_procedure", ())
    tap.equal(list(cursor), [(1, "one"), (2, None)], "rows of a procedure")
    tap.ok((0, b"a message of the procedure") in messages, "its message", messages)

    for number, level in ((229, 14), (208, 16), (1205, 13), (1222, 16), (701, 17)):
        error = tap.raises(pymssql.Error, lambda n=number: cursor.execute(f"EXEC tds_server.raise {n}"),
                           f"error {number} is raised")
        tap.equal(error and error.args[0], number, f"error {number} has its number")
        tap.ok((level in [m[0] for m in messages]), f"error {number} has its level {level}", messages)
    cursor.execute("SELECT 5 AS five")
    tap.equal(cursor.fetchall(), [(5,)], "the connection goes on after errors")

error = tap.raises(pymssql.Error, lambda: connect(usual, password="wrong"), "a wrong password is refused")
tap.ok("18456" in repr(error) and "Login failed for user 'vitals'." in repr(error), "with error 18456", repr(error))

before = strict.stats()


def connect_by_name(name, simulator):
    """A name in freetds.conf, which run.sh wrote: the only place where FreeTDS takes encryption from."""
    return pymssql.connect(server=name, port=str(simulator.port), user=simulators.LOGIN, password=simulators.PASSWORD,
                           login_timeout=10)


with connect_by_name("sim_strict", strict) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 6 AS six")
    tap.equal(cursor.fetchall(), [(6,)], "TLS for the whole session, certificate checked")
after = strict.stats()
tap.equal(after["logins"] - before["logins"], 1, "that login is counted")
tap.equal(after["plain_text_batches"], before["plain_text_batches"], "nothing of it came in plain text")
tap.raises(pymssql.Error, lambda: connect_by_name("sim_wrong_name", simulators.wrong_name()),
           "a certificate for another name is refused")
tap.raises(pymssql.Error, lambda: connect_by_name("sim_unknown_authority", strict), "an unknown authority is refused")
tap.raises(pymssql.Error, lambda: connect_by_name("sim_no_encryption", plain),
           "a server without encryption is refused")

tap.done()
