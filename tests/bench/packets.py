# SPDX-License-Identifier: GPL-2.0-or-later
"""What a packet costs on its whole way: established, new, refused; by what stands between.

In a round, for each case, the variants take turns of a few milliseconds; of all turns of all rounds
the quickest counts. Every run is verified by counters: what should have passed did, all of it, and
nothing else.
"""

import dataclasses
import random
import socket
import struct
import subprocess

import machine
import policies
from context import Failure
from variants import Gate, NftLinear, NftSet, Unguarded, Variant, standing

_SYN, _SYN_ACK, _ACK = 0x02, 0x12, 0x10
_ISN, _ANSWER_ISN = 1_000, 5_000
_PAYLOAD = bytes(60)
_MANY = 1_000  # flows, in turn
_REFUSED = 4_096  # different packets
LINEAR_MOST = 1_000  # rules: beyond them a linear ruleset takes longer than anybody waits

REFUSED, NEW = "refused", "new"
CASES = ("established, 1 flow", "established, 1000 flows", REFUSED, NEW)


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


@dataclasses.dataclass(frozen=True)
class Flow:
    source: str
    sport: int
    destination: str
    dport: int

    def _packet(self, flags, sequence, acknowledged, payload=b""):
        addresses = socket.inet_aton(self.source) + socket.inet_aton(self.destination)
        ports = struct.pack("!HH", self.sport, self.dport)
        rest = struct.pack("!IIBBH", sequence, acknowledged, 0x50, flags, 0xFFFF)
        length = 20 + len(payload)
        pseudo = addresses + struct.pack("!HH", socket.IPPROTO_TCP, length)
        tcp = _checksum(pseudo + ports + rest + bytes(4) + payload)
        head = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0x4000, 64, socket.IPPROTO_TCP)
        ip = _checksum(head + addresses)
        ip, tcp = struct.pack("!H", ip), struct.pack("!HH", tcp, 0)
        return b"".join((head, ip, addresses, ports, rest, tcp, payload))

    def syn(self):
        return self._packet(_SYN, _ISN, 0)

    def answer(self):
        back = Flow(self.destination, self.dport, self.source, self.sport)
        return back._packet(_SYN_ACK, _ANSWER_ISN, _ISN + 1)

    def ack(self, payload=b""):
        return self._packet(_ACK, _ISN + 1, _ANSWER_ISN + 1, payload)


class Traffic:
    """The packets for one policy."""

    def __init__(self, policy, new):
        draw = random.Random(policies.SEED)
        order = draw.sample(policy.rules, len(policy.rules))
        # far apart in source ports: what opens a flow anew is none of the open ones
        self.flows = [self._flow(order, i, 60_000) for i in range(_MANY)]
        established = [flow.ack(_PAYLOAD) for flow in self.flows]
        self.packets = {
            CASES[0]: established[:1],
            CASES[1]: established,
            REFUSED: [self._refused(draw, order, i) for i in range(_REFUSED)],
            NEW: [self._flow(order, i, 1_024).syn() for i in range(new)],
        }

    @staticmethod
    def _flow(order, number, first_port):
        rule = order[number % len(order)]
        sport = first_port + number // len(order)
        return Flow(
            policies.device_address(rule.device), sport, policies.host_address(rule.host), rule.port
        )

    @staticmethod
    def _refused(draw, order, number):
        rule = order[number % len(order)]
        return Flow(
            policies.device_address(rule.device),
            draw.randrange(1_024, 65_536),
            policies.host_address(rule.host),
            draw.randrange(1, policies.LOWEST_PORT),
        ).syn()


class _Drop(Variant):
    """For refused packets, the least there can be: dropped as they come in, unread."""

    label = "drop"

    def load(self, policy):
        interface = self.site.interface
        self.site.router.run(
            "nft",
            f'flush ruleset; table netdev bench {{ chain ingress {{ type filter hook ingress'
            f' device "{interface}" priority 0; policy drop; }}; }}',
        )  # fmt: skip


