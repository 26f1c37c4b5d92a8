#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the demo shows: tries from box to box, with real sockets, one line each.

show.py PREFIX try           reads lines `FROM TO WHAT EXPECTED` from standard input; WHAT is ping
                             or like tcp/3000, EXPECTED is allowed or refused
show.py PREFIX revoke CMD..  opens a connection from windows to vps port 22, runs the command, and
                             shows that the connection is dead then

The exit status is 1 when anything differs from what is expected.
"""

import os
import subprocess
import sys
import textwrap
import time

import probe
from boxes import Network

PEERS = ["imac", "vps"]
VERSIONS = (4, 6)
SIZE = 1 << 20
# Less than the tests wait, for people wait here too.
PATIENCE = 0.8


def coloured(text, good):
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{32 if good else 31}m{text}\033[0m"


def line(source, target, what, expected, happened, good):
    mark = coloured("as expected" if good else "NOT AS EXPECTED", good)
    way = f"{source:7} -> {target} {what.replace('/', ' ')}"
    print(f"  {way:27} {expected:8}  {happened:46} {mark}", flush=True)


# ---------------------------------------------------------------- tries


def use(source, target, protocol, port, version):
    """What should be allowed, in use. Raises when it is not."""
    address = target.address(version)
    if protocol == "tcp":
        probe.exchange(source.netns, address, port, size=SIZE, timeout=5)
    elif protocol == "udp":
        probe.udp_round_trip(source.netns, address, port)
    else:
        assert probe.ping(source.netns, address), "no answer"


def try_allowed(source, target, protocol, port):
    times = []
    for version in VERSIONS:
        start = time.monotonic()
        try:
            use(source, target, protocol, port, version)
        except AssertionError as reason:
            return f"IPv{version}: {reason}", False
        times.append(f"{(time.monotonic() - start) * 1000:.0f} ms")
    what = {"tcp": "1 MB there and back", "udp": "datagrams answered", "icmp": "ping answered"}
    return f"{what[protocol]} ({' / '.join(times)})", True


def try_refused(source, target, protocol, port):
    tries = [probe.Refusal(source, target, protocol, port, version) for version in VERSIONS]
    for refusal in probe.try_all(tries, silence=PATIENCE):
        if refusal.problem:
            return f"IPv{refusal.version}: {refusal.problem}", False
    return f"silence, and nothing arrived at {target.name}", True


def run_tries(network):
    as_expected = True
    for row in sys.stdin:
        source, target, what, expected = row.split()
        protocol, _, port = ("icmp" if what == "ping" else what).partition("/")
        attempt = try_allowed if expected == "allowed" else try_refused
        happened, good = attempt(
            network.hosts[source], network.hosts[target], protocol, int(port or 0)
        )
        line(source, target, what, expected, happened, good)
        as_expected &= good
    return as_expected


# ---------------------------------------------------------------- revocation


def run_revocation(network, command):
    address = network.vps.address(4)
    with probe.connect(network.windows.netns, address, 22) as connection:
        before = probe.token_arrives(connection, connection)
        line("windows", "vps", "tcp/22", "open", "talks" if before else "says nothing", before)
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(textwrap.indent(output, "  "), end="", flush=True)
        after = probe.token_arrives(connection, connection, timeout=PATIENCE)
        happened = "still talks" if after else "dead: nothing more comes back"
        line("windows", "vps", "tcp/22", "dead", happened, not after)
    return before and not after


def main():
    prefix, verb, *command = sys.argv[1:]
    network = Network(prefix, PEERS)
    network.attach()
    with network.serve():
        good = run_revocation(network, command) if verb == "revoke" else run_tries(network)
    sys.exit(0 if good else 1)


main()
