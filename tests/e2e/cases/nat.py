# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT on the router. The gate judges what comes in as it comes in, and finds it again behind the
NAT: one verdict for a packet, also when the rule is taken away while data flows."""

import contextlib
import time
from dataclasses import dataclass, field

import probe
from boxes import Host
from cases.reload import IN_FLIGHT, Stream
from cases.story import VERSIONS
from firewall import masquerade, nftables, publish
from policy import BOTH, allow, policy
from world import end, wait_until

PC = "windows-machine"
LIVE_PORT = 4100  # nobody serves it: for connections with both ends in our hands
CLOSED_PORT = 4999

ROUTER_ON = {
    "wg0": {4: "10.77.0.1", 6: "fd77::1"},
    "lan0": {4: "192.168.77.1", 6: "fd00:77::1"},
    "eth1": {4: "192.168.88.1", 6: "fd00:88::1"},
}


@dataclass
class Way:
    """Who asks whom, at which address, and what NAT makes of it. ports: {asked: served}; the rule
    names the address asked with `allowed` of them."""

    name: str
    client: Host
    server: Host
    chains: list
    rule: tuple
    interfaces: tuple = BOTH
    # Where it is published: the interface of the router that is asked.
    asked: str = None
    # Where it is masqueraded: the interface of the router whose address the server sees.
    seen: str = None
    ports: dict = field(default_factory=lambda: {3000: 3000, 22: 22, LIVE_PORT: LIVE_PORT,
                                                 CLOSED_PORT: CLOSED_PORT})  # fmt: skip

    def address(self, version):
        return ROUTER_ON[self.asked][version] if self.asked else self.server.address(version)

    def source(self, version):
        return ROUTER_ON[self.seen][version] if self.seen else self.client.address(version)

    def policy(self, rules=True):
        # One that says nothing about it, so that there is always one.
        rest = allow("azure", "aspire:1")
        rules = [allow(*self.rule), rest] if rules else [rest]
        return policy(*rules, interfaces=self.interfaces)


PUBLISHED = {8080: 3000, 8022: 22, 8100: LIVE_PORT, 8999: CLOSED_PORT}
NAMED = "3000,4100,4999"  # all but the second
NAMED_PUBLISHED = "8080,8100,8999"


def _ways(world):
    windows, guest = world.windows, world.guest
    imac, vps = world.imac, world.vps
    return [
        Way("wg0 to lan0, masqueraded", imac, windows, [masquerade("lan0")],
            ("imac", f"{PC}:{NAMED}"), seen="lan0"),
        Way("lan0 to wg0, masqueraded", windows, vps, [masquerade("wg0")],
            (PC, f"vps:{NAMED}"), seen="wg0"),
        Way("wg0 to eth1, masqueraded", imac, guest, [masquerade("eth1")],
            ("imac", f"guest:{NAMED}"), seen="eth1"),
        Way("wg0 to eth1, masqueraded, lan0 not guarded", imac, guest, [masquerade("eth1")],
            ("imac", f"guest:{NAMED}"), interfaces=("wg0",), seen="eth1"),
        Way("wg0 to a published port of lan0", imac, windows,
            [publish("wg0", PUBLISHED, windows)],
            ("imac", f"router:{NAMED_PUBLISHED}"), asked="wg0", ports=PUBLISHED),
        Way("eth1 to a published port of lan0", guest, windows,
            [publish("eth1", PUBLISHED, windows)],
            ("guest", f"{PC}:{NAMED}"), asked="eth1", ports=PUBLISHED),
        Way("wg0 to a published port of lan0, masqueraded", imac, windows,
            [publish("wg0", PUBLISHED, windows), masquerade("lan0")],
            ("imac", f"router:{NAMED_PUBLISHED}"), asked="wg0", seen="lan0", ports=PUBLISHED),
        Way("lan0 to a published port of eth1, which is not guarded", windows, guest,
            [publish("lan0", PUBLISHED, guest)],
            (PC, f"router:{NAMED_PUBLISHED}"), asked="lan0", ports=PUBLISHED),
        Way("wg0 to a published port of another peer, masqueraded", imac, vps,
            [publish("wg0", PUBLISHED, vps), masquerade("wg0")],
            ("imac", f"router:{NAMED_PUBLISHED}"), asked="wg0", seen="wg0", ports=PUBLISHED),
    ]  # fmt: skip


def _check_use(world, report, way, version):
    address, (good, *_) = way.address(version), way.ports
    with report.case(f"nat: {way.name}: TCP and UDP pass IPv{version}"):
        before = world.status().get("dropped", ())
        probe.exchange(way.client.netns, address, good, size=1 << 20)
        probe.udp_round_trip(way.client.netns, address, good)
        # The router itself may try to redirect who could go a shorter way, in vain.
        dropped = [one for one in world.status().get("dropped", ())
                   if one not in before and one["device"] != "router"]  # fmt: skip
        assert not dropped, f"counted as dropped: {dropped}"
    if not way.asked:
        with report.case(f"nat: {way.name}: ping is answered IPv{version}"):
            assert probe.ping(way.client.netns, address), "no answer"
    with report.case(f"nat: {way.name}: a closed UDP port says so IPv{version}"):
        closed = list(way.ports)[3]
        attempt = probe.UdpAttempt(way.client.netns, address, closed)
        probe.await_answer(attempt, 2.0)
        outcome = attempt.outcome()
        assert outcome and "refused" in outcome, outcome or "silence"


def _pair(way, version):
    asked, served = list(way.ports.items())[2]
    translated = (way.server.address(version), served)
    address = way.address(version)
    return probe.connect_pair(way.client.netns, way.server.netns, address, asked, translated)


def _check_translation(report, way, version):
    """Or else none of this would show anything. Says whether it holds."""
    failed = report.failed
    with report.case(f"nat: {way.name}: the server sees the other one IPv{version}"):
        near, far = _pair(way, version)
        with near, far:
            seen, expected = far.getpeername()[0], way.source(version)
            assert seen == expected, f"it sees {seen}, not {expected}"
    return report.failed == failed


def _check_refused(report, way):
    refusals = [
        probe.Refusal(
            way.client, way.server, protocol, list(way.ports)[1], version, way.address(version)
        )
        for protocol in ("tcp", "udp")
        for version in VERSIONS
    ]
    for refusal in probe.try_all(refusals, silence=0.5):
        report.judge(f"nat: {way.name}: {refusal}, not named, is refused", refusal.problem)


COUNT = 10


def _rule_packets(world):
    return world.metric("aclgate_rule_packets_total", rule="acls[0]")


def _rule_growth(world, way, version):
    """By how much the counter of the rule grows for COUNT datagrams and their answers."""
    port = list(way.ports)[0]
    family = probe.family_of(way.address(version))
    before = _rule_packets(world)
    with way.client.netns.socket(family, probe.socket.SOCK_DGRAM) as asker:
        asker.settimeout(2.0)
        asker.connect((way.address(version), port))
        for _ in range(COUNT):
            asker.send(b"count me")
            assert asker.recv(100) == b"count me"
    return _rule_packets(world) - before


def _check_counted_once(world, report, way, version):
    """A question and its answer: one packet each."""
    with report.case(f"nat: {way.name}: each packet is counted once IPv{version}"):
        grown = _rule_growth(world, way, version)
        assert grown == 2 * COUNT, f"{COUNT} questions and answers: {grown:.0f}"


class Traffic:
    """Over both families: a connection, and a stream in each direction."""

    def __init__(self, way):
        self.stack = contextlib.ExitStack()
        self.pairs, self.streams = {}, {}
        for version in VERSIONS:
            self.pairs[version] = self._pair(way, version)
            forth, back = self._pair(way, version), self._pair(way, version)
            self.streams[f"to the server IPv{version}"] = self._stream(*forth)
            self.streams[f"to the client IPv{version}"] = self._stream(*reversed(back))
        for stream in self.streams.values():
            wait_until(lambda stream=stream: stream.last_arrival, "a stream", 3)

    def _pair(self, way, version):
        pair = _pair(way, version)
        for one in pair:
            self.stack.enter_context(one)
        return pair

    def _stream(self, sender, receiver):
        stream = Stream(sender, receiver)
        self.stack.callback(stream.stop)
        return stream


def _check_kept(world, report, way, traffic):
    world.load(way.policy(), world.inventory())
    for version, (near, far) in traffic.pairs.items():
        with report.case(f"nat: {way.name}: a load that allows it keeps it IPv{version}"):
            assert probe.token_arrives(near, far), "nothing arrives at the server"
            assert probe.token_arrives(far, near), "nothing arrives at the client"


def _check_revoked(world, report, way, traffic):
    before = world.drops(reason="revoked")
    world.load(way.policy(rules=False), world.inventory())
    returned = time.time()
    time.sleep(0.5)
    for name, stream in traffic.streams.items():
        with report.case(f"nat: {way.name}: revoked, the stream {name} stops"):
            late = stream.last_arrival - returned
            assert late < IN_FLIGHT, f"data arrived {late:.3f} s after the load had returned"
    for version, (near, far) in traffic.pairs.items():
        with report.case(f"nat: {way.name}: revoked, nothing passes any more IPv{version}"):
            assert not probe.token_arrives(far, near, timeout=0.3), "the client was reached"
            assert not probe.token_arrives(near, far, timeout=0.3), "the server was reached"
    with report.case(f"nat: {way.name}: that is counted as revoked"):
        assert world.drops(reason="revoked") > before, "it is not"


def _check_revocation(world, report, way):
    """With data on the way in both directions."""
    traffic = None
    with report.case(f"nat: {way.name}: streams flow in both directions"):
        traffic = Traffic(way)
    if traffic:
        with traffic.stack:
            _check_kept(world, report, way, traffic)
            _check_revoked(world, report, way, traffic)


def _check_way(world, report, way):
    world.load(way.policy(), world.inventory())
    with nftables(world.router.netns, *way.chains):
        _check_refused(report, way)
        if not all([_check_translation(report, way, version) for version in VERSIONS]):
            return
        for version in VERSIONS:
            _check_use(world, report, way, version)
            _check_counted_once(world, report, way, version)
        _check_revocation(world, report, way)


# ---------------------------------------------------------------- NAT in front of the gate

HIDDEN = [allow("guest", "imac:3000", f"{PC}:3000"), allow("router", "imac:3000,4100")]


def _hidden_refusals(world, target, port):
    return [
        probe.Refusal(world.guest, target, protocol, port, version)
        for protocol in ("tcp", "udp", "icmp")
        for version in VERSIONS
    ]  # fmt: skip


def _check_unidentified(world, report):
    """Whoever comes from eth1 has the address of the router when the gate sees him. He is neither
    the router nor who he was."""
    world.load(policy(*HIDDEN), world.inventory())
    with report.case("nat: hidden by NAT is counted as nat_unidentified"):
        with world.counts(direction="egress", reason="nat_unidentified"):
            for refusal in probe.try_all(_hidden_refusals(world, world.imac, 3000), silence=0.5):
                report.judge(f"nat: hidden by NAT, {refusal} is refused", refusal.problem)
    for version in VERSIONS:
        with report.case(f"nat: the router itself may IPv{version}"):
            probe.udp_round_trip(world.router.netns, world.imac.address(version), 3000)


def _named(device="guest"):
    return policy(*HIDDEN, interfaces=[{"name": "wg0", "natAs": device}, "lan0"])


def _check_named(world, report):
    world.load(_named(), world.inventory())
    for version in VERSIONS:
        address = world.imac.address(version)
        with report.case(f'nat: with "natAs" guest -> imac 3000 passes IPv{version}'):
            probe.exchange(world.guest.netns, address, 3000, size=1 << 20)
            probe.udp_round_trip(world.guest.netns, address, 3000)
            assert probe.ping(world.guest.netns, address), "no answer to a ping"
    # The router may use the second one: its rules are not those of the guest.
    refusals = [
        probe.Refusal(world.guest, world.imac, protocol, port, version)
        for port in (22, LIVE_PORT)
        for protocol in ("tcp", "udp")
        for version in VERSIONS
    ]
    with report.case('nat: with "natAs" what is refused is counted for the guest'):
        with world.counts(device="guest", direction="egress", reason="acl"):
            for refusal in probe.try_all(refusals, silence=0.5):
                report.judge(f'nat: with "natAs" {refusal} is refused', refusal.problem)


def _check_named_elsewhere(world, report):
    """It was said of wg0, and holds for nothing else."""
    world.load(_named(), world.inventory())
    refusals = _hidden_refusals(world, world.windows, 3000)
    name = 'nat: "natAs" of wg0 names nobody on lan0'
    with nftables(world.router.netns, masquerade("lan0")), report.case(name):
        with world.counts(direction="egress", reason="nat_unidentified"):
            for refusal in probe.try_all(refusals, silence=0.5):
                report.judge(f'nat: "natAs" of wg0: {refusal} is refused', refusal.problem)


def _check_named_no_more(world, report):
    way = Way("", world.guest, world.imac, [], ("guest", "imac:3000"))
    rules = [allow("guest", f"imac:{LIVE_PORT}")]
    named = policy(*rules, interfaces=[{"name": "wg0", "natAs": "guest"}, "lan0"])
    for what, later in {
        'without "natAs"': policy(*rules),
        'with another "natAs"': policy(
            *rules, interfaces=[{"name": "wg0", "natAs": "azure"}, "lan0"]
        ),
        "without the rule": named | {"acls": [allow("azure", "aspire:1")]},
    }.items():
        world.load(named, world.inventory())
        pairs = {version: _pair(way, version) for version in VERSIONS}
        world.load(named, world.inventory())
        for version, (near, far) in pairs.items():
            with report.case(f'nat: "natAs" again: an open connection goes on IPv{version}'):
                assert probe.token_arrives(near, far) and probe.token_arrives(far, near), "dead"
        world.load(later, world.inventory())
        for version, (near, far) in pairs.items():
            with near, far, report.case(f"nat: {what} the connection is dead IPv{version}"):
                assert not probe.token_arrives(far, near, timeout=0.3), "the client was reached"
                assert not probe.token_arrives(near, far, timeout=0.3), "the server was reached"


def run(world, report):
    with world.serve():
        world.start_acld()
        try:
            for way in _ways(world):
                _check_way(world, report, way)
        finally:
            end(world.acld)
        with nftables(world.router.netns, masquerade("wg0")):
            _check_unidentified(world, report)
            _check_named(world, report)
            _check_named_no_more(world, report)
        _check_named_elsewhere(world, report)
