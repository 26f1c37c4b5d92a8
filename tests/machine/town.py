# SPDX-License-Identifier: GPL-2.0-or-later
"""The boxes that ./network builds, and the flood between them."""

import contextlib
import pathlib
import re
import subprocess

from boxes import Host
from netns import Netns

# Of this port ./network counts what arrives. Nothing here may be let through to it.
PORT = 445
RECEIVED = pathlib.Path("/sys/class/net/wg0/statistics/rx_packets")
PLACES = {
    "windows": ("eth0", ["192.168.77.10", "fd00:77::10"]),
    "router": ("wg0", ["10.77.0.1", "fd77::1", "192.168.77.1", "fd00:77::1"]),
    "imac": ("wg0", ["10.77.0.2", "fd77::2"]),
    "vps": ("wg0", ["10.77.0.3", "fd77::3"]),
    "stranger": ("wg0", ["10.77.0.6", "fd77::6"]),
}


class Town:
    def __init__(self):
        self.hosts = {
            name: Host(name, Netns(name), interface, addresses)
            for name, (interface, addresses) in PLACES.items()
        }

    def __getattr__(self, name):
        return self.hosts[name]

    def serve(self):
        """Echo services on every box, while the block lasts."""
        stack = contextlib.ExitStack()
        for host in self.hosts.values():
            stack.enter_context(host.serve())
        return stack

    def _count(self, host, counter):
        text = host.netns.run("nft", "list", "counter", "inet", "counted", counter).stdout
        return int(re.search(r"packets (\d+)", text).group(1))

    def reached(self):
        """The packets that came to port 445 of each box since the machine was booted."""
        return {name: self._count(host, "port445") for name, host in self.hosts.items()}

    def received(self):
        """The packets that wg0 has decrypted since it is there; keepalives are a few of them."""
        with contextlib.suppress(FileNotFoundError):
            return int(RECEIVED.read_text())
        return 0


@contextlib.contextmanager
def flood():
    """It is the unit that also runs from the beginning of the second boot."""
    subprocess.run(["systemctl", "start", "machine-flood"], check=True)
    try:
        yield
    finally:
        subprocess.run(["systemctl", "stop", "machine-flood"], check=True)
