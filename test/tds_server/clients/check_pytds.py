"""python-tds: TDS written in Python, with nothing of FreeTDS in it."""

import pytds

import expected
import simulators
from tap import Tap

tap = Tap()
usual = simulators.usual()
plain = simulators.plain()
strict = simulators.strict()


def connect(simulator, **options):
    options.setdefault("password", simulators.PASSWORD)
    options.setdefault("autocommit", True)
    return pytds.connect(dsn=options.pop("dsn", "127.0.0.1"), port=simulator.port, user=simulators.LOGIN,
                         login_timeout=10, timeout=10, appname="check_pytds", **options)


def all_types(version):
    values = dict(expected.ALL_TYPES)
    if version < pytds.tds_base.TDS73A:
        values["c_date"] = "2026-03-02"
        values["c_time"] = "23:59:58.9876543"
        values["c_datetime2"] = "2026-03-02 10:00:00.1234567"
        values["c_datetimeoffset"] = "2026-03-02 10:00:00.1234567 +01:00"
    return values


def check_types(version, label):
    with connect(usual, tds_version=version, as_dict=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tds_server.all_types")
        values, nulls = cursor.fetchall()
    for name, value in all_types(version).items():
        tap.equal(values[name], value, f"TDS {label}: {name}")
    tap.equal(list(nulls), list(expected.ALL_TYPES), f"TDS {label}: names of all columns")
    tap.equal(set(nulls.values()), {None}, f"TDS {label}: NULL in all columns")


check_types(pytds.tds_base.TDS71, "7.1")
check_types(pytds.tds_base.TDS72, "7.2")
check_types(pytds.tds_base.TDS73A, "7.3A")
check_types(pytds.tds_base.TDS73B, "7.3B")
check_types(pytds.tds_base.TDS74, "7.4")

with connect(plain) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 1 AS one; SELECT N'two' AS two, N'three' AS three; SELECT 4 AS four")
    sets = [cursor.fetchall()]
    while cursor.nextset():
        sets.append(cursor.fetchall())
    tap.equal([[tuple(row) for row in rows] for rows in sets], [[(1,)], [("two", "three")], [(4,)]],
              "several result sets without encryption")
    cursor.execute("SELECT c_nvarchar FROM tds_server.all_types WHERE c_int = %s AND c_nvarchar = %s",
                   (2147483647, "Größe €"))
    tap.equal([tuple(row) for row in cursor.fetchall()], [("Größe €",)], "parameters, through sp_executesql")

with connect(plain, autocommit=False) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 1 AS one")
    cursor.fetchall()
    with tap.no_error("a transaction is committed"):
        connection.commit()
    with tap.no_error("a transaction is rolled back"):
        connection.rollback()

with connect(usual) as connection, connection.cursor() as cursor:
    cursor.callproc("tds_server.sample_procedure", ())
    tap.equal([tuple(row) for row in cursor.fetchall()], [(1, "one"), (2, None)], "rows of a procedure")
    tap.equal(cursor.get_proc_return_status(), 7, "its return status")
    texts = [str(message[1]) for message in cursor.messages]
    tap.ok(any("a message of the procedure" in text for text in texts), "its message", texts)

    for number, severity in ((229, 14), (208, 16), (1205, 13), (1222, 16), (701, 17)):
        error = tap.raises(pytds.DatabaseError, lambda n=number: cursor.execute(f"EXEC tds_server.raise {n}"),
                           f"error {number} is raised")
        tap.equal(error and (error.msg_no, error.severity), (number, severity),
                  f"error {number} has its number and level")
    cursor.execute("SELECT 5 AS five")
    tap.equal([tuple(row) for row in cursor.fetchall()], [(5,)], "the connection goes on after errors")
tap.equal(usual.stats()["last_application"], "check_pytds", "the name of the application arrives")

error = tap.raises(pytds.DatabaseError, lambda: connect(usual, password="wrong"), "a wrong password is refused")
tap.equal(error and error.msg_no, 18456, "with error 18456")

before = strict.stats()
with connect(strict, dsn="localhost", cafile=strict.ca) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 6 AS six")
    tap.equal([tuple(row) for row in cursor.fetchall()], [(6,)], "TLS for the whole session, certificate checked")
after = strict.stats()
tap.equal(after["plain_text_batches"], before["plain_text_batches"], "nothing of it came in plain text")
tap.raises(Exception, lambda: connect(strict, dsn="localhost", cafile=usual.ca), "an unknown authority is refused")
tap.raises(Exception, lambda: connect(strict), "a client without TLS is turned away")

for size in (512, 4096, 32767):
    with connect(usual, blocksize=size) as connection, connection.cursor() as cursor:
        long_text = "x" * 40_000
        cursor.execute("SELECT %s AS echo", (long_text,))
        tap.equal(cursor.fetchone()[0], long_text, f"a text of 40,000 characters in packets of {size} bytes, both ways")

usual.control(fault="endless-rows")
with connect(usual) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 1 AS one")
    cursor.fetchone()
    with tap.no_error("an attention ends endless rows"):
        cursor.cancel()
    usual.control(fault="none")
    cursor.execute("SELECT 7 AS seven")
    tap.equal(tuple(cursor.fetchone()), (7,), "and the connection goes on")

tap.done()
