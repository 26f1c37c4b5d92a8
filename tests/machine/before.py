# SPDX-License-Identifier: GPL-2.0-or-later
"""The first boot: install, load, the rows of the story, a tunnel made anew, an upgrade."""

import contextlib
import json
import platform

import gate
import hooks
import probe
import units
from cases import story
from stream import Stream
from town import flood

SIZE = 1 << 16
USE = {
    "tcp": lambda host, address, port: probe.exchange(host.netns, address, port, SIZE),
    "udp": lambda host, address, port: probe.udp_round_trip(host.netns, address, port),
    "icmp": lambda host, address, port: probe.ping(host.netns, address) or no_reply(address),
}
BACK = 30.0  # seconds that the keeper has, on a machine that is emulated
FLOOD = 100  # packets, to see whether something comes through


def no_reply(address):
    raise AssertionError(f"no echo reply of {address}")


# ---------------------------------------------------------------- the ways into a case


def check_open(town, report, when):
    """Nothing guards: the flood arrives everywhere. So the counters count."""
    with report.case(f"{when}: what is refused later arrives everywhere"):
        before = town.reached()
        with flood():
            gate.wait_until(
                lambda: all(count > before[name] for name, count in town.reached().items()),
                "something arrives at every box",
                60,
            )


def check_flood(town, report, what):
    """A flood that is on its way comes as far as us, and no further."""
    with report.case(f"{what}: the flood is refused"):
        before, received = town.reached(), town.received()
        gate.wait_until(lambda: town.received() > received + FLOOD, "packets out of wg0", 60)
        assert town.reached() == before, f"arrived: {before}, {town.reached()}"


@contextlib.contextmanager
def nothing_arrives(town, report, what):
    """The flood goes on all the time, and a case says whether any of it came through."""
    with flood():
        before = town.reached()
        yield
        with report.case(f"{what}: nothing came through in between"):
            assert town.reached() == before, f"arrived: {before}, {town.reached()}"


def check_refused(town, report, name, *rows):
    """Rows are (from, to, [(protocol, port), ...]); all at the same time."""
    tries = [
        [
            probe.Refusal(town.hosts[source], town.hosts[target], protocol, port, version)
            for protocol, port in what
            for version in story.VERSIONS
        ]
        for source, target, what in rows
    ]
    probe.try_all([one for row in tries for one in row])
    for (source, target, what), row in zip(rows, tries):
        problems = "; ".join(f"{one}: {one.problem}" for one in row if one.problem)
        report.judge(f"{name}: {source} -> {target} refused: {words(what)}", problems)


def words(tries):
    return ", ".join(f"{protocol} {port}" if port else protocol for protocol, port in tries)


def check_allowed(town, report, name, source, target, tries):
    with report.case(f"{name}: {source} -> {target} allowed: {words(tries)}"):
        for protocol, port in tries:
            for version in story.VERSIONS:
                host, address = town.hosts[source], town.hosts[target].address(version)
                USE[protocol](host, address, port)


def check_story(town, report, name):
    with report.case(f"{name}: aclctl load"):
        gate.load(gate.EXAMPLES / f"{name}.json")
    rows = story.STORIES[name]
    for row in rows.allowed:
        check_allowed(town, report, name, *row)
    check_refused(town, report, name, *rows.refused)


# ---------------------------------------------------------------- the steps


def install(town, report):
    with report.case("install: dpkg -i"):
        gate.run("dpkg", "-i", gate.PACKAGES / "aclgate.deb")
    with report.case("install: nothing is loaded, and status says so"):
        assert gate.status()[0] == 3
    check_open(town, report, "install: before the first policy")


# Everybody may ask the iMac for its port: everybody who is somebody.
ANYBODY = {
    "acls": [{"action": "accept", "src": ["*"], "dst": ["imac:3000"]}],
    "devices": {
        "router": {"addresses": ["10.77.0.1", "fd77::1"], "self": True},
        "imac": {"addresses": ["10.77.0.2", "fd77::2"]},
        "vps": {"addresses": ["10.77.0.3", "fd77::3"]},
    },
}
BOXES = ["imac", "vps", "windows", "router"]
STRANGER = {"addresses": ["10.77.0.6", "fd77::6"]}


def key_of(address):
    """Of the peer that WireGuard routes an address to."""
    lines = gate.run("wg", "show", "wg0", "allowed-ips").stdout.splitlines()
    return next(line.split()[0] for line in lines if f"{address}/" in line)


