# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces whose packets go around the gate: a load refuses them and says what is in the way, and
status tells when it happens later. All on lan0; wg0 is guarded meanwhile."""

import contextlib
import pathlib
import subprocess
from dataclasses import dataclass

import probe
from cases import story
from cases.story import VERSIONS, Story, ports
from policy import allow, policy
from report import Skip
from world import wait_until

PC = "windows-machine"
RULES = [allow(PC, "imac:3000")]
POLICY = policy(*RULES)
ONLY_WG0 = policy(*RULES, interfaces=["wg0"])

FLOWTABLE = (
    "table inet e2eflow {{ flowtable fast {{ hook ingress priority 0; devices = {{ {} }}; }}; }}"
)


@dataclass
class Obstacle:
    """How it is made and removed, by commands on the router, and what a load must say."""

    name: str
    make: list
    remove: list
    says: tuple


def _on_top(kind, name, *options):
    return Obstacle(
        f"a {kind} on top",
        [["ip", "link", "add", "link", "lan0", "name", name, "type", kind, *options]],
        [["ip", "link", "del", name]],
        (kind if kind != "vlan" else "VLAN", f'"{name}"'),
    )


def _master(kind, title, *options):
    return Obstacle(
        f"a {title}",
        [["ip", "link", "add", "up0", "type", kind, *options],
         ["ip", "link", "set", "lan0", "master", "up0"]],
        [["ip", "link", "set", "lan0", "nomaster"], ["ip", "link", "del", "up0"]],
        (title.split()[0], '"up0"'),
    )  # fmt: skip


OBSTACLES = [
    _master("bridge", "bridge port"),
    _master("vrf", "VRF slave", "table", "10"),
    _on_top("macvlan", "top0", "mode", "bridge"),
    _on_top("macvtap", "top0", "mode", "bridge"),
    _on_top("ipvlan", "top0", "mode", "l2"),
    _on_top("vlan", "lan0.10", "id", "10"),
    Obstacle(
        "a flowtable", [["nft", FLOWTABLE.format("lan0")]],
        [["nft", "delete table inet e2eflow"]], ("flowtable", '"inet e2eflow fast"'),
    ),
]  # fmt: skip

# What needs no refusal: its packets do not go around.
HARMLESS = [
    Obstacle(
        "a VXLAN over it",
        [["ip", "link", "add", "top0", "type", "vxlan", "id", "5", "remote", "192.168.77.10",
          "dev", "lan0", "dstport", "4789"]],
        [["ip", "link", "del", "top0"]], (),
    ),
    Obstacle(
        "a veth pair beside it", [["ip", "link", "add", "top0", "type", "veth"]],
        [["ip", "link", "del", "top0"]], (),
    ),
    Obstacle(
        "a bridge beside it", [["ip", "link", "add", "up0", "type", "bridge"]],
        [["ip", "link", "del", "up0"]], (),
    ),
]  # fmt: skip


def _run(world, commands):
    for command in commands:
        try:
            world.router.netns.run(*command)
        except subprocess.CalledProcessError as error:
            unknown = ("Unknown device type", "Operation not supported")
            if "nft" in command or any(text in error.stderr for text in unknown):
                raise Skip(f"this kernel has none: {error.stderr.splitlines()[0]}") from None
            raise


@contextlib.contextmanager
def _there(world, obstacle):
    try:
        _run(world, obstacle.make)
        yield
    finally:
        for command in obstacle.remove:
            world.router.netns.run(*command, check=False)


def _state(world):
    """{interface: whether status says that it is enforced}, and the exit status."""
    status = world.status()
    code = world.aclctl("status").returncode
    return {one["name"]: one["enforced"] for one in status["interfaces"]}, code


BOTH_WELL = {"wg0": True, "lan0": True}, 0
WG0_WELL = {"wg0": True}, 0


def _passes(world):
    for version in VERSIONS:
        probe.udp_round_trip(world.windows.netns, world.imac.address(version), 3000)


def _check_refused(world, report, obstacle):
    """Over a running policy that guards wg0 alone: that one stays."""
    world.load(ONLY_WG0, world.inventory())
    with report.case(f"topology: a load on {obstacle.name} is refused"), _there(world, obstacle):
        generation = world.status()["generation"]
        result = world.try_load(POLICY, world.inventory())
        assert result.returncode == 1, f"exit {result.returncode}: {result.stderr}"
        for word in ('"lan0"', *obstacle.says):
            assert word in result.stderr, f"no {word} in: {result.stderr}"
        assert _state(world) == WG0_WELL, _state(world)
        assert world.status()["generation"] == generation, "another generation"
    with report.case(f"topology: without {obstacle.name} it is taken"):
        world.load(POLICY, world.inventory())
        assert _state(world) == BOTH_WELL, _state(world)
        _passes(world)


def _check_noticed(world, report, obstacle):
    with report.case(f"topology: status exits 3 for {obstacle.name} that comes later"):
        world.load(POLICY, world.inventory())
        with _there(world, obstacle):
            wait_until(lambda: _state(world)[1] == 3, "exit status 3", 3)
            enforced, _ = _state(world)
            assert enforced == {"wg0": True, "lan0": False}, enforced
            said = world.aclctl("status").stdout
            assert "lan0: not enforced: packets can go around the gate" in said, said
            result = world.try_load(POLICY, world.inventory())
            assert result.returncode == 1, f"a second load: exit {result.returncode}"
        assert _state(world) == BOTH_WELL, f"when it is gone: {_state(world)}"
        world.load(POLICY, world.inventory())
        _passes(world)


def _check_first_load(world, report):
    """Refused, it leaves nothing on the first interface either."""
    with report.case("topology: a first load on a bridge port leaves nothing"):
        assert world.aclctl("unload", "--open").returncode == 0
        with _there(world, OBSTACLES[0]):
            result = world.try_load(POLICY, world.inventory())
            assert result.returncode == 1, f"exit {result.returncode}"
            assert world.aclctl("status").returncode == 3, "status does not exit 3"


def _check_harmless(world, report, one):
    with report.case(f"topology: {one.name} is no obstacle"), _there(world, one):
        world.load(POLICY, world.inventory())
        assert _state(world) == BOTH_WELL, _state(world)
        _passes(world)


# ---------------------------------------------------------------- the bridge itself

ADDRESSES = ["192.168.77.1/24", "fd00:77::1/64"]


@contextlib.contextmanager
def _bridge(world):
    """lan0 is a port, and the addresses are those of the bridge."""
    run = world.router.netns.run
    run("ip", "link", "add", "br0", "type", "bridge")
    run("ip", "link", "set", "br0", "up")
    run("ip", "link", "set", "lan0", "master", "br0")
    for address in ADDRESSES:
        run("ip", "addr", "del", address, "dev", "lan0")
        run("ip", "addr", "add", address, "dev", "br0", "nodad")
    try:
        yield
    finally:
        run("ip", "link", "set", "lan0", "nomaster")
        run("ip", "link", "del", "br0")
        for address in ADDRESSES:
            run("ip", "addr", "add", address, "dev", "lan0", "nodad")


GUARDED_BRIDGE = Story(
    allowed=[("windows", "imac", [("tcp", 3000), ("udp", 3000), ("icmp", 0)])],
    refused=[
        ("windows", "imac", ports(22)),
        ("windows", "guest", ports(3000)),
        ("imac", "windows", ports(3000) + [("icmp", 0)]),
        ("guest", "windows", ports(3000)),
        ("router", "windows", ports(3000)),
    ],
)


NETFILTER = [f"net/bridge/bridge-nf-call-{tables}" for tables in ("iptables", "ip6tables")]


def _set(world, setting, value):
    """On the router; where br_netfilter is not loaded there is none."""
    world.router.netns.run("tee", f"/proc/sys/{setting}", input=value, check=False)


def _check_bridge_netfilter(world, report, loaded, inventory):
    """What a bridge shows to nftables first comes to the guard without a verdict."""
    for setting in NETFILTER:
        with report.case(f"topology: a bridge is refused for {setting}"):
            if not pathlib.Path("/proc/sys/net/bridge").exists():
                raise Skip("br_netfilter is not loaded")
            _set(world, setting, "1")
            result = world.try_load(loaded, inventory)
            assert result.returncode == 1, f"exit {result.returncode}"
            assert setting.replace("/", ".").removeprefix("net.") in result.stderr, result.stderr
            _set(world, setting, "0")


def _check_bridge(world, report):
    windows = {"addresses": world.windows.addresses, "interface": "br0"}
    inventory = world.inventory(**{PC: windows})
    loaded = policy(*RULES, interfaces=["wg0", "br0"])
    for setting in NETFILTER:
        _set(world, setting, "0")
    with _bridge(world):
        _check_bridge_netfilter(world, report, loaded, inventory)
        with report.case("topology: the bridge itself can be guarded"):
            world.load(loaded, inventory)
            assert _state(world) == ({"wg0": True, "br0": True}, 0), _state(world)
        story.check_allowed(world, report, "topology: behind the bridge", GUARDED_BRIDGE)
        for refusal in probe.try_all(story.refusals(world, GUARDED_BRIDGE)):
            report.judge(f"topology: behind the bridge, {refusal} is refused", refusal.problem)
    with report.case("topology: without the bridge, status exits 3"):
        assert _state(world) == ({"wg0": True, "br0": False}, 3), _state(world)
    with report.case("topology: and a policy with lan0 is taken"):
        world.load(POLICY, world.inventory())
        assert _state(world) == BOTH_WELL, _state(world)
        _passes(world)


def run(world, report):
    with world.serve():
        for obstacle in OBSTACLES:
            _check_refused(world, report, obstacle)
            _check_noticed(world, report, obstacle)
        _check_first_load(world, report)
        for one in HARMLESS:
            _check_harmless(world, report, one)
        _check_bridge(world, report)
