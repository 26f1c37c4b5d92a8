# SPDX-License-Identifier: GPL-2.0-or-later
"""Where else packets go: to the router, from it, through it to the LAN, from peer to peer; and
how big they may be."""

import contextlib
import errno
import select
import socket

import probe
from cases.story import VERSIONS
from echo import family_of

TUNNEL_MTU = 1420
SMALL_MTU = 1300

# What the story never allows, allowed for once, on one port each.
EVERYWHERE = {
    "acls": [
        {
            "action": "accept",
            "src": ["imac"],
            "dst": ["router:22", "windows-machine:445", "vps:3000"],
        },
        {"action": "accept", "src": ["router"], "dst": ["imac:22"]},
    ]
}
ALLOWED = [
    ("imac", "router", 22, "to the router itself"),
    ("imac", "windows", 445, "to the LAN behind the router"),
    ("imac", "vps", 3000, "from peer to peer"),
    ("router", "imac", 22, "from the router itself"),
]
# Another port, another device, or the way back.
REFUSED = [
    ("imac", "router", 80), ("vps", "router", 22),
    ("imac", "windows", 135), ("vps", "windows", 445), ("windows", "imac", 445),
    ("imac", "vps", 22), ("vps", "imac", 3000), ("aspire", "vps", 3000),
    ("router", "imac", 80), ("router", "vps", 22),
]  # fmt: skip


def _check_everywhere(world, report):
    for source, target, port, what in ALLOWED:
        for version in VERSIONS:
            address = world.hosts[target].address(version)
            with report.case(f"paths: {what}, {source} -> {target} {port} is allowed IPv{version}"):
                probe.exchange(world.hosts[source].netns, address, port, size=1 << 20)
                probe.udp_round_trip(world.hosts[source].netns, address, port)
    refusals = [
        probe.Refusal(world.hosts[source], world.hosts[target], protocol, port, version)
        for source, target, port in REFUSED
        for protocol in ("tcp", "udp")
        for version in VERSIONS
    ]
    for refusal in probe.try_all(refusals):
        report.judge(f"paths: {refusal} is refused", refusal.problem)


def _check_lan_address_of_router(world, report):
    """The router is the same device by its LAN address."""
    for version in VERSIONS:
        address = [one for one in world.router.addresses if (":" in one) == (version == 6)][1]
        with report.case(f"paths: imac -> router by its LAN address is allowed IPv{version}"):
            probe.exchange(world.imac.netns, address, 22, size=1 << 20)


# The rest of a rule windows -> imac, and the IP versions that may then ping. "icmp" is protocol 1
# alone, and ports do not apply to it.
PING_RULES = {
    "a rule without a protocol": ({"dst": ["imac:3000"]}, {4, 6}),
    "a rule for tcp": ({"dst": ["imac:3000"], "proto": "tcp"}, set()),
    "a rule for icmp": ({"dst": ["imac:*"], "proto": "icmp"}, {4}),
}


def _check_ping(world, report):
    for name, (rest, allowed) in PING_RULES.items():
        world.load({"acls": [{"action": "accept", "src": ["windows-machine"]} | rest]})
        for version in VERSIONS:
            expected = version in allowed
            word = "allows" if expected else "refuses"
            with report.case(f"paths: {name} {word} ping windows -> imac IPv{version}"):
                got = probe.ping(world.windows.netns, world.imac.address(version), timeout=1.0)
                assert got == expected, "answered" if got else "no answer"
    back = [probe.Refusal(world.imac, world.windows, "icmp", 0, version) for version in VERSIONS]
    for refusal in probe.try_all(back):
        report.judge(f"paths: {refusal} is refused", refusal.problem)


def _check_port_unreachable(world, report):
    """An ICMP error about a known flow comes back through the tunnel."""
    for version in VERSIONS:
        with report.case(f"paths: a closed UDP port of imac says so to windows IPv{version}"):
            attempt = probe.UdpAttempt(world.windows.netns, world.imac.address(version), 3999)
            probe.await_answer(attempt, 2.0)
            outcome = attempt.outcome()
            assert outcome and "refused" in outcome, outcome or "silence"


# ---------------------------------------------------------------- path MTU

