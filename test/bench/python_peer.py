#!/usr/bin/env python3
"""The peer of the benchmarks: the plain design. A thread pool, pymssql (the same FreeTDS), TLS, one connection a poll, the
same statements and the same metrics out of them, and one INSERT per metric as an ORM makes it, with a pooled connection to
PostgreSQL for each thread and a transaction a poll.

python_peer.py SETTINGS: a JSON file with groups (definitions, docs/protocol.md), ports, threads, rounds, dsn (empty: nothing
is stored). Polls every server once, says {"ready":true} and which groups the servers refused, waits for a line on stdin,
polls every server that many times, says what that took, and ends when stdin does."""

import concurrent.futures
import itertools
import json
import resource
import sys
import threading
import time
import uuid
import zlib

import psycopg2
import pymssql

VERSION, EDITION, NOT_BOXED = 16, 3, (5, 6, 11)

SCHEMA = """
DROP SCHEMA IF EXISTS a CASCADE;
CREATE SCHEMA a;
CREATE TABLE a.servers (id uuid PRIMARY KEY, name text);
CREATE TABLE a.metric_types (id uuid PRIMARY KEY, name text NOT NULL, instance text NOT NULL, UNIQUE (name, instance));
CREATE TABLE a.metrics (
    id uuid PRIMARY KEY, server_id uuid NOT NULL REFERENCES a.servers,
    metric_type_id uuid NOT NULL REFERENCES a.metric_types, value numeric NOT NULL, collected_at timestamptz NOT NULL);
CREATE INDEX ix_metrics_server_time ON a.metrics (server_id, collected_at);
"""
INSERT = "INSERT INTO a.metrics (id, server_id, metric_type_id, value, collected_at) VALUES (%s, %s, %s, %s, now())"


def counter_key(source):
    """Object and counter without the instance's prefix of the object."""
    name, counter = source.split("\\", 1)
    return name.split(":")[-1].strip().lower() + "\\" + counter.strip().lower()


class Group:
    """One statement and what becomes of its rows."""

    def __init__(self, definition):
        self.name = definition["name"]
        self.every = definition.get("every", 1)
        self.rows_layout = definition.get("layout", "columns") == "rows"
        self.labels = definition.get("labels", [])
        self.key = self.labels + definition.get("key", [])
        self.categories = definition.get("categories", {})
        self.metrics = definition["metrics"]
        self.sql = self._statement(definition["variants"])

    def _statement(self, variants):
        for variant in variants:
            editions = variant.get("editions", [])
            fits = EDITION in editions if editions else EDITION not in NOT_BOXED
            if fits and variant.get("min_version", 0) <= VERSION:
                return variant["sql"].replace("{{sources}}", self._sources())
        return None

    def _sources(self):
        names = {}
        for metric in self.metrics:
            for source in (metric.get("source"), metric.get("base")):
                if source:
                    names[source.split("\\", 1)[-1]] = True
        return ", ".join("N'" + name.replace("'", "''") + "'" for name in names)

    def runs_in(self, cycle):
        """Slow groups run in every n-th cycle, and not all of them in the same."""
        return (cycle + zlib.crc32(self.name.encode())) % self.every == 0

    def readings(self, names, rows):
        """(metric, instance, key of the row, value, base) of everything that was read."""
        if self.rows_layout:
            yield from self._counter_readings(rows)
            return
        at = {name: index for index, name in enumerate(names)}
        for row in rows:
            labels = [str(row[at[label]]) for label in self.labels]
            key = tuple(str(row[at[column]]) for column in self.key)
            for metric in self.metrics:
                base = metric.get("base")
                source = metric.get("source")
                yield metric, labels, key, row[at[source]] if source else 1, row[at[base]] if base else None

    def _counter_readings(self, rows):
        counters = {}
        for row in rows:
            instance = (row[2] or "").strip()
            counters.setdefault(counter_key(row[0] + "\\" + row[1]), {})[instance] = row[3]
        for metric in self.metrics:
            bases = counters.get(counter_key(metric["base"]), {}) if metric.get("base") else {}
            wanted = metric.get("instance", "")
            for instance, value in counters.get(counter_key(metric["source"]), {}).items():
                if instance == wanted or (wanted == "*" and instance != "_Total"):
                    yield metric, [instance] if wanted == "*" else [], (instance,), value, bases.get(instance)


