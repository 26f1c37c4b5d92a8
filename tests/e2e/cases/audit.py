# SPDX-License-Identifier: GPL-2.0-or-later
"""Mode "audit": what only the policy refuses passes, and is counted. Everything else is dropped as
ever, and one load makes it serious."""

import contextlib
import time

import probe
import wire
from cases import story
from cases.story import VERSIONS
from cases.takeover import icmp_errors
from firewall import masquerade, nftables
from policy import allow, policy
from world import end

PC = "windows-machine"
ENFORCED = policy(allow(PC, "imac:3000"))
AUDITED = ENFORCED | {"mode": "audit"}
LIVE_PORT = 4100


def _audited(world):
    return world.status().get("audited", 0)


def _metric(world):
    return world.metric("aclgate_packets_total", verdict="audit")


def _check_announced(world, report):
    with report.case("audit: the load warns"):
        said = world.load(AUDITED, world.inventory())
        assert "audit" in said and "warning" in said, said or "it says nothing"
    with report.case("audit: status exits 3 and says so"):
        result = world.aclctl("status")
        assert result.returncode == 3, f"exit {result.returncode}"
        assert "audit" in result.stdout, result.stdout
        status = world.status()
        assert status["audit"] and not status["enforced"], status
        assert all(one["enforced"] for one in status["interfaces"]), status["interfaces"]


def _check_allowed(world, report):
    for version in VERSIONS:
        with report.case(f"audit: what the policy allows is not counted IPv{version}"):
            before = _audited(world), world.status()["dropped"]
            probe.exchange(world.windows.netns, world.imac.address(version), 3000, size=1 << 20)
            after = _audited(world), world.status()["dropped"]
            assert after == before, f"{after} instead of {before}"


WAYS = [
    ("vps", "windows"), ("imac", "vps"), ("windows", "vps"), ("guest", "windows"),
    ("router", "windows"), ("vps", "router"), ("windows", "guest"),
]  # fmt: skip


def _check_softened(world, report):
    for one, other in WAYS:
        source, target = world.hosts[one], world.hosts[other]
        for version in VERSIONS:
            address = target.address(version)
            name = f"audit: {one} -> {other} passes, and is counted IPv{version}"
            with report.case(name):
                before, metric = _audited(world), _metric(world)
                probe.exchange(source.netns, address, 445, size=1 << 18)
                probe.udp_round_trip(source.netns, address, 445)
                assert probe.ping(source.netns, address), "no answer to a ping"
                # There and back: three datagrams, and a ping.
                grown = _audited(world) - before
                assert grown >= 8, f"status counts {grown}"
                assert _metric(world) - metric >= 8, "aclgate_packets_total does not count it"


def _check_stray(world, report):
    """What belongs to no connection passes as well."""
    for version in VERSIONS:
        source, target = world.vps.address(version), world.windows.address(version)
        with report.case(f"audit: a stray RST passes, and is counted IPv{version}"):
            before = _audited(world)
            with world.windows.watch() as arrivals:
                wire.send(world.vps.netns, wire.tcp(source, target, (31000, 445), wire.RST))
                time.sleep(0.1)
                found = [one for one in arrivals.packets() if one.source_port == 31000]
            assert found, "it did not arrive"
            assert _audited(world) > before, "not counted"


def _hard(world, version):
    """Dropped whatever the mode: (name, sender, target, packet, labels)."""
    windows, vps, imac, router = world.windows, world.vps, world.imac, world.router
    # The router has a way to it, or else it would drop it by itself.
    stranger = {4: "192.168.77.99", 6: "fd00:77::99"}[version]
    spoofed = {"direction": "ingress", "reason": "spoofed_source"}
    ports = (31001, 3000)

    def from_(source, target=vps):
        return wire.udp(source, target.address(version), ports)

    yield "windows as imac", windows, vps, from_(imac.address(version)), spoofed
    yield "windows as the router", windows, vps, from_(router.address(version)), spoofed
    yield ("windows as a stranger", windows, vps, from_(stranger),
           {"direction": "ingress", "reason": "unknown_source"})  # fmt: skip
    yield ("the guest as imac", world.guest, windows, from_(imac.address(version), windows),
           {"direction": "egress", "reason": "spoofed_source"})  # fmt: skip
    yield ("the guest as a stranger", world.guest, windows, from_(stranger, windows),
           {"direction": "egress", "reason": "unknown_source"})  # fmt: skip
    source, target = vps.address(version), windows.address(version)
    labels = {"device": "vps", "direction": "ingress"}
    short = wire.ip(source, target, wire.TCP, b"12345678")
    yield "half a TCP header", vps, windows, short, labels | {"reason": "malformed"}
    if version == 4:
        later = wire.ip(source, target, wire.UDP, bytes(16), fragment=10)
    else:
        head = wire.fragment_header(wire.UDP, 80, False)
        later = wire.ip(source, target, wire.FRAGMENT, head + bytes(16))
    yield "a stray fragment", vps, windows, later, labels | {"reason": "fragment"}


