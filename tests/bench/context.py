# SPDX-License-Identifier: GPL-2.0-or-later
"""What all measurements share: where things are, how much effort, and what the run is called."""

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile


class Failure(Exception):
    """Something did not work: then a figure would mean nothing."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured."""

    sizes: tuple  # (rules, devices)
    mixed_sizes: tuple
    ethernet_sizes: tuple
    rounds: int
    packets: int  # a run
    new: int  # flows a run: what the flow table has room for
    seconds: int  # of a stream
    loads: int  # of a policy


_RULES = (10, 1_000, 100_000)
_DEVICES = (10, 1_000, 10_000)
_DIAGONAL = ((10, 10), (1_000, 1_000), (100_000, 10_000))

FULL = Effort(
    sizes=tuple((rules, devices) for rules in _RULES for devices in _DEVICES),
    mixed_sizes=_DIAGONAL,
    ethernet_sizes=_DIAGONAL,
    rounds=5,
    packets=100_000,
    new=40_000,
    seconds=2,
    loads=3,
)
QUICK = Effort(
    sizes=_DIAGONAL,
    mixed_sizes=_DIAGONAL[1:2],
    ethernet_sizes=_DIAGONAL[1:2],
    rounds=2,
    packets=40_000,
    new=20_000,
    seconds=1,
    loads=2,
)


class Context:
    """One run. Leaving it removes its files; each measurement removes its own namespaces."""

    def __init__(self, build, effort):
        self.build = pathlib.Path(build).resolve()
        self.effort = effort
        self.prefix = f"aclgate-bench-{os.getpid()}-"
        self.noise = []
        self.cpu = max(os.sched_getaffinity(0))
        self._ends = contextlib.ExitStack()

    def __enter__(self):
        self.folder = pathlib.Path(
            self._ends.enter_context(tempfile.TemporaryDirectory(prefix=self.prefix))
        )
        return self

    def __exit__(self, *_):
        self._ends.close()

    def tool(self, name):
        return str(self.build / "tests" / "bench" / name)

    def say(self, text):
        """Progress; the result alone is for standard output."""
        print(text, file=sys.stderr, flush=True)

    def timed(self, command, **options):
        """Seconds and peak memory in KiB of a command, and its exit status."""
        done = subprocess.run(
            command, stdout=subprocess.PIPE, check=False, timeout=300, text=True, **options
        )
        return json.loads(done.stdout) | {"status": done.returncode}
