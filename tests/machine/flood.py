#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends to port 445 of every other box, to which nobody is admitted, without end.

Datagrams and SYNs, IPv4 and IPv6, some fifty a second: as soon as any way opens, one goes through.
"""

import contextlib
import socket
import time

from echo import family_of
from town import PLACES, PORT, Town

PAUSE = 0.02

# Not from the PC to the router: lan0 is not guarded.
WAYS = [
    (sender, target)
    for sender in ("vps", "stranger", "windows")
    for target in PLACES
    if target != sender and (sender, target) != ("windows", "router")
]


def send(host, address):
    with contextlib.suppress(OSError):  # no way there yet, or not any more
        with host.netns.socket(family_of(address), socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(b"flood", (address, PORT))
    with contextlib.suppress(OSError):
        with host.netns.socket(family_of(address), socket.SOCK_STREAM) as sender:
            sender.setblocking(False)
            sender.connect_ex((address, PORT))


def main():
    hosts = Town().hosts
    while True:
        for sender, target in WAYS:
            for version in (4, 6):
                send(hosts[sender], hosts[target].address(version))
                time.sleep(PAUSE)


main()
