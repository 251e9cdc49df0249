"""Just enough TAP for the client checks: one line per check, a plan at the end."""

import contextlib
import sys
import traceback


class Tap:
    def __init__(self):
        self._count = 0
        self._failed = 0

    def ok(self, passed, name, detail=""):
        self._count += 1
        self._failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self._count} - {name}", flush=True)
        if not passed and detail:
            for line in str(detail).splitlines():
                print(f"# {line}", flush=True)

    def equal(self, found, expected, name):
        same = found == expected and type(found) is type(expected)
        self.ok(same, name, f"found {found!r}, expected {expected!r}")

    @contextlib.contextmanager
    def no_error(self, name):
        """One check that the block ends without an exception."""
        try:
            yield
        except Exception:
            self.ok(False, name, traceback.format_exc())
        else:
            self.ok(True, name)

    def raises(self, kind, action, name):
        """The exception, for a closer look; None when there was none of that kind."""
        try:
            action()
        except kind as error:
            self.ok(True, name)
            return error
        except Exception:
            self.ok(False, name, traceback.format_exc())
        else:
            self.ok(False, name, "no error")
        return None

    def done(self):
        print(f"1..{self._count}", flush=True)
        sys.exit(1 if self._failed else 0)
