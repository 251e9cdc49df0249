"""Where run.sh has started the simulated servers, and the control line of each."""

import json
import os
import socket

LOGIN = "vitals"
PASSWORD = "vitals"


class Simulator:
    def __init__(self, prefix):
        self.ports = [int(port) for port in os.environ[prefix + "_PORTS"].split(",")]
        self.port = self.ports[0]
        self.control_port = int(os.environ[prefix + "_CONTROL"])
        self.ca = os.environ[prefix + "_CA"]
        browser = os.environ[prefix + "_BROWSER"]
        self.browser_port = int(browser) if browser.isdigit() else None

    def control(self, **request):
        request.setdefault("server", 0)
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=10) as line:
            line.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(line.makefile().readline())

    def stats(self, server=0):
        return self.control(server=server, stats=True)


def usual():
    """Encrypts the login only, as SQL Server comes."""
    return Simulator("SIM_USUAL")


def plain():
    """Has no certificate."""
    return Simulator("SIM_PLAIN")


def strict():
    """Requires encryption."""
    return Simulator("SIM_STRICT")


def wrong_name():
    """Requires encryption, with a certificate for another name."""
    return Simulator("SIM_WRONG")


def kinds():
    """Three servers of which two are named instances, and a Browser."""
    return Simulator("SIM_KINDS")


def v6():
    """Listens on ::1; None on a host without IPv6."""
    return Simulator("SIM_V6") if "SIM_V6_PORTS" in os.environ else None
