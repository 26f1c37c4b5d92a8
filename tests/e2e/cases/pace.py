# SPDX-License-Identifier: GPL-2.0-or-later
"""A thousand loads while traffic runs: not one packet is lost that the policy before and the policy
after allow, and not one arrives that both refuse. The PC's LAN and the guest's are used, for a
tunnel in user space loses packets by itself at such a rate."""

import pathlib
import signal
import subprocess
import sys
import time

from cases.story import VERSIONS
from policy import allow, policy

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "pace.py"

RATE = 12000  # a second, each way
LOADS = 500  # for each IP version
BOTH, ONE, NONE = 3000, 3001, 445

POLICIES = [
    policy(
        allow("windows-machine", f"guest:{BOTH}"),
        allow("guest", f"windows-machine:{BOTH}"),
    ),
    policy(
        allow("windows-machine", f"guest:{BOTH},{ONE}"),
        allow("guest", f"windows-machine:{BOTH},{ONE}"),
    ),
]


class Stream:
    """From one box to another, until it is over."""

    def __init__(self, source, destination, version, rate=RATE, ports=(BOTH, ONE, NONE)):
        self._ports = ports
        self._receiver = self._start(
            destination, "receive", destination.address(version), *ports
        )
        assert self._receiver.stdout.readline() == "ready\n", "the receiver does not start"
        self._sender = self._start(
            source, "send", rate, source.address(version), destination.address(version),
            *ports,
        )  # fmt: skip

    @staticmethod
    def _start(host, *arguments):
        return host.netns.start(
            sys.executable, "-B", SCRIPT, *arguments, stdout=subprocess.PIPE, text=True
        )

    def _end(self, process):
        process.send_signal(signal.SIGTERM)
        return dict(zip(self._ports, map(int, process.communicate(timeout=20)[0].split())))

    def end(self):
        """What was sent and what arrived, by port."""
        sent = self._end(self._sender)
        time.sleep(1)
        return sent, self._end(self._receiver)


def _check(world, report, version):
    inventory = world.inventory()
    files = [world.file(f"pace{number}.json", one) for number, one in enumerate(POLICIES)]
    world.load(files[0], inventory)
    streams = {
        "PC to guest": Stream(world.windows, world.guest, version),
        "guest to PC": Stream(world.guest, world.windows, version),
    }
    began = time.monotonic()
    for number in range(LOADS):
        world.load(files[(number + 1) % 2], inventory)
    seconds = time.monotonic() - began
    for name, stream in streams.items():
        sent, arrived = stream.end()
        with report.case(
            f"pace: {LOADS} loads, {name}, IPv{version}: {sent[BOTH]} allowed packets all arrive"
        ):
            assert sent[BOTH] > LOADS, f"only {sent[BOTH]} were sent"
            assert arrived[BOTH] == sent[BOTH], f"{sent[BOTH] - arrived[BOTH]} are missing"
        print(f"# {sum(sent.values()) / seconds:.0f} packets a second")
        with report.case(f"pace: {name}, IPv{version}: some of what one policy allows"):
            assert 0 < arrived[ONE] < sent[ONE], f"{arrived[ONE]} of {sent[ONE]} arrived"
        with report.case(f"pace: {name}, IPv{version}: none of {sent[NONE]} refused packets"):
            assert sent[NONE] > LOADS, f"only {sent[NONE]} were sent"
            assert arrived[NONE] == 0, f"{arrived[NONE]} arrived"


def run(world, report):
    for version in VERSIONS:
        _check(world, report, version)
