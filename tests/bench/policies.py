# SPDX-License-Identifier: GPL-2.0-or-later
"""The policies that are measured, for us and for nft. All are drawn from one fixed seed."""

import dataclasses
import ipaddress
import json
import random

SEED = 1
HOSTS = 1_000
LOWEST_PORT = 1_024  # of rules: whatever is below is refused

_DEVICE = int(ipaddress.ip_address("10.1.0.1"))
_DEVICE6 = int(ipaddress.ip_address("fd00::1"))
_HOST = int(ipaddress.ip_address("198.18.0.1"))

DEVICES_NET = "10.0.0.0/8"
HOSTS_NET = "198.18.0.0/15"


def device_address(number):
    return str(ipaddress.IPv4Address(_DEVICE + number))


SERVER_HOST = HOSTS  # the box behind the router that has sockets; the others are only addresses
SERVER = "192.0.2.2"


def host_address(number):
    if number == SERVER_HOST:
        return SERVER
    return str(ipaddress.IPv4Address(_HOST + number))


def devices_section(count):
    return {
        f"device{i}": {
            "addresses": [device_address(i), str(ipaddress.IPv6Address(_DEVICE6 + i))],
        }
        for i in range(count)
    }


@dataclasses.dataclass(frozen=True)
class Rule:
    device: int
    host: int
    port: int
    proto: str = "tcp"

    def json(self):
        return {
            "action": "accept",
            "src": [f"device{self.device}"],
            "dst": [f"host{self.host}:{self.port}"],
            "proto": self.proto,
        }

    def element(self):
        return f"{device_address(self.device)} . {host_address(self.host)} . {self.port}"

    def line(self):
        return (
            f"ip saddr {device_address(self.device)} ip daddr {host_address(self.host)}"
            f" {self.proto} dport {self.port} accept"
        )


_NFT = """table inet bench {{
	{sets}
	chain forward {{
		type filter hook forward priority filter; policy drop;
		ct state established accept
		ct state invalid drop
		{rules}
	}}
}}
"""


@dataclasses.dataclass
class Policy:
    """Rules of which each is one element of an nft set."""

    devices: int
    rules: list

    def text(self, interface):
        """The policy file, one that guards `interface`."""
        return json.dumps(
            {
                "interfaces": [interface],
                "limits": {"flowsPerDevice": 65_536},
                "devices": devices_section(self.devices),
                "hosts": {f"host{i}": host_address(i) for i in range(HOSTS + 1)},
                "acls": [rule.json() for rule in self.rules],
            },
            indent="\t",
        )

    def nft_set(self):
        """The best that nft can do: one look-up in a hash set for each protocol."""
        sets, rules = [], []
        for proto in sorted({rule.proto for rule in self.rules}):
            elements = ", ".join(rule.element() for rule in self.rules if rule.proto == proto)
            sets.append(
                f"set allowed_{proto} {{ type ipv4_addr . ipv4_addr . inet_service;"
                f" elements = {{ {elements} }} }}"
            )
            rules.append(f"ip saddr . ip daddr . {proto} dport @allowed_{proto} accept")
        return _NFT.format(sets="\n\t".join(sets), rules="\n\t\t".join(rules))

    def nft_linear(self):
        """A rule for each entry, as one writes them by hand."""
        return _NFT.format(sets="", rules="\n\t\t".join(rule.line() for rule in self.rules))

    def nft_sources(self, interface):
        """For a flood: who is no device is dropped as early as nft can."""
        elements = ", ".join(device_address(i) for i in range(self.devices))
        return (
            "table netdev bench {\n"
            f"\tset sources {{ type ipv4_addr; elements = {{ {elements} }} }}\n"
            "\tchain ingress {\n"
            f'\t\ttype filter hook ingress device "{interface}" priority -500; policy accept;\n'
            "\t\tip saddr != @sources counter drop\n"
            "\t}\n}\n"
        )


def exact(rules, devices):
    """`rules` different rules, from the devices in turn to hosts and ports by chance."""
    draw = random.Random(SEED)
    drawn = {}  # keeps the order
    while len(drawn) < rules:
        drawn[
            Rule(
                len(drawn) % devices, draw.randrange(HOSTS), draw.randrange(LOWEST_PORT, 65_536)
            )
        ] = True
    return Policy(devices, list(drawn))


_MIXED_PORTS = ("22", "443", "3000", "8080-8090", "80,443")


def _mixed_source(draw, devices, groups):
    chance = draw.random()
    if chance < 0.80:
        return f"device{draw.randrange(devices)}"
    if chance < 0.95:
        return f"group:g{draw.randrange(groups)}"
    return f"user{draw.randrange(devices // 10)}@example.com"


def mixed(rules, devices):
    """As people write them: between devices, without a protocol, a fifth from groups and users."""
    draw = random.Random(SEED)
    groups, users = max(1, devices // 100), devices // 10
    section = devices_section(devices)
    for i, device in enumerate(section.values()):
        device["user"] = f"user{i // 10}@example.com"
    policy = {
        "devices": section,
        "groups": {
            f"group:g{i}": [f"user{draw.randrange(users)}@example.com" for _ in range(3)]
            for i in range(groups)
        },
        "acls": [
            {
                "action": "accept",
                "src": [_mixed_source(draw, devices, groups)],
                "dst": [f"device{draw.randrange(devices)}:{draw.choice(_MIXED_PORTS)}"],
            }
            for _ in range(rules)
        ],
    }
    return json.dumps(policy, indent="\t")


def wide(devices=10_000, users=1_000):
    """Three policies that grow with the square of the devices in a naive table; name → text."""
    draw = random.Random(SEED)
    section = devices_section(devices)
    for i, device in enumerate(section.values()):
        device["user"] = f"user{i % users}@example.com"
    own = [
        {
            "action": "accept",
            "src": [f"device{i}"],
            "dst": [f"device{draw.randrange(devices)}:{draw.randrange(LOWEST_PORT, 65_536)}"],
        }
        for i in range(devices)
    ]
    https = [{"action": "accept", "src": ["*"], "dst": ["*:443"]}]
    selves = [{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:*"]}]
    rules = {
        "a rule a device": own,
        "... and * -> *:443": own + https,
        "... and autogroup:self": own + https + selves,
    }
    return {
        name: json.dumps({"devices": section, "acls": acls}, indent="\t")
        for name, acls in rules.items()
    }
