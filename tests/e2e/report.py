# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints one line a case, and counts. The log has the same with tabs, for scripts/summary.py."""

import contextlib
import time
import traceback


class Skip(Exception):
    """This case cannot run here; the text says why."""


class Report:
    def __init__(self, log):
        self._log = log
        self.passed = self.failed = 0
        self.skipped = []
        self.failures = []

    def _print(self, word, name, reason="", seconds=None):
        reason = " ".join(str(reason).split())
        detail = f": {reason}" if reason else ""
        if seconds is not None:
            detail += f" ({seconds:.1f} s)"
        print(f"{word} {name}{detail}", flush=True)
        print(f"{word}\t{name}\t{reason}", file=self._log, flush=True)

    def ok(self, name, seconds=None):
        self.passed += 1
        self._print("PASS", name, seconds=seconds)

    def fail(self, name, reason):
        self.failed += 1
        self.failures.append(name)
        self._print("FAIL", name, reason)

    def skip(self, name, reason):
        self.skipped.append((name, reason))
        self._print("SKIP", name, reason)

    def judge(self, name, problem):
        """A case that has been tried already; problem is None where all is well."""
        if problem:
            self.fail(name, problem)
        else:
            self.ok(name)

    @contextlib.contextmanager
    def case(self, name):
        """The block is the case: an exception fails it, and the run goes on."""
        start = time.monotonic()
        try:
            yield
        except Skip as reason:
            self.skip(name, reason)
        except AssertionError as reason:
            self.fail(name, reason or traceback.format_exc())
        except Exception as error:  # whatever it is, it belongs to this case
            self.fail(name, f"{type(error).__name__}: {error}")
            traceback.print_exc(file=self._log)
        else:
            self.ok(name, time.monotonic() - start)