def open_flows(site, flows):
    """SYN, SYN and ACK of the other side, ACK; all of it through what stands between."""
    before = site.counts(site.interface).sent
    for flow in flows:
        site.send(flow.syn())
        site.answer(flow.answer())
        site.drain()
        site.send(flow.ack())
    answers = site.counts(site.interface).sent - before
    if answers != len(flows):
        raise Failure(f"{site.name}: {answers} answers to {len(flows)} connections")


def _inject(context, sites, packets, count):
    """ns of each site; they take turns."""
    file = context.folder / "packets"
    header = sites[0].header
    file.write_bytes(b"".join(struct.pack("=H", len(header + p)) + header + p for p in packets))
    descriptors = [site.descriptor for site in sites]
    done = subprocess.run(
        list(map(str, (context.tool("inject"), context.cpu, count, file, *descriptors))),
        stdout=subprocess.PIPE, pass_fds=descriptors, check=True, timeout=300,
    )  # fmt: skip
    return [float(line) for line in done.stdout.split()]


class _Witness:
    """What the counters of a variant say of one case."""

    def __init__(self, variant, case):
        self._variant, self._case = variant, case
        self._before = self._read()

    def _read(self):
        variant = self._variant
        return {
            "packets passed": variant.site.counts("out0").sent,
            "connections made": variant.flows(),
            "packets refused": variant.refused() if self._case == REFUSED else None,
        }

    def verify(self, count):
        passes = self._case != REFUSED or type(self._variant) is Variant
        expected = {
            "packets passed": count if passes else 0,
            "connections made": count if self._case == NEW else 0,
            "packets refused": count,
        }
        after = self._read()
        for what, before in self._before.items():
            if before is not None and after[what] - before != expected[what]:
                raise Failure(
                    f"{self._variant.site.name}: {self._case}: {what}: {after[what] - before},"
                    f" and not {expected[what]}"
                )


def _run(context, variants, case, packets):
    """label → ns."""
    count = len(packets) if case == NEW else context.effort.packets
    witnesses = [_Witness(variant, case) for variant in variants]
    figures = _inject(context, [variant.site for variant in variants], packets, count)
    for witness in witnesses:
        witness.verify(count)
    return {variant.label: ns for variant, ns in zip(variants, figures, strict=True)}


def _prepare(variants, traffic):
    for variant in variants:
        variant.reset()
        if not isinstance(variant, _Drop):
            open_flows(variant.site, traffic.flows)


def _takes_part(variant, policy, case):
    if isinstance(variant, _Drop):
        return case == REFUSED
    return not isinstance(variant, NftLinear) or len(policy.rules) <= LINEAR_MOST


def _round(context, variants, policy, traffic, best):
    _prepare([v for v in variants if _takes_part(v, policy, REFUSED)], traffic)
    for case, packets in traffic.packets.items():
        part = [v for v in variants if _takes_part(v, policy, case)]
        figures = best.setdefault(case, {})
        for label, ns in _run(context, part, case, packets).items():
            figures[label] = min(ns, figures.get(label, ns))
    machine.calibrate(context.noise)


def measure_size(context, variants, size):
    policy = policies.exact(*size)
    traffic = Traffic(policy, context.effort.new)
    for variant in variants:
        if _takes_part(variant, policy, REFUSED):
            variant.load(policy)
    best = {}
    for _ in range(context.effort.rounds):
        _round(context, variants, policy, traffic, best)
    return best


def measure(context, tun, sizes):
    """[{rules, devices, case, none, gate, …}], in ns; a variant that did not run is absent."""
    rows = []
    with standing(context, (Variant, _Drop, Gate, Unguarded, NftSet, NftLinear), tun) as variants:
        for rules, devices in sizes:
            interface = variants[0].site.interface
            context.say(f"packets into {interface}: {rules} rules, {devices} devices")
            for case, figures in measure_size(context, variants, (rules, devices)).items():
                rows.append({"rules": rules, "devices": devices, "case": case} | figures)
    return rows