def _check_hard(world, report, version):
    for name, sender, target, packet, labels in _hard(world, version):
        title = f"audit: {name} is dropped as {labels['reason']} IPv{version}"
        with report.case(title), target.watch() as arrivals:
            before = _audited(world)
            with world.counts(**labels):
                wire.send(sender.netns, packet)
                time.sleep(0.1)
            source = wire.parse(packet).source
            arrived = [one for one in arrivals.packets() if one.source == source]
            assert not arrived, f"arrived: {arrived[0]}"
            assert _audited(world) == before, "it is counted as audited"


def _check_error(world, report, version):
    """An ICMP error about nothing: no_state, so it passes too."""
    vps, windows = world.vps.address(version), world.windows.address(version)
    quoted = wire.tcp(windows, world.imac.address(version), (50000, 3000), wire.ACK)
    forgery = next(iter(icmp_errors(version, vps, windows, quoted)))
    with report.case(f"audit: an ICMP error about nothing passes, is counted IPv{version}"):
        before = _audited(world)
        with world.windows.watch() as arrivals:
            wire.send(world.vps.netns, forgery.packet)
            time.sleep(0.1)
            found = [one for one in arrivals.packets() if one.source == vps]
        assert found, "it did not arrive"
        assert _audited(world) > before, "not counted"


def _check_nat(world, report):
    """What audit lets pass makes no flow; NAT must not stop it."""
    with nftables(world.router.netns, masquerade("lan0")):
        for version in VERSIONS:
            with report.case(f"audit: imac -> windows passes NAT IPv{version}"):
                before = _audited(world)
                address = world.windows.address(version)
                probe.exchange(world.imac.netns, address, 445, size=1 << 18)
                probe.udp_round_trip(world.imac.netns, address, 445)
                assert _audited(world) > before, "not counted"


def _check_revoked(world, report):
    """A rule is taken away in audit: its connection goes on, and is counted."""
    more = ENFORCED | {"acls": [*ENFORCED["acls"], allow("imac", f"{PC}:{LIVE_PORT}")]}
    world.load(more, world.inventory())
    pairs = _pairs(world)
    world.load(AUDITED, world.inventory())
    for version, (near, far) in pairs.items():
        with near, far, report.case(f"audit: a revoked connection goes on IPv{version}"):
            before = _audited(world)
            assert probe.token_arrives(far, near), "the opener hears nothing"
            assert probe.token_arrives(near, far), "the other side hears nothing"
            assert _audited(world) > before, "not counted"


def _pairs(world):
    """Connections of the iMac to the PC."""
    return {
        version: probe.connect_pair(
            world.imac.netns, world.windows.netns, world.windows.address(version), LIVE_PORT
        )
        for version in VERSIONS
    }


def _check_enforce(world, report):
    """The same policy, meant seriously: what audit let pass has made no flow to live on."""
    world.load(AUDITED, world.inventory())
    pairs = _pairs(world)
    kept = probe.connect(world.windows.netns, world.imac.address(4), 3000)
    with contextlib.ExitStack() as stack:
        for one in (kept, *pairs[4], *pairs[6]):
            stack.enter_context(one)
        for version, (near, far) in pairs.items():
            with report.case(f"audit: before, the connection works IPv{version}"):
                assert probe.token_arrives(near, far) and probe.token_arrives(far, near)
        world.load(ENFORCED, world.inventory())
        for version, (near, far) in pairs.items():
            with report.case(f"audit: enforced, it is cut at once IPv{version}"):
                assert not probe.token_arrives(far, near, timeout=0.3), "imac hears windows"
                assert not probe.token_arrives(near, far, timeout=0.3), "windows hears imac"
        with report.case("audit: enforced, what is allowed goes on"):
            assert probe.token_arrives(kept, kept), "it is dead"
        with report.case("audit: enforced, status exits 0"):
            assert world.aclctl("status").returncode == 0
    refused = story.Story(allowed=[], refused=[
        (one, other, [("tcp", 445), ("udp", 445), ("icmp", 0)]) for one, other in WAYS
    ])  # fmt: skip
    before = _audited(world)
    for refusal in probe.try_all(story.refusals(world, refused), silence=0.8):
        report.judge(f"audit: enforced, {refusal} is refused", refusal.problem)
    with report.case("audit: enforced, nothing is counted as audited"):
        assert _audited(world) == before


def run(world, report):
    with world.serve():
        _check_announced(world, report)
        world.start_acld()
        try:
            _check_allowed(world, report)
            _check_softened(world, report)
        finally:
            end(world.acld)
        _check_stray(world, report)
        for version in VERSIONS:
            _check_hard(world, report, version)
            _check_error(world, report, version)
        _check_nat(world, report)
        _check_revoked(world, report)
        _check_enforce(world, report)
