# SPDX-License-Identifier: GPL-2.0-or-later
"""What ours decides while others have rules and programs on the same router, and what to ask
them: one policy, tries that it allows and refuses, and tables of nftables."""

import contextlib
import time

import probe
import wire
from cases.story import VERSIONS
from policy import allow, policy

PC = "windows-machine"
# The router may open connections: what is behind its NAT must not do so in its name.
RULES = [
    allow(PC, "imac:3000,3001", "router:8080"),
    allow("imac", f"{PC}:80"),
    allow("router", "imac:22", f"{PC}:22"),
]
POLICY = policy(*RULES)
COPIES = 20
# The router, as these reach it.
ROUTER = {"windows": "192.168.77.1", "imac": "10.77.0.1", "guest": "192.168.88.1"}


def load(world, rules=POLICY, **devices):
    return world.load(rules, world.inventory(**devices))


def nft(world, *arguments, **options):
    return world.router.netns.run("nft", *arguments, **options).stdout


def apply(world, text):
    """As the admin does: from a file."""
    nft(world, "-f", "-", input=text)


def check_status(world, report, state, expected=0):
    with report.case(f"{state}: status exits {expected}"):
        result = world.aclctl("status")
        assert result.returncode == expected, f"{result.returncode}: {result.stdout}"
        assert world.status()["enforced"] == (expected == 0), world.status()


def _refusals(world):
    tries = [
        (world.windows, world.imac, "tcp", 22), (world.windows, world.imac, "udp", 22),
        (world.imac, world.windows, "tcp", 445), (world.vps, world.windows, "udp", 3000),
        (world.guest, world.windows, "tcp", 445),
    ]  # fmt: skip
    return [probe.Refusal(*one, version) for one in tries for version in VERSIONS]


def check_refused(report, state, tries):
    for refusal in probe.try_all(tries, silence=0.4):
        report.judge(f"{state}: {refusal} is refused", refusal.problem)


def check_allowed(world, report, state):
    for version in VERSIONS:
        with report.case(f"{state}: what is allowed passes IPv{version}"):
            probe.exchange(world.windows.netns, world.imac.address(version), 3000, size=1 << 18)
            probe.udp_round_trip(world.windows.netns, world.imac.address(version), 3000)
            probe.udp_round_trip(world.imac.netns, world.windows.address(version), 80)


def check_decides(world, report, state):
    check_allowed(world, report, state)
    check_refused(report, state, _refusals(world))


def listed(world, tables):
    """As they are written, without what they have counted."""
    return [nft(world, "-s", "list", "table", *one) for one in tables]


def removal(tables):
    """Also where they are not there."""
    return "".join(f"add table {' '.join(one)}\ndelete table {' '.join(one)}\n" for one in tables)


@contextlib.contextmanager
def written(world, write, tables):
    """Somebody's tables, as long as the block lasts."""
    write(world)
    try:
        yield
    finally:
        apply(world, removal(tables))


def send(source, target, port):
    """COPIES datagrams, from a port that no test uses."""
    packet = wire.udp(source.address(4), target.address(4), (20001, port))
    for _ in range(COPIES):
        with contextlib.suppress(PermissionError):  # nftables has dropped it: of the router
            wire.send(source.netns, packet)
    time.sleep(0.1)


def count_arrivals(source, target, port):
    """How many of them arrive."""
    with target.watch() as arrivals:
        send(source, target, port)
        return sum(one.source_port == 20001 for one in arrivals.packets())
