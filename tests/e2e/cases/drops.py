# SPDX-License-Identifier: GPL-2.0-or-later
"""Drops by reason: real packets, and the counter each of them must move; first of all, sources
that somebody on the LAN borrows."""

import time
from dataclasses import dataclass

import probe
import wire
from boxes import Host
from cases.story import VERSIONS
from world import POLICIES, end

BORROWED = 12345


@dataclass
class Drop:
    """Sent by `sender`, must not arrive at `target`, is counted under these labels."""

    name: str
    sender: Host
    target: Host
    packet: bytes
    labels: dict


def _lan_drops(world, version):
    """The PC's side of the router is not guarded; what leaves by wg0 is judged there."""
    imac, vps = world.imac.address(version), world.vps.address(version)
    guest = {4: "192.168.77.99", 6: "fd00:77::99"}[version]
    ports = (BORROWED, 22)
    spoofed = {"direction": "egress", "reason": "spoofed_source"}
    yield Drop(
        "windows with the address of imac", world.windows, world.vps,
        wire.tcp(imac, vps, ports, wire.SYN), spoofed,
    )  # fmt: skip
    yield Drop(
        "windows with the address of imac, by UDP", world.windows, world.vps,
        wire.udp(imac, vps, ports), spoofed,
    )  # fmt: skip
    yield Drop(
        "a guest on the LAN", world.windows, world.imac,
        wire.tcp(guest, imac, (BORROWED, 3000), wire.SYN),
        {"device": "unknown", "direction": "egress", "reason": "unknown_source"},
    )  # fmt: skip


def _peer_drops(world, version):
    vps, windows = world.vps.address(version), world.windows.address(version)
    router = world.router.address(version)
    acl = {"device": "vps", "direction": "ingress", "reason": "acl"}
    no_state = acl | {"reason": "no_state"}
    malformed = acl | {"reason": "malformed"}
    cases = {
        "SYN": (wire.tcp(vps, windows, (BORROWED, 445), wire.SYN), acl),
        "UDP": (wire.udp(vps, windows, (BORROWED, 135)), acl),
        "echo request": (wire.icmp(vps, windows, {4: 8, 6: 128}[version]), acl),
        "ACK of no connection": (wire.tcp(vps, windows, (BORROWED, 445), wire.ACK), no_state),
        "RST of no connection": (wire.tcp(vps, windows, (BORROWED, 445), wire.RST), no_state),
        "echo reply to nothing": (wire.icmp(vps, windows, {4: 0, 6: 129}[version]), no_state),
        "truncated TCP": (wire.ip(vps, windows, wire.TCP, b"12345678"), malformed),
        "fragment": (_fragment(version, vps, windows), acl | {"reason": "fragment"}),
    }
    for name, (packet, labels) in cases.items():
        yield Drop(f"{name} from vps", world.vps, world.windows, packet, labels)
    packet = wire.tcp(vps, router, (BORROWED, 22), wire.SYN)
    yield Drop("SYN from vps to the router", world.vps, world.router, packet, acl)


def _fragment(version, source, target):
    """A later fragment of something that nobody has seen the beginning of."""
    if version == 4:
        return wire.ip(source, target, wire.UDP, bytes(16), fragment=10)
    return wire.ip(source, target, wire.FRAGMENT, wire.fragment_header(17, 80, False) + bytes(16))


def _egress_drop(world, version):
    windows, imac = world.windows.address(version), world.imac.address(version)
    packet = wire.tcp(windows, imac, (BORROWED, 22), wire.SYN)
    labels = {"device": "windows-machine", "direction": "egress", "reason": "acl"}
    yield Drop("SYN from windows to a port not named", world.windows, world.imac, packet, labels)


def drops(world, version):
    yield from _lan_drops(world, version)
    yield from _peer_drops(world, version)
    yield from _egress_drop(world, version)


def send(drop):
    """Sends it; what arrived, other than what belongs to the machine's own affairs."""
    with drop.target.watch() as arrivals:
        wire.send(drop.sender.netns, drop.packet)
        time.sleep(0.1)
        source = wire.parse(drop.packet).source
        return [one for one in arrivals.packets() if one.source == source]


def _check(world, report, drop, version):
    with report.case(f"drops: {drop.name} is counted as {drop.labels['reason']} IPv{version}"):
        before = world.dropped(**drop.labels)
        arrived = send(drop)
        assert not arrived, f"arrived at {drop.target.name}: {arrived[0]}"
        grown = world.dropped(**drop.labels) - before
        assert grown == 1, f"aclgate_dropped_packets_total{drop.labels} grew by {grown:.0f}"


def _check_revoked(world, report, version):
    labels = {"device": "windows-machine", "direction": "egress", "reason": "revoked"}
    world.load(POLICIES / "t2.json")
    address = world.vps.address(version)
    near, far = probe.connect_pair(world.windows.netns, world.vps.netns, address, 22)
    with near, far, report.case(f"drops: a revoked connection is counted as revoked IPv{version}"):
        world.load(POLICIES / "t1.json")
        before = world.dropped(**labels)
        assert not probe.token_arrives(near, far, timeout=0.5), "it arrived"
        assert world.dropped(**labels) == before + 1, "not counted once"


def _borrowed(world, version):
    """What a peer may claim, once WireGuard believes it."""
    internet = {4: "203.0.113.7", 6: "2001:db8::7"}[version]
    windows, router = world.windows.address(version), world.router.address(version)
    spoofed = {"direction": "ingress", "reason": "spoofed_source"}
    unknown = {"device": "unknown", "direction": "ingress", "reason": "unknown_source"}
    return [
        ("the address of windows", windows, spoofed),
        ("the address of the router", router, spoofed),
        ("an internet address", internet, unknown),
    ]


def _check_wide_allowed_ips(world, report):
    """AllowedIPs set too wide: WireGuard passes on what the VPS claims, the gate does not."""
    claims = {version: _borrowed(world, version) for version in VERSIONS}
    world.allow("vps", *(source for version in VERSIONS for _, source, _ in claims[version]))
    for version in VERSIONS:
        target = world.imac.address(version)
        for name, source, labels in claims[version]:
            packet = wire.tcp(source, target, (BORROWED, 3000), wire.SYN)
            drop = Drop(f"vps with {name}", world.vps, world.imac, packet, labels)
            _check(world, report, drop, version)
    world.allow("vps")


def _check_unknown_peer(world, report):
    """WireGuard lets azure in, and the inventory does not know it."""
    known = world.file("known.json", {"devices": {
        "windows-machine": {"addresses": world.windows.addresses, "interface": "lan0"},
        "router": {"addresses": world.router.addresses, "self": True},
        "imac": {"addresses": world.imac.addresses},
    }})  # fmt: skip
    rule = {"action": "accept", "src": ["imac"], "dst": ["windows-machine:*"]}
    world.load({"acls": [rule]}, inventory=known)
    for version in VERSIONS:
        source, target = world.azure.address(version), world.windows.address(version)
        drop = Drop(
            "a peer that is not in the inventory", world.azure, world.windows,
            wire.tcp(source, target, (BORROWED, 445), wire.SYN),
            {"device": "unknown", "direction": "ingress", "reason": "unknown_source"},
        )  # fmt: skip
        _check(world, report, drop, version)


def run(world, report):
    world.load(POLICIES / "t1.json")
    world.start_acld()
    try:
        for version in VERSIONS:
            for drop in drops(world, version):
                _check(world, report, drop, version)
            _check_revoked(world, report, version)
        _check_wide_allowed_ips(world, report)
        _check_unknown_peer(world, report)
    finally:
        end(world.acld)
