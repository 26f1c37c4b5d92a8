# SPDX-License-Identifier: GPL-2.0-or-later
"""T1 to T5: every row of the story, from real sockets, over IPv4 and IPv6."""

from dataclasses import dataclass

import probe
from world import POLICIES

VERSIONS = (4, 6)

# A box that may not be reached: its open ports by TCP, some by UDP, and ping.
ANYTHING = [("tcp", port) for port in (22, 135, 445, 3000, 3389, 8080)]
ANYTHING += [("udp", 135), ("udp", 3000), ("icmp", 0)]


def ports(*numbers):
    return [(protocol, number) for number in numbers for protocol in ("tcp", "udp")]


@dataclass
class Story:
    """What one of the policies stands for. Rows are (from, to, [(protocol, port), ...])."""

    allowed: list
    refused: list


STORIES = {
    "t1": Story(
        allowed=[("windows", "imac", ports(3000) + [("icmp", 0)])],
        refused=[
            ("imac", "windows", ANYTHING),
            ("vps", "windows", ANYTHING),
            ("windows", "imac", ports(22, 3001)),
            ("windows", "vps", ANYTHING),
            ("imac", "vps", ANYTHING),
            ("vps", "imac", ANYTHING),
            ("imac", "router", ANYTHING),
            ("vps", "router", ANYTHING),
        ],
    ),
    "t2": Story(
        allowed=[
            ("windows", "vps", ports(22, 3000) + [("icmp", 0)]),
            ("windows", "imac", ports(3000) + [("icmp", 0)]),
        ],
        refused=[
            ("vps", "windows", ANYTHING),
            ("imac", "windows", ANYTHING),
            ("windows", "vps", ports(80, 8080)),
            ("windows", "imac", ports(22, 445)),
            ("imac", "vps", ANYTHING),
            ("vps", "imac", ANYTHING),
        ],
    ),
    "t3": Story(
        allowed=[("windows", "vps", ports(22, 8080) + [("icmp", 0)])],
        refused=[
            ("vps", "windows", ANYTHING),
            ("vps", "imac", ANYTHING),
            ("vps", "router", ANYTHING),
            ("windows", "vps", ports(80, 3000)),
            ("windows", "imac", ANYTHING),
            ("imac", "windows", ANYTHING),
        ],
    ),
    "t4": Story(
        allowed=[("imac", "vps", [("tcp", 3000), ("tcp", 3001)])],
        refused=[
            ("imac", "vps", [("tcp", 22), ("tcp", 8080), ("udp", 3000), ("icmp", 0)]),
            ("vps", "imac", ANYTHING),
            ("imac", "windows", ANYTHING),
            ("vps", "windows", ANYTHING),
            ("imac", "router", ANYTHING),
            ("windows", "vps", ANYTHING),
        ],
    ),
    "t5": Story(
        allowed=[
            ("windows", "imac", ports(3000)),
            ("imac", "aspire", ports(8080)),
            ("aspire", "imac", ports(3100)),
        ],
        refused=[
            ("azure", "windows", ANYTHING),
            ("azure", "imac", ANYTHING),
            ("azure", "aspire", ANYTHING),
            ("aspire", "windows", ANYTHING),
            ("aspire", "imac", ports(3000)),
            ("imac", "windows", ANYTHING),
            ("imac", "aspire", ports(22)),
            ("windows", "aspire", ports(8080)),
            ("windows", "azure", ANYTHING),
        ],
    ),
}


def refusals(world, story):
    """The tries that this story refuses."""
    return [
        probe.Refusal(world.hosts[source], world.hosts[target], protocol, port, version)
        for source, target, tries in story.refused
        for protocol, port in tries
        for version in VERSIONS
    ]


def _use(source, target, protocol, port, version):
    address = target.address(version)
    if protocol == "tcp":
        probe.exchange(source.netns, address, port)
    elif protocol == "udp":
        probe.udp_round_trip(source.netns, address, port)
    else:
        assert probe.ping(source.netns, address), "no echo reply"


WHAT = {"tcp": "tcp {} carries 10 MB both ways", "udp": "udp {} answers", "icmp": "answers a ping"}


def check_allowed(world, report, name, story):
    """Uses everything that this story allows."""
    for source, target, tries in story.allowed:
        for protocol, port in tries:
            for version in VERSIONS:
                what = WHAT[protocol].format(port)
                with report.case(f"{name}: {source} -> {target} {what} IPv{version}"):
                    _use(world.hosts[source], world.hosts[target], protocol, port, version)


def run(world, report):
    with world.serve():
        for name, story in STORIES.items():
            world.load(POLICIES / f"{name}.json")
            check_allowed(world, report, name, story)
            for refusal in probe.try_all(refusals(world, story)):
                report.judge(f"{name}: {refusal} is refused", refusal.problem)