# Of linux/in.h and linux/in6.h; the socket module has not got all of them.
DISCOVER = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
KNOWN_MTU = {4: (socket.IPPROTO_IP, 14), 6: (socket.IPPROTO_IPV6, 24)}
PMTUDISC_DO = 2
HEADERS = {4: 28, 6: 48}  # IP and UDP


def _flush_learned_mtu(*hosts):
    for host in hosts:
        for family in ("-4", "-6"):
            host.netns.run("ip", family, "route", "flush", "cache")


def _learn(asker, version, size):
    """Sends too much until the kernel has learned the path MTU, and refuses."""
    for _ in range(20):
        try:
            asker.send(bytes(size))
        except OSError as error:
            assert error.errno == errno.EMSGSIZE, error
            asker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # the one that is pending
            return asker.getsockopt(*KNOWN_MTU[version])
        select.select([asker], [], [], 0.1)
    raise AssertionError("the router never said that the packet was too big")


def _check_datagrams(world, report, version):
    """DF from the PC's 1,500 bytes into the tunnel's 1,420."""
    address = world.imac.address(version)
    with report.case(f"paths: UDP with DF learns the tunnel's MTU IPv{version}"):
        with world.windows.netns.socket(family_of(address), socket.SOCK_DGRAM) as asker:
            asker.setsockopt(*DISCOVER[version], PMTUDISC_DO)
            asker.settimeout(2.0)
            asker.connect((address, 3000))
            mtu = _learn(asker, version, 1500 - HEADERS[version])
            assert mtu == TUNNEL_MTU, f"learned {mtu}"
            full = bytes(TUNNEL_MTU - HEADERS[version])
            asker.send(full)
            assert asker.recv(65536) == full, "a full packet did not come back"


@contextlib.contextmanager
def _big_segments(world):
    """The iMac claims that it can take LAN-size segments; the tunnel cannot."""
    routes = [("-4", "192.168.77.0/24", 1460), ("-6", "fd00:77::/64", 1440)]
    for family, prefix, size in routes:
        world.imac.netns.run("ip", family, "route", "replace", prefix, "dev", "wg0", "advmss", size)
    yield
    for family, prefix, _ in routes:
        world.imac.netns.run("ip", family, "route", "replace", prefix, "dev", "wg0")


@contextlib.contextmanager
def _small_lan(world):
    """The router's way to the PC gets narrower than the tunnel: the iMac has to be told, by an
    ICMP error of the router itself, out of wg0."""
    routes = [
        ("-4", "192.168.77.0/24", ["proto", "kernel", "scope", "link", "src", "192.168.77.1"]),
        ("-6", "fd00:77::/64", ["proto", "kernel", "metric", "256"]),
    ]
    for family, prefix, rest in routes:
        world.router.netns.run(
            "ip", family, "route", "replace", prefix, "dev", "lan0", *rest, "mtu", SMALL_MTU
        )
    yield
    for family, prefix, rest in routes:
        world.router.netns.run("ip", family, "route", "replace", prefix, "dev", "lan0", *rest)


TOO_BIG = {4: 3, 6: 2}


def _check_transfer(world, report, version, what, told):
    """10 MB both ways from windows to imac, in the course of which `told` gets the error."""
    _flush_learned_mtu(world.windows, world.imac)
    with report.case(f"paths: {what} IPv{version}"), told.watch() as arrivals:
        probe.exchange(world.windows.netns, world.imac.address(version), 3000)
        errors = [one for one in arrivals.packets() if one.icmp_type == TOO_BIG[version]]
        assert errors, f"the transfer ended, but {told.name} was never told a smaller MTU"


def run(world, report):
    with world.serve():
        world.load(EVERYWHERE)
        _check_everywhere(world, report)
        _check_lan_address_of_router(world, report)
        _check_ping(world, report)
        world.load({"acls": [{"action": "accept", "src": ["windows-machine"], "dst": ["imac:*"]}]})
        _check_port_unreachable(world, report)
        for version in VERSIONS:
            _check_datagrams(world, report, version)
            with _big_segments(world):
                what = "10 MB of LAN-size segments get through the tunnel"
                _check_transfer(world, report, version, what, world.windows)
            with _small_lan(world):
                what = "10 MB get through a LAN path of 1300 bytes"
                _check_transfer(world, report, version, what, world.imac)
