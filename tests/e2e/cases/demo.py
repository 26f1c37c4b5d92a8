# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/demo as a user runs it: to its end, and interrupted."""

import os
import pathlib
import signal
import subprocess

from world import LOGS, REPOSITORY, wait_until

PREFIX = f"demo{os.getpid()}-"
PROGRAM = REPOSITORY / "scripts" / "demo"


def _start(log):
    """In a session of its own, so that a signal to its group is a Ctrl-C in its terminal."""
    return subprocess.Popen(
        [PROGRAM], env=os.environ | {"ACLGATE_DEMO_PREFIX": PREFIX},
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def _group(leader):
    """The command lines of a process group; what has ended, waited for or not, has none."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == leader:
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass  # it has just ended
    return [command for command in found if command]


def _leftovers():
    """Whatever still bears the name of this demo."""
    found = [str(path) for path in pathlib.Path("/run/netns").glob(f"{PREFIX}*")]
    found += [str(path) for path in pathlib.Path("/sys/fs/bpf").glob(f"*{PREFIX.rstrip('-')}*")]
    found += [str(path) for path in pathlib.Path("/run/aclgate-network").glob(f"{PREFIX}*")]
    return found


def _log(name):
    return LOGS / f"demo-{name}.log"


def _tail(name):
    return " | ".join(_log(name).read_text().splitlines()[-5:])


def _check_whole(report):
    with report.case("demo: runs to its end, and everything is as expected"):
        with open(_log("whole"), "wb") as log:
            status = _start(log).wait(timeout=120)
        assert status == 0, f"exit {status}: {_tail('whole')}"
    with report.case("demo: leaves nothing behind"):
        assert not _leftovers(), _leftovers()


def _check_interrupted(report, name, expected, hit):
    """Stopped when the network stands and the show has begun."""
    with report.case(f"demo: interrupted by {name} it exits {expected} and leaves nothing behind"):
        with open(_log(name), "wb") as log:
            process = _start(log)
        try:
            shows = b"allowed"
            wait_until(
                lambda: process.poll() is not None or shows in _log(name).read_bytes(),
                "the demo shows something", 60,
            )  # fmt: skip
            hit(process.pid)
            status = process.wait(timeout=30)
        finally:
            if process.poll() is None:
                process.kill()
        assert status == expected, f"exit {status}: {_tail(name)}"
        assert not _leftovers(), _leftovers()
        wait_until(lambda: not _group(process.pid), f"the end of {_group(process.pid)}", 5)


def run(world, report):
    _check_whole(report)
    _check_interrupted(report, "Ctrl-C", 130, lambda pid: os.killpg(pid, signal.SIGINT))
    _check_interrupted(report, "SIGTERM", 143, lambda pid: os.kill(pid, signal.SIGTERM))
