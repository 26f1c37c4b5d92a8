# SPDX-License-Identifier: GPL-2.0-or-later
"""Fragments. The first one has the ports, and those after it share its fate; with connection
tracking on the router, which puts them together and takes them apart again, and without."""

import contextlib
import socket
import time

import probe
import wire
from cases.story import VERSIONS
from firewall import TRACKING, nftables
from policy import allow, policy

PC = "windows-machine"
BIG = 8000
PORT, REFUSED, SOURCE_PORT = 3000, 3001, 20000

ROUTER_LAN = {4: "192.168.77.1", 6: "fd00:77::1"}
RULES = [allow(PC, "imac:3000", "router:3000"), allow("imac", f"{PC}:3000", "vps:3000")]
WAYS = [("windows", "imac"), ("imac", "windows"), ("imac", "vps")]


def _comes_back(netns, address, size):
    with netns.socket(probe.family_of(address), socket.SOCK_DGRAM) as asker:
        asker.settimeout(1.0)
        asker.connect((address, PORT))
        data = bytes(range(256)) * (size // 256)
        try:
            asker.send(data)
            return asker.recv(65536) == data
        except OSError:
            return False  # too big, and now its kernel knows


def _check_big(world, report, how, version):
    ways = [(one, world.hosts[one], other, world.hosts[other].address(version))
            for one, other in WAYS]  # fmt: skip
    ways.append(("windows", world.windows, "the router", ROUTER_LAN[version]))
    for one, source, other, address in ways:
        with report.case(f"fragments: {BIG} bytes {one} -> {other} and back{how} IPv{version}"):
            # The first ones may only show the kernels what is too big for the tunnel.
            assert any(_comes_back(source.netns, address, BIG) for _ in range(4)), "nothing is back"
            for _ in range(5):
                assert _comes_back(source.netns, address, BIG), "one of the next is missing"


def _check_tcp(world, report, how, version):
    with report.case(f"fragments: TCP goes on beside them{how} IPv{version}"):
        probe.exchange(world.windows.netns, world.imac.address(version), PORT, size=1 << 20)


def _check_refused_port(world, report, how, version):
    """Of a datagram whose port is refused, no part arrives."""
    for one, other in WAYS:
        source, target = world.hosts[one], world.hosts[other]
        name = f"fragments: no part of a refused datagram {one} -> {other} arrives{how}"
        with report.case(f"{name} IPv{version}"), target.watch() as arrivals:
            address = target.address(version)
            with source.netns.socket(probe.family_of(address), socket.SOCK_DGRAM) as sender:
                for _ in range(2):
                    with contextlib.suppress(OSError):
                        sender.sendto(bytes(BIG), (address, REFUSED))
            time.sleep(0.1)
            arrived = [one for one in arrivals.packets() if one.source in source.addresses
                       and one.protocol in (wire.UDP, wire.FRAGMENT)]  # fmt: skip
            assert not arrived, f"arrived: {arrived[0]}"


# ---------------------------------------------------------------- made by hand

_identification = iter(range(100, 1 << 16))


class Crafted:
    """A datagram from the iMac to the PC, in parts as we like them."""

    def __init__(self, world, version, protocol=wire.UDP, port=PORT, size=64):
        self.source = world.imac.address(version)
        self.target = world.windows.address(version)
        self.version, self.protocol = version, protocol
        self.identification = next(_identification)
        ports = (SOURCE_PORT, port)
        if protocol == wire.UDP:
            self.body = wire.udp_datagram(self.source, self.target, ports, bytes(size))
        else:
            self.body = wire.tcp_segment(self.source, self.target, ports, wire.SYN) + bytes(size)

    def part(self, offset, length, more, data=None):
        """An IP packet with some bytes of it."""
        data = self.body[offset : offset + length] if data is None else data
        if self.version == 6:
            head = wire.fragment_header(self.protocol, offset, more, self.identification)
            return wire.ip(self.source, self.target, wire.FRAGMENT, head + data)
        flags = (0x2000 if more else 0) | offset // 8
        packet = wire.ip(self.source, self.target, self.protocol, data, fragment=flags)
        # The same number for all parts, another one for each datagram.
        packet = packet[:4] + self.identification.to_bytes(2, "big") + packet[6:]
        packet = packet[:10] + b"\0\0" + packet[12:]
        return packet[:10] + wire.checksum(packet[:20]).to_bytes(2, "big") + packet[12:]


def _send(world, parts):
    """How many of them arrive; the iMac may complain about an answer that it did not expect."""
    with world.windows.watch() as arrivals:
        for part in parts:
            wire.send(world.imac.netns, part)
            time.sleep(0.02)
        time.sleep(0.1)
        carried = (wire.TCP, wire.UDP, wire.FRAGMENT)
        return len([one for one in arrivals.packets() if one.source in world.imac.addresses
                    and one.protocol in carried])  # fmt: skip


def _crafted(world, version):
    """(name, parts, how many may arrive, reason of the others)."""
    end = 72  # of the datagram
    good = Crafted(world, version)
    yield "in order", [good.part(0, 24, True), good.part(24, end, False)], 2, None
    alone = Crafted(world, version)
    yield "the second one alone", [alone.part(24, end, False)], 0, "fragment"
    late = Crafted(world, version)
    yield "the second one first", [late.part(24, end, False)], 0, "fragment"
    overlap = Crafted(world, version)
    head = overlap.part(0, 24, True)
    yield "one over the first", [head, overlap.part(16, end, False)], 1, "fragment"
    again = Crafted(world, version)
    ports = Crafted(world, version, port=REFUSED)
    ports.identification = again.identification
    parts = [again.part(0, 24, True), ports.part(0, 24, True)]
    yield "a second beginning with a refused port", parts, 1, "acl"
    refused = Crafted(world, version, port=REFUSED)
    parts = [refused.part(0, 24, True), refused.part(24, end, False)]
    yield "to a refused port", parts, 0, "fragment"
    short = Crafted(world, version, protocol=wire.TCP)
    parts = [short.part(0, 16, True), short.part(16, end, False)]
    yield "a first one too short for TCP", parts, 0, "fragment"
    tiny = Crafted(world, version, protocol=wire.TCP)
    parts = [tiny.part(0, 24, True), tiny.part(8, end, False)]
    yield "one over the TCP flags", parts, 1, "fragment"
    other = Crafted(world, version)
    stranger = Crafted(world, version)
    yield "the second one of another", [other.part(0, 24, True),
                                        stranger.part(24, end, False)], 1, "fragment"  # fmt: skip


def _check_crafted(world, report, version):
    for name, parts, expected, reason in _crafted(world, version):
        with report.case(f"fragments: made by hand, {name}: {expected} pass IPv{version}"):
            before = world.status()["dropped"]
            arrived = _send(world, parts)
            assert arrived == expected, f"{arrived} of {len(parts)} arrived"
            grown = [one for one in world.status()["dropped"] if one not in before]
            reasons = {one["reason"] for one in grown if one["device"] == "imac"}
            assert reason is None or reason in reasons, f"counted as {reasons}"


WHOLE = {"in order", "to a refused port", "a first one too short for TCP"}


def _check_crafted_whole(world, report, version):
    """What the router can put together. It drops the others by itself, gate or not."""
    for name, parts, expected, _ in _crafted(world, version):
        if name not in WHOLE:
            continue
        some = expected == len(parts)
        word = "passes" if some else "does not pass"
        with report.case(f"fragments: made by hand, {name}: {word}, with tracking IPv{version}"):
            arrived = _send(world, parts)
            assert bool(arrived) == some, f"{arrived} arrived"


# ---------------------------------------------------------------- the box's own address

PAD_TO_FRAGMENT = bytes([wire.FRAGMENT, 0, 1, 4, 0, 0, 0, 0])  # destination options, PadN


def _unlike(world, sender, target, source, size):
    """A datagram in two parts whose headers differ: put together, ip6_fragment() copies it, and the
    copies have lost the interface. A small one is an atomic fragment then."""
    address = target.address(6)
    body = wire.udp_datagram(source, address, (SOURCE_PORT, PORT), bytes(size))
    number = next(_identification)
    cut = len(body) // 16 * 8  # neither is too large for a path that is known to be narrow
    parts = [wire.fragment_header(wire.UDP, at, not at, number) + body[at:end]
             for at, end in ((0, cut), (cut, len(body)))]  # fmt: skip
    wire.send(sender.netns, wire.ip(source, address, wire.DESTINATION, PAD_TO_FRAGMENT + parts[0]))
    wire.send(sender.netns, wire.ip(source, address, wire.FRAGMENT, parts[1]))


def _arrive(world, sender, target, source, size):
    """How many of three."""
    with target.watch() as arrivals:
        for _ in range(3):
            _unlike(world, sender, target, source, size)
            time.sleep(0.05)
        time.sleep(0.2)
        return len([one for one in arrivals.packets() if one.source == source
                    and one.protocol in (wire.UDP, wire.FRAGMENT, wire.DESTINATION)])  # fmt: skip


def _check_own_address(world, report):
    """What has lost its interface is not what this box sends."""
    windows, guest, imac = world.windows, world.guest, world.imac
    world.load(policy(allow("router", f"{PC}:3000"), allow("imac", f"{PC}:3000"),
                      interfaces=["wg0", "lan0"]), world.inventory())  # fmt: skip
    with nftables(world.router.netns, TRACKING):
        for size in (200, 1100, 1330):
            with report.case(f"fragments: {size} bytes with unlike headers pass, if allowed"):
                assert _arrive(world, imac, windows, imac.address(6), size), "nothing arrives"
            with report.case(f"fragments: ... and not of a neighbour in the name of the router, {size} bytes"):
                reason = "nat_unidentified"
                with world.counts(device="unknown", direction="egress", reason=reason):
                    arrived = _arrive(world, guest, windows, ROUTER_LAN[6], size)
                assert not arrived, f"{arrived} arrived"
        for size in (100, BIG):
            with report.case(f"fragments: {size} bytes of the router itself arrive IPv6"):
                with windows.watch() as arrivals, world.router.netns.socket(
                    socket.AF_INET6, socket.SOCK_DGRAM
                ) as sender:
                    sender.sendto(bytes(size), (windows.address(6), PORT))
                    time.sleep(0.2)
                    assert any(one.source == ROUTER_LAN[6] for one in arrivals.packets()), "nothing"


def _check(world, report, how, version):
    _check_big(world, report, how, version)
    _check_tcp(world, report, how, version)
    _check_refused_port(world, report, how, version)


def _check_guarded(world, report, interfaces):
    names = " and ".join(interfaces)
    world.load(policy(*RULES, interfaces=interfaces), world.inventory())
    for version in VERSIONS:
        _check(world, report, f", {names} guarded", version)
        _check_crafted(world, report, version)
    with nftables(world.router.netns, TRACKING):
        for version in VERSIONS:
            _check(world, report, f", {names} guarded, with tracking", version)
            _check_crafted_whole(world, report, version)


def run(world, report):
    with world.serve(ports=[PORT, REFUSED]):
        for interfaces in (["wg0"], ["wg0", "lan0"]):
            _check_guarded(world, report, interfaces)
        _check_own_address(world, report)
