#!/usr/bin/env python3
"""The peer of the poll path's benchmark: what a script would do instead. Ten threads, pymssql (the same FreeTDS), one
connection a poll, the same statements. Prints CPU milliseconds and wall milliseconds per poll as JSON.

python_peer.py STATEMENTS_FILE ROUNDS PORT...   (login vitals, password vitals)"""

import concurrent.futures
import json
import resource
import sys
import time

import pymssql


def poll(port, sql):
    with pymssql.connect(server="127.0.0.1", port=port, user="vitals", password="vitals", login_timeout=5,
                         timeout=5) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        rows = 0
        while True:
            rows += len(cursor.fetchall())
            if not cursor.nextset():
                return rows


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        sql = file.read()
    ports = [int(port) for port in sys.argv[3:]] * int(sys.argv[2])
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda port: poll(port, sql), ports[:10]))  # connections, imports and threads are not the subject
        cpu, wall = cpu_ms(), time.monotonic()
        rows = sum(pool.map(lambda port: poll(port, sql), ports))
    polls = len(ports)
    if rows == 0:
        sys.exit("no rows")
    print(json.dumps({"cpu_ms": (cpu_ms() - cpu) / polls, "wall_ms": (time.monotonic() - wall) * 1000 / polls}))


main()