class Server:
    """What has to be remembered of a server: when it was read, and its counters."""

    def __init__(self, number, port):
        self.number = number
        self.port = port
        self.id = str(uuid.uuid4())
        self.before = {}
        self.read_at = None

    def values(self, group, names, rows, seconds):
        """(metric, instance, value) of everything that is known."""
        found = {}
        for metric, labels, key, value, base in group.readings(names, rows):
            parts = self._parts(group, metric, key, value, base, seconds)
            category = group.categories.get(labels[0], "Other") if labels else ""
            if parts is None or (metric.get("skip_ignored") and category == "ignored"):
                continue
            instance = {"row": "/".join(labels), "category": category}.get(metric.get("over", "row"), "")
            found.setdefault((metric["name"], instance), (metric, []))[1].append(parts)
        for (name, instance), (metric, parts) in found.items():
            value = combined(metric, parts)
            if value is not None:
                yield name, instance, value

    def _parts(self, group, metric, key, value, base, seconds):
        """What is divided, and by what."""
        kind = metric.get("kind", "gauge")
        factor = metric.get("factor", 1)
        if kind == "gauge":
            return None if value is None else (float(value) * factor, 1)
        if kind == "ratio":
            return None if None in (value, base) else (100 * float(value) * factor, float(base))
        place = (group.name, metric["name"], key)
        old, self.before[place] = self.before.get(place), (value, base)
        if old is None or None in (old[0], value) or value < old[0] or not seconds:
            return None
        change = float(value - old[0]) * factor
        if kind == "average":
            return None if None in (old[1], base) else (change, float(base - old[1]))
        return change, seconds if kind == "rate" else 1


def combined(metric, parts):
    over = metric.get("over", "row")
    if over == "count":
        return float(len(parts))
    if over in ("max", "min"):
        shares = [above / below for above, below in parts if below]
        return (max if over == "max" else min)(shares) if shares else None
    # Those of a rate are all over the same time, and those of a gauge over 1.
    below = parts[0][1] if metric.get("kind", "gauge") in ("gauge", "rate", "delta") else sum(part[1] for part in parts)
    return sum(part[0] for part in parts) / below if below else None


class Peer:
    def __init__(self, settings):
        self.servers = [Server(number, port) for number, port in enumerate(settings["ports"])]
        self.dsn = settings["dsn"]
        self.pooled = threading.local()
        self.types = {}
        self.lock = threading.Lock()
        self.groups = {group["name"]: Group(group) for group in settings["groups"]}
        self.refused = [name for name, group in self.groups.items() if group.sql and not self._works(group)]
        self.groups = {name: group for name, group in self.groups.items() if group.sql and name not in self.refused}
        if self.dsn:
            self._make_tables()

    def _make_tables(self):
        connection = psycopg2.connect(self.dsn)
        with connection, connection.cursor() as cursor:
            cursor.execute(SCHEMA)
            for server in self.servers:
                cursor.execute("INSERT INTO a.servers VALUES (%s, %s)", (server.id, f"sql{server.number}"))
        connection.close()

    def poll(self, server, cycle):
        """Returns how many values were read."""
        # Servers are at different points of the slow groups' cycles, as in a fleet that has run for a while.
        groups = [group for group in self.groups.values() if cycle == 0 or group.runs_in(cycle + server.number)]
        values = self._read(server, groups)
        if self.dsn:
            self._store(server, values)
        return len(values)

    def _works(self, group):
        """Whether the servers know everything that the group's statement asks for."""
        try:
            self._read(Server(0, self.servers[0].port), [group])
            return True
        except pymssql.Error:
            return False

    def _read(self, server, groups):
        sql = "SET NOCOUNT ON;\n" + "".join(
            f"SELECT N'{group.name}' AS vitals_group;\n{group.sql};\n" for group in groups)
        values = []
        now = time.monotonic()
        seconds = now - server.read_at if server.read_at else None
        server.read_at = now
        with pymssql.connect(server="localhost", port=server.port, user="vitals", password="vitals", login_timeout=5,
                             timeout=5) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            group = None
            while True:
                names = [column[0] for column in cursor.description or []]
                rows = cursor.fetchall() if names else []
                if names == ["vitals_group"]:
                    group = self.groups[rows[0][0]]
                elif group:
                    values.extend(server.values(group, names, rows, seconds))
                if not cursor.nextset():
                    break
        return values

    def _store(self, server, values):
        if not hasattr(self.pooled, "connection"):
            self.pooled.connection = psycopg2.connect(self.dsn)
        connection = self.pooled.connection
        with connection.cursor() as cursor:
            for name, instance, value in values:
                cursor.execute(INSERT, (str(uuid.uuid4()), server.id, self._type(name, instance), value))
        connection.commit()

    def _type(self, name, instance):
        found = self.types.get((name, instance))
        if found:
            return found
        with self.lock:
            if (name, instance) in self.types:
                return self.types[name, instance]
            created = str(uuid.uuid4())
            connection = psycopg2.connect(self.dsn)
            with connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO a.metric_types VALUES (%s, %s, %s)", (created, name, instance))
            connection.close()
            self.types[name, instance] = created
            return created


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000


def say(what):
    print(json.dumps(what), flush=True)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        settings = json.load(file)
    peer = Peer(settings)
    with concurrent.futures.ThreadPoolExecutor(settings["threads"]) as pool:
        list(pool.map(lambda server: peer.poll(server, 0), peer.servers))
        say({"ready": True, "refused": peer.refused})
        sys.stdin.readline()
        cpu, start = cpu_ms(), time.monotonic()
        work = list(itertools.product(range(1, settings["rounds"] + 1), peer.servers))
        values = sum(pool.map(lambda item: peer.poll(item[1], item[0]), work))
        say({"polls": len(work), "values": values / len(work), "cpu_ms": (cpu_ms() - cpu) / len(work),
             "seconds": time.monotonic() - start})
        sys.stdin.read()


main()
