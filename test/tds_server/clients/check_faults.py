"""Each fault as a client meets it: python-tds above, bare sockets below."""

import contextlib
import socket
import struct
import time

import pytds

import simulators
from tap import Tap

tap = Tap()
usual = simulators.usual()
strict = simulators.strict()

SHORT = 0.4
BRIEF = 1.0  # where python-tds tries again until its time is over
PATIENT = 10.0
PRELOGIN = struct.pack(">BBHHBB", 0x12, 1, 15, 0, 0, 0) + b"\x01\x00\x06\x00\x01\xff\x02"


def connect(simulator=usual, server=0, timeout=PATIENT):
    return pytds.connect(dsn="127.0.0.1", port=simulator.ports[server], user=simulators.LOGIN,
                         password=simulators.PASSWORD, autocommit=True, login_timeout=timeout, timeout=timeout)


def ask(connection, sql="SELECT N'plenty of text to be cut into halves' AS answer"):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]


ANSWER = [("plenty of text to be cut into halves",)]


def bare():
    return socket.create_connection(("127.0.0.1", usual.port), timeout=PATIENT)


def received_within(connection, seconds):
    """What comes until then, and whether the peer ended the connection."""
    deadline = time.monotonic() + seconds
    data = b""
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            more = connection.recv(65536)
        except socket.timeout:
            break
        if not more:
            return data, True
        data += more
    return data, False


@contextlib.contextmanager
def fault(text, simulator=usual, server=0):
    answer = simulator.control(server=server, fault=text)
    if answer != {"ok": True}:
        raise RuntimeError(answer)
    try:
        yield
    finally:
        simulator.control(server=server, fault="none")


def failure_of(action):
    """The exception and how long it took."""
    start = time.monotonic()
    try:
        found = action()
    except Exception as error:
        return error, time.monotonic() - start
    return AssertionError(f"no error, but {found!r}"), time.monotonic() - start


def is_timeout(error):
    return "time" in repr(error).lower()


def check_connection_faults():
    kept = connect(timeout=BRIEF)
    with fault("refuse"):
        tap.raises(ConnectionRefusedError, bare, "refuse: the port is closed")
        tap.ok(not isinstance(failure_of(lambda: ask(kept))[0], AssertionError), "refuse: open connections are gone")
        with connect(server=1) as other:
            tap.equal(ask(other), ANSWER, "refuse: the other server goes on")
    with connect() as connection:
        tap.equal(ask(connection), ANSWER, "refuse: the same port answers again")

    with fault("silent"), bare() as connection:
        connection.sendall(PRELOGIN)
        tap.equal(received_within(connection, SHORT), (b"", False), "silent: PRELOGIN gets no answer")
    with fault("drip"), bare() as connection:
        connection.sendall(PRELOGIN)
        data, ended = received_within(connection, 1.5)
        tap.ok(len(data) == 2 and not ended, "drip: two bytes within 1.5 seconds", data)
    with fault("garbage"), bare() as connection:
        connection.sendall(PRELOGIN)
        tap.equal(len(received_within(connection, SHORT)[0]), 4096, "garbage: PRELOGIN gets 4,096 bytes")
    with fault("http"), bare() as connection:
        connection.sendall(PRELOGIN)
        data, ended = received_within(connection, PATIENT)
        tap.ok(data.startswith(b"HTTP/1.1 400 ") and ended, "http: a web server answers and hangs up", data)
    before = usual.stats()["plain_text_logins"]
    with fault("plain-prelogin-drop"):
        with bare() as connection:
            connection.sendall(PRELOGIN)
            tap.equal(received_within(connection, PATIENT), (b"", True), "plain-prelogin-drop: hangs up")
        with bare() as connection:
            connection.sendall(struct.pack(">BBHHBB", 0x02, 1, 12, 0, 0, 0) + b"pass")
            received_within(connection, PATIENT)
    tap.equal(usual.stats()["plain_text_logins"], before + 1, "plain-prelogin-drop: a login of TDS 5 is counted")


