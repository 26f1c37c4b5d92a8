# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer floods with flows of two packets each, three times as many as the table holds, on ports
that it may use. Another peer's connection is idle for a minute meanwhile, and goes on."""

import subprocess
import sys
import time

import probe
from policy import allow, policy
from world import end

TABLE = 65536  # flows of each IP version
FLOWS = 3 * TABLE
MINUTE = 60
PER_DEVICE = TABLE // 4

FLOOD = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
began, flows = time.monotonic(), 0
while flows < int(sys.argv[2]):
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        for port in range(10000, 60000):
            for _ in range(2):
                try:
                    one.sendto(b"flood", (sys.argv[1], port))
                except OSError:
                    time.sleep(0.001)  # the queue is full
            flows += 1
            if flows % 100 == 0:
                time.sleep(max(0, began + flows / int(sys.argv[3]) - time.monotonic()))
print(flows)
"""


def _start_flood(world, version):
    """Over in less than a minute."""
    return world.vps.netns.start(
        sys.executable, "-c", FLOOD, world.imac.address(version), FLOWS, FLOWS // (MINUTE - 10),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _check(world, report, version, limits):
    """limits: flows that one device may have."""
    world.load(
        policy(
            allow("windows-machine", "imac:3000"),
            allow("vps", "imac:10000-65535", proto="udp"),
            limits={"flowsPerDevice": limits},
        ),
        world.inventory(),
    )
    name = f"flood: IPv{version}, {limits} flows a device"
    with probe.connect(world.windows.netns, world.imac.address(version), 3000) as victim:
        flood = _start_flood(world, version)
        time.sleep(MINUTE)
        status = world.status()
        with report.case(f"{name}: an idle connection goes on"):
            assert probe.token_arrives(victim, victim), "the echo does not come back"
        with report.case(f"{name}: {status['flows']} flows, and the rest of {FLOWS} is refused"):
            assert status["flows"] >= 0.85 * limits, "the flood is too small to show anything"
            reason = "flow_quota" if limits < TABLE else "flow_table_full"
            assert world.drops(device="vps", reason=reason), f"nothing is dropped as {reason}"
        if limits < TABLE:
            with report.case(f"{name}: others open connections meanwhile"):
                probe.exchange(world.windows.netns, world.imac.address(version), 3000)
    end(flood, timeout=MINUTE)


def run(world, report):
    with world.serve("imac", ports=[3000]):
        _check(world, report, 4, PER_DEVICE)
        _check(world, report, 6, TABLE)
