# SPDX-License-Identifier: GPL-2.0-or-later
"""wg-quick(8) on the router, for a tunnel with a peer that has /0 as AllowedIPs."""

import contextlib
import time

import probe
import wire
from boxes import Host
from cases.story import VERSIONS
from others.decides import (
    PC, ROUTER, RULES, apply, check_decides, check_refused, check_status, load, written,
)  # fmt: skip
from policy import allow, policy

WG_QUICK_MARK = 51820
WG_QUICK_TABLES = [("ip", "wg-quick-wg0"), ("ip6", "wg-quick-wg0")]
CLOUD = {4: "203.0.113.7", 6: "2001:db8::7"}
STRANGER = {4: "203.0.113.99", 6: "2001:db8::99"}
SRC_VALID_MARK = "/proc/sys/net/ipv4/conf/all/src_valid_mark"


# What wg-quick(8) of wireguard-tools 1.0 writes where a peer has /0: it drops what comes from
# elsewhere for the tunnel's own address, and keeps the mark of its UDP in conntrack.
WG_QUICK = """
table {family} wg-quick-wg0 {{
    chain preraw {{
        type filter hook prerouting priority -300;
        iifname != "wg0" {family} daddr {address} fib saddr type != local drop
    }}
    chain premangle {{
        type filter hook prerouting priority -150;
        meta l4proto udp meta mark set ct mark
    }}
    chain postmangle {{
        type filter hook postrouting priority -150;
        meta l4proto udp meta mark {mark} ct mark set meta mark
    }}
}}
"""


def _write_wg_quick(world):
    for version, (family, _) in zip(VERSIONS, WG_QUICK_TABLES):
        address = world.router.address(version)
        apply(world, WG_QUICK.format(family=family, address=address, mark=WG_QUICK_MARK))


def _wg_quick_routes(world, action):
    mark = str(WG_QUICK_MARK)
    for version in VERSIONS:
        ip = ["ip", f"-{version}"]
        for command in (
            ["route", action, "default", "dev", "wg0", "table", mark],
            ["rule", action, "not", "fwmark", mark, "table", mark],
            ["rule", action, "table", "main", "suppress_prefixlength", "0"],
        ):
            world.router.netns.run(*ip, *command)


@contextlib.contextmanager
def _wg_quick(world):
    """wg0 of the router as wg-quick makes it for a peer that is the way to the internet: the VPS,
    and behind it the cloud."""
    world.allow("vps", "0.0.0.0/0", "::/0")
    world.wg("router", "set", "wg0", "fwmark", str(WG_QUICK_MARK))
    for version, address in CLOUD.items():
        world.vps.netns.run("ip", f"-{version}", "addr", "add", address, "dev", "lo")
    world.router.netns.run("tee", SRC_VALID_MARK, input="1")
    _wg_quick_routes(world, "add")
    try:
        with written(world, _write_wg_quick, WG_QUICK_TABLES):
            yield Host("cloud", world.vps.netns, "wg0", list(CLOUD.values()))
    finally:
        _wg_quick_routes(world, "del")
        world.router.netns.run("tee", SRC_VALID_MARK, input="0")
        for version, address in CLOUD.items():
            world.vps.netns.run("ip", f"-{version}", "addr", "del", address, "dev", "lo")
        world.wg("router", "set", "wg0", "fwmark", "0")
        world.allow("vps")


def _check_cloud(world, report, cloud):
    for version in VERSIONS:
        with report.case(f"wg-quick: windows reaches the cloud behind /0 IPv{version}"):
            probe.exchange(world.windows.netns, cloud.address(version), 443, size=1 << 18)
            probe.udp_round_trip(world.windows.netns, cloud.address(version), 443)
    refusals = [
        probe.Refusal(source, target, protocol, port, version)
        for source, target, port in ((world.windows, cloud, 80), (world.guest, cloud, 443))
        for protocol in ("tcp", "udp")
        for version in VERSIONS
    ]
    check_refused(report, "wg-quick", refusals)


def _forged_arrives(world, source, target, port):
    with target.watch() as arrivals:
        wire.send(world.vps.netns, wire.udp(source, target.address(probe.version_of(source)),
                                            (20001, port)))  # fmt: skip
        time.sleep(0.1)
        return [one for one in arrivals.packets() if one.source_port == 20001]


def _check_claims(world, report):
    """WireGuard lets a peer with /0 claim any address that no other peer has."""
    for version in VERSIONS:
        pc, stranger = world.windows.address(version), STRANGER[version]
        for name, source, target, port, reason in (
            ("windows", pc, world.imac, 3000, "spoofed_source"),
            ("a stranger", stranger, world.windows, 80, "unknown_source"),
        ):
            with report.case(f"wg-quick: the VPS as {name} is {reason} IPv{version}"):
                with world.counts(reason=reason):
                    arrived = _forged_arrives(world, source, target, port)
                    assert not arrived, f"arrived: {arrived[0]}"


def _check_own_drop(world, report):
    """The policy allows it; wg-quick does not, from outside the tunnel."""
    for version, address in ((4, ROUTER["windows"]), (6, "fd00:77::1")):
        with report.case(f"wg-quick: what it drops itself does not pass IPv{version}"):
            tunnel = world.router.address(version)
            refusal = probe.Refusal(world.windows, world.router, "udp", 8080, version, tunnel)
            probe.try_all([refusal], silence=0.2)
            assert not refusal.problem, refusal.problem
            probe.udp_round_trip(world.windows.netns, address, 8080)


def check(world, report):
    devices = {"cloud": {"addresses": list(CLOUD.values()), "interface": "wg0"}}
    with _wg_quick(world) as cloud, cloud.serve([80, 443]):
        load(world, policy(*RULES, allow(PC, "cloud:443")), **devices)
        check_status(world, report, "wg-quick")
        check_decides(world, report, "wg-quick")
        _check_cloud(world, report, cloud)
        _check_claims(world, report)
        _check_own_drop(world, report)
        if world.backend == "bpf":
            with report.case("wg-quick: status warns of what writes the mark, and of no other"):
                said = world.aclctl("status").stdout
                assert said.count("others use the mark bits") == 2, said
                assert said.count("wg-quick-wg0 premangle") == 2, said