def check_login_faults():
    with fault("slow-login=300"):
        start = time.monotonic()
        connect().close()
        tap.ok(time.monotonic() - start >= 0.3, "slow-login: takes as long as asked for")
    for text, number in (("login-error=18470", 18470), ("error=18401", 18401), ("error=17142", 17142)):
        with fault(text):
            error = failure_of(lambda: connect(timeout=BRIEF))[0]
            tap.equal(getattr(error, "msg_no", None), number, f"{text}: the login fails with that number")
    with fault("encrypt-downgrade", strict), socket.create_connection(("127.0.0.1", strict.port)) as connection:
        asks_for_encryption = PRELOGIN[:-1] + b"\x01"
        connection.sendall(asks_for_encryption)
        reply = received_within(connection, SHORT)[0]
        tap.ok(b"\xff" in reply and reply[reply.index(b"\xff") + 7] == 0, "encrypt-downgrade: login only", reply)


def check_reply_faults():
    for text in ("silent-after-login", "stall", "drip-reply"):
        with fault(text):
            connection = connect(timeout=SHORT * 2)
            error, seconds = failure_of(lambda: ask(connection))
            tap.ok(is_timeout(error) and seconds >= SHORT, f"{text}: the batch runs into the client's time limit", error)
    for text in ("cut", "reset", "wrong-token", "error=1205"):
        with fault(text):
            connection = connect()
            error, seconds = failure_of(lambda: ask(connection))
            known = not isinstance(error, AssertionError) and not is_timeout(error)
            tap.ok(known and seconds < PATIENT / 2, f"{text}: the batch fails at once", repr(error))
            if text == "reset":
                tap.ok(isinstance(error, ConnectionResetError), "reset: by RST", repr(error))
            if text == "error=1205":
                tap.equal((error.msg_no, error.severity), (1205, 13), "error=1205: as deadlock victim")
    with fault("latency=200"), connect() as connection:
        start = time.monotonic()
        tap.equal(ask(connection), ANSWER, "latency: the answer comes")
        tap.ok(time.monotonic() - start >= 0.2, "latency: as late as asked for")
    with fault("huge-row=3"), connect() as connection:
        tap.equal([len(row[0]) for row in ask(connection)], [3 * 1024 * 1024 // 2], "huge-row: 3 MB of text")
    with fault("message-storm=1000"), connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one")
        tap.equal(cursor.fetchone()[0], 1, "message-storm: the answer comes")
        tap.equal(len(cursor.messages), 1000, "message-storm: after 1,000 messages")
    with fault("endless-rows"), connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one")
        tap.equal([cursor.fetchone()[0] for _ in range(100_000)][-1], 100_000, "endless-rows: 100,000 rows and more")


def check_control_line():
    tap.equal(list(usual.control(server=2, fault="none")), ["error"], "a server that does not exist is an error")
    tap.equal(list(usual.control(fault="nonsense")), ["error"], "an unknown fault is an error")
    tap.equal(list(usual.control(fault="error")), ["error"], "a fault without its number is an error")
    tap.equal(list(usual.control(falt="none")), ["error"], "an unknown key is an error")
    tap.equal(len(usual.control(server="all", stats=True)["stats"]), 2, "statistics of all servers")
    before = usual.stats(server=1)
    with connect(server=1) as connection:
        ask(connection)
        after = usual.stats(server=1)
        for name in ("connects", "logins", "batches", "open_connections"):
            tap.equal(after[name] - before[name], 1, f"statistics: {name}")
    with bare() as connection:
        connection.sendall(PRELOGIN)
        received_within(connection, SHORT)
        tap.equal(usual.control(drop=True), {"ok": True}, "connections are dropped")
        tap.raises(ConnectionResetError, lambda: received_within(connection, PATIENT), "and the client notices")
    tap.equal(usual.control(server=1, latency_ms=200), {"ok": True}, "a latency is set")
    with connect(server=1) as connection:
        start = time.monotonic()
        ask(connection)
        tap.ok(time.monotonic() - start >= 0.2, "and every answer is late")
    usual.control(server=1, latency_ms=0)


check_connection_faults()
check_login_faults()
check_reply_faults()
check_control_line()
tap.done()