def check_pending(town, report, key):
    with report.case("t6: devices lists the stranger's key as pending, and the metrics count it"):
        listed = json.loads(gate.run("aclctl", "devices", "--json").stdout)["devices"]
        states = {one["peer"]["key"]: one["state"] for one in listed if one["peer"]}
        assert states[key] == "pending", states
        gate.wait_until(lambda: "\naclgate_devices_pending 1\n" in gate.metrics()[1], "one waits", 30)
    with report.case("t6: aclctl approve"):
        gate.run("aclctl", "approve", key, "--name", "stranger", "--inventory", EMPTY)
        assert "stranger" in EMPTY.read_text(), EMPTY.read_text()


EMPTY = gate.write("nobody.json", {"devices": {}})


def check_stranger(town, report):
    """T6."""
    for what, device in (
        ("not approved", {"stranger": STRANGER | {"approved": False}}),
        ("in no inventory", {}),
    ):
        with report.case(f"t6: aclctl load, the stranger is {what}"):
            policy = ANYBODY | {"devices": ANYBODY["devices"] | device}
            gate.load(gate.write("anybody.json", policy), EMPTY)
        before = gate.drops(reason="unapproved")
        rows = [("stranger", target, story.ANYTHING) for target in BOXES]
        check_refused(town, report, f"t6, {what}", *rows)
        with report.case("t6: ... and counted as unapproved"):
            assert gate.drops(reason="unapproved") > before
        check_allowed(town, report, "t6", "vps", "imac", story.ports(3000))
    check_pending(town, report, key_of(STRANGER["addresses"][0]))
    check_allowed(town, report, "t6, approved", "stranger", "imac", story.ports(3000))
    check_refused(town, report, "t6, approved", ("stranger", "windows", story.ANYTHING))


def check_hooks(town, report):
    kernel = tuple(map(int, platform.release().split(".")[:2]))
    wanted = "TCX" if kernel >= (6, 6) else "clsact"
    with report.case(f"hooks: one program each way, on {wanted}"):
        assert hooks.count(town.router.netns, "wg0") == (1, 1)
        clsact = "clsact" in gate.run("tc", "qdisc", "show", "dev", "wg0").stdout
        assert clsact == (wanted == "clsact"), gate.run("tc", "qdisc", "show").stdout
    with report.case("hooks: aclctl status exits 0"):
        code, said = gate.status()
        assert code == 0, said
    with report.case("hooks: the kernel makes the tunnel"):
        assert "wireguard" in gate.run("ip", "-details", "link", "show", "wg0").stdout


def attached_again():
    entries = gate.run("journalctl", "--unit=acld", "--output=json", "ACLGATE_REPAIR=attach").stdout
    return any(json.loads(line)["ACLGATE_INTERFACE"] == "wg0" for line in entries.splitlines())


def check_tunnel_anew(town, report):
    with nothing_arrives(town, report, "wg-quick"), Stream(town.windows, town.imac, 3000) as stream:
        with report.case("wg-quick down: not enforced, says status"):
            gate.run("wg-quick", "down", "wg0")
            assert not gate.enforced()
        with report.case("wg-quick up"):
            gate.run("wg-quick", "up", "wg0")
        with report.case("wg-quick: the policy is back"):
            gate.wait_until(gate.enforced, "status exits 0", BACK)
        with report.case("wg-quick: the journal has what acld mended, with fields"):
            gate.wait_until(attached_again, "an entry about wg0", BACK)
        check_flood(town, report, "wg-quick")
        with report.case("wg-quick: an allowed connection goes on"):
            assert stream.goes_on(), stream.problem
    check_allowed(town, report, "wg-quick", "windows", "imac", story.ports(3000))


def upgrade(town, report):
    with nothing_arrives(town, report, "upgrade"), Stream(town.windows, town.imac, 3000) as stream:
        with report.case("upgrade: dpkg -i"):
            gate.run("dpkg", "-i", gate.PACKAGES / "next.deb")
            version = gate.run("dpkg-query", "-W", "-f=${Version}", "aclgate").stdout
            assert version.endswith("+next"), version
        with report.case("upgrade: an allowed connection does not notice"):
            assert stream.goes_on() and stream.longest < 5, (stream.problem, stream.longest)
        check_flood(town, report, "upgrade")
        with report.case("upgrade: status exits 0"):
            assert gate.enforced(), gate.status()


def run(town, report):
    check_open(town, report, "without a gate")
    install(town, report)
    with town.serve():
        for name in ("t1", "t2", "t3"):
            check_story(town, report, name)
        check_stranger(town, report)
        with report.case("t1 again"):
            gate.load(gate.EXAMPLES / "t1.json")
        check_hooks(town, report)
        units.check(report)
        check_tunnel_anew(town, report)
        upgrade(town, report)
    gate.run("systemctl", "enable", "machine-flood")
