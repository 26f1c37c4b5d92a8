# SPDX-License-Identifier: GPL-2.0-or-later
"""An answer is one to who has asked, not to whom somebody named: by both backends. Conntrack knows
what was asked, and not where."""

import socket
import sys
import time

import probe
import wire
from cases.story import VERSIONS
from firewall import TRACKING, nftables, publish
from policy import allow, policy
from world import AS_NOBODY

# Asks in the name of source, which is not ours, as IPV6_FREEBIND (78 in linux/in6.h) lets anybody;
# the service, if it is here, answers that.
ASK = """
import socket, sys, time
source, port, target, asked, here = sys.argv[1:]
asker = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
asker.setsockopt(socket.IPPROTO_IPV6, 78, 1)
asker.bind((source, int(port)))
service = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
if here == "here":
    service.bind((target, int(asked)))
for _ in range(3):
    try:
        asker.sendto(b"x", (target, int(asked)))
        time.sleep(0.05)
        if here == "here":
            service.sendto(b"unasked", (source, int(port)))
    except PermissionError:
        pass
"""

RULES = [allow("imac", "router:22,5000"), allow("imac", "windows-machine:3000"),
         allow("router", "imac:3000")]  # fmt: skip


def _arrivals(host, source, send):
    with host.watch() as arrivals:
        send()
        time.sleep(0.2)
        return [one for one in arrivals.packets() if one.source == source]


def _router_at_guest(world, version):
    start = {4: "192.168.88.", 6: "fd00:88:"}[version]
    return next(address for address in world.router.addresses if address.startswith(start))


def _check_stranger(world, report):
    """On an unguarded link."""
    for version in VERSIONS:
        imac, router = world.imac.address(version), world.router.address(version)

        def forge():
            for _ in range(3):
                wire.send(world.guest.netns, wire.udp(imac, router, (33000, 22)))
                time.sleep(0.05)

        with report.case(f"unasked: imac gets no answer to what a stranger asked IPv{version}"):
            arrived = _arrivals(world.imac, router, forge)
            assert not arrived, f"arrived: {arrived[0]}"
        with report.case(f"unasked: ... and one to what it asked itself IPv{version}"):
            probe.exchange(world.imac.netns, router, 22)
            probe.udp_round_trip(world.imac.netns, router, 22)


def _check_process(world, report):
    """Without privilege, on the router itself."""
    imac = world.imac.address(6)
    for name, port, target, asked, here in (
        ("on the router", 33001, world.router, 5000, "here"),
        ("behind an unguarded link", 33002, world.windows, 3000, "there"),
    ):
        address = target.address(6)

        def ask():
            world.router.netns.run(
                *AS_NOBODY, sys.executable, "-c", ASK, imac, str(port), address, str(asked), here
            )  # fmt: skip

        with report.case(f"unasked: imac gets no answer to what a process of the router asked {name}"):
            arrived = _arrivals(world.imac, address, ask)
            assert not arrived, f"arrived: {arrived[0]}"
    with report.case("unasked: ... and one to what it asked itself there"):
        probe.udp_round_trip(world.imac.netns, world.windows.address(6), 3000)


def _check_wide_route(world, report):
    """Networks behind a device hold addresses of the others, and of the tunnel itself."""
    vps = {"addresses": world.vps.addresses, "interface": "wg0"}
    routes = ["198.51.0.0/16", "192.168.0.0/16", "fd00::/9"]
    inventory = world.inventory(vps=vps | {"routes": routes})
    del inventory["devices"]["guest"]
    world.load(policy(*RULES, interfaces=["wg0"]), inventory)
    with report.case("unasked: a route that holds unguarded addresses takes nothing from them"):
        probe.udp_round_trip(world.router.netns, world.imac.address(4), 3000)
        for version in VERSIONS:
            probe.udp_round_trip(world.guest.netns, _router_at_guest(world, version), 22)
            probe.udp_round_trip(world.guest.netns, world.windows.address(version), 22)


def _check_revoked(world, report):
    """Both directions end, also where the opener asked a published port."""
    rules = [allow("guest", "router:8100"), allow("guest", "windows-machine:4100")]
    both = ["wg0", "lan0"]
    world.load(policy(*rules, interfaces=both), world.inventory())
    published = publish("eth1", {8100: 4100}, world.windows)
    with nftables(world.router.netns, published, TRACKING), world.guest.netns.socket(
        socket.AF_INET, socket.SOCK_DGRAM
    ) as asker, world.windows.netns.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind((world.windows.address(4), 4100))
        service.settimeout(2)
        asker.settimeout(0.5)
        asker.sendto(b"?", (_router_at_guest(world, 4), 8100))
        with report.case("unasked: a published port answers"):
            peer = service.recvfrom(10)[1]
            service.sendto(b"!", peer)
            assert asker.recv(10) == b"!"
        world.load(policy(rules[0], interfaces=both), world.inventory())
        with report.case("unasked: ... and no more when its rule is gone"):
            service.sendto(b"!", peer)
            try:
                raise AssertionError(f"arrived: {asker.recv(10)}")
            except TimeoutError:
                pass


LSRR = 131


def _check_source_route(world, report):
    """Where the router obeys it, the destination changes behind the hooks that see it forwarded."""
    guest, imac, router = world.guest.address(4), world.imac.address(4), _router_at_guest(world, 4)
    world.load(policy(allow("guest", "router:22"), interfaces=["wg0"]), world.inventory())
    hop = bytes([LSRR, 7, 4]) + socket.inet_aton(imac) + b"\0"
    body = wire.udp_datagram(guest, router, (33003, 22), b"x")
    body = body[:6] + b"\0\0" + body[8:]  # without a checksum: it would be of another destination
    settings = [f"/proc/sys/net/ipv4/conf/{name}/accept_source_route" for name in ("all", "eth1")]
    for one in settings:
        world.router.netns.run("tee", one, input="1")
    try:
        with report.case("unasked: a source route from an unguarded link leads nowhere"):
            packet = wire.ip(guest, router, wire.UDP, body, options=hop)
            with world.counts(reason="source_route"):
                arrived = _arrivals(
                    world.imac, guest, lambda: wire.send(world.guest.netns, packet)
                )
            assert not arrived, f"arrived: {arrived[0]}"
    finally:
        for one in settings:
            world.router.netns.run("tee", one, input="0")


def run(world, report):
    with world.serve(), nftables(world.router.netns, TRACKING):
        world.load(policy(*RULES, interfaces=["wg0"]), world.inventory())
        _check_stranger(world, report)
        _check_process(world, report)
        _check_wide_route(world, report)
        _check_source_route(world, report)
    _check_revoked(world, report)
