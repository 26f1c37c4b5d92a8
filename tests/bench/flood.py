# SPDX-License-Identifier: GPL-2.0-or-later
"""A flood of packets from nobody, dropped as early as each can: XDP, tc, nft at netdev ingress."""

import array
import fcntl
import json
import socket
import struct
import subprocess

import machine
import policies
from context import Failure
from packets import Flow
from variants import Gate, Variant, standing

_COUNT = 400_000  # a run
_POLICY = (1_000, 1_000)
_SIOCETHTOOL, _ETHTOOL_SGRO = 0x8946, 0x2C


class _Swallow(Variant):
    """The least that can receive a flood."""

    label = "trivial XDP drop"

    def __init__(self, context, site):
        super().__init__(context, site)
        self._flood = context.tool("flood")

    def load(self, policy):
        self.site.router.run(self._flood, "swallow", self.site.interface)

    def dropped(self):
        return None


class _Tc(Gate):
    label = "tc"

    def dropped(self):
        return super().dropped().get("unknown_source", 0)


class _Xdp(_Tc):
    label = "xdp"

    def text(self, policy):
        written = json.loads(super().text(policy))
        written["interfaces"] = [{"name": self.site.interface, "xdp": True}]
        return json.dumps(written)

    @classmethod
    def is_there(cls, context):
        """A gate without the option does not know the key."""
        file = context.folder / "xdp.json"
        file.write_text('{"interfaces": [{"name": "lan0", "xdp": true}], "acls": []}')
        command = (context.build / "cli" / "aclctl", "check", file)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


class _Netdev(Variant):
    label = "nft netdev"

    def load(self, policy):
        text = policy.nft_sources(self.site.interface)
        done = self.site.router.run("nft", "-f", "-", input=text, check=False)
        if done.returncode:
            raise Failure(f"nft -f: {done.stderr.strip()[:300]}")

    def dropped(self):
        listed = json.loads(self.site.router.run("nft", "-j", "list", "chain", "netdev", "bench",
                                                 "ingress").stdout)  # fmt: skip
        rules = (entry["rule"]["expr"] for entry in listed["nftables"] if "rule" in entry)
        counters = (part["counter"] for rule in rules for part in rule if "counter" in part)
        return sum(counter["packets"] for counter in counters)


def _enable_napi(site):
    """Only then does a veth take frames that were redirected to it; asked for by way of GRO."""
    value = array.array("I", [_ETHTOOL_SGRO, 1])
    request = struct.pack("16sQ16x", site.interface.encode(), value.buffer_info()[0])
    with site.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCETHTOOL, request)


def _send(context, variant, frame):
    """Thousands a second; every packet must have been dropped, and for the right reason."""
    interface = variant.site.interface
    before, received = variant.dropped(), variant.site.counts(interface).received
    command = (context.tool("flood"), "send", "near0", context.cpu, _COUNT)
    done = variant.site.near.run(*command, input=frame, text=False, check=False)
    if done.returncode:
        raise Failure(f"{variant.label}: {done.stderr.decode().strip()}")
    received = variant.site.counts(interface).received - received
    if received != _COUNT:
        raise Failure(f"{variant.label}: {received} of {_COUNT} arrived")
    if before is not None and variant.dropped() - before != _COUNT:
        raise Failure(f"{variant.label}: {variant.dropped() - before} of {_COUNT} dropped")
    return 1e6 / float(done.stdout)


def measure(context):
    """name → thousands of packets a second that generator and receiver manage on one CPU."""
    policy = policies.exact(*_POLICY)
    best = {}
    kinds = (_Swallow, *([_Xdp] if _Xdp.is_there(context) else []), _Tc, _Netdev)
    with standing(context, kinds, tun=False) as variants:
        for variant in variants:
            _enable_napi(variant.site)
            variant.load(policy)
        frame = variants[0].site.header + Flow("172.16.0.1", 53, "198.18.0.1", 53).syn()
        for number in range(context.effort.rounds):
            context.say(f"flood: round {number + 1} of {context.effort.rounds}")
            for variant in variants:
                rate = _send(context, variant, frame)
                best[variant.label] = max(rate, best.get(variant.label, 0))
            machine.calibrate(context.noise)
    return best
