# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate is shut wherever our programs are not: before the first load, on an interface that was
made anew, after somebody removed what we had attached. Senders on each side try everything in each of
these states; what arrives at the protected side is counted, and nothing may."""

import contextlib
import shutil
import signal
import time
from dataclasses import dataclass

import hooks
import probe
import wire
from cases.story import VERSIONS
from denied import WITHOUT_ATTACHING, WITHOUT_NETFILTER
from firewall import nftables
from policy import allow, policy
from world import end

PC = "windows-machine"
ALLOWED, REFUSED = 3000, 445
# What a state of the gate must keep in: also what this allows.
POLICY = policy(
    allow(PC, f"imac:{ALLOWED}"),
    allow("imac", f"{PC}:{ALLOWED}"),
    allow("guest", f"{PC}:{ALLOWED}"),
    allow("guest", f"imac:{ALLOWED}"),
    allow("router", f"{PC}:{ALLOWED}"),
    allow("router", f"imac:{ALLOWED}"),
)
SETTLE = 0.25
COPIES = 5


@dataclass
class Sender:
    """Where packets come from, and the boxes behind guarded interfaces that they are for."""

    name: str
    targets: tuple
    guarded: bool  # comes in through a guarded interface: the guard's prerouting sees it


SENDERS = [
    Sender("imac", ("windows",), True),
    Sender("windows", ("imac",), True),
    Sender("guest", ("windows", "imac"), False),
    Sender("router", ("windows", "imac"), False),
]


def _packets(source, target, version):
    """One of each kind that a policy can speak of."""
    here, there = source.address(version), target.address(version)
    for port in (ALLOWED, REFUSED):
        yield wire.tcp(here, there, (20000, port), wire.SYN)
        yield wire.tcp(here, there, (20001, port), wire.ACK)
        yield wire.udp(here, there, (20002, port))
    yield wire.icmp(here, there, probe.ECHO_REQUEST[version])
    yield wire.ip(here, there, 47, b"\0" * 16)


def _send(source, packet):
    """The router's own kernel says at once that nftables drops a packet."""
    with contextlib.suppress(PermissionError):
        wire.send(source.netns, packet)


def _own(world, packet):
    """Sent by a box of the network, and no answer of its kernel."""
    addresses = {address for host in world.hosts.values() for address in host.addresses}
    answer = packet.protocol == wire.TCP and packet.source_port in (ALLOWED, REFUSED)
    return packet.source in addresses and not answer


def leaks(world, sender, only=None):
    """What this sender sent that arrived behind the gate, by target."""
    source, found = world.hosts[sender.name], []
    for name in sender.targets:
        target = world.hosts[name]
        with target.watch() as arrivals:
            for version in VERSIONS:
                for packet in _packets(source, target, version):
                    for _ in range(COPIES):
                        _send(source, packet)
            time.sleep(SETTLE)
            packets = [one for one in arrivals.packets() if _own(world, one)]
        found += [one for one in packets if only is None or one.destination_port in only]
    return found


def _check_shut(world, report, state, senders=SENDERS):
    for sender in senders:
        with report.case(f"guard: {state}: nothing of {sender.name} gets through"):
            found = leaks(world, sender)
            assert not found, f"{len(found)} packets, such as {found[0]}"


def _check_open(world, report, state):
    """The same senders get through where they may: so it was the gate that stopped them."""
    for sender in SENDERS:
        with report.case(f"guard: {state}: what the policy allows of {sender.name} passes"):
            assert leaks(world, sender, only={ALLOWED}), "nothing arrives"
        with report.case(f"guard: {state}: what it refuses of {sender.name} does not"):
            found = leaks(world, sender, only={REFUSED})
            assert not found, f"{len(found)} packets, such as {found[0]}"


def _reload(world):
    world.load(POLICY, world.inventory())
    assert world.aclctl("status").returncode == 0, world.aclctl("status").stdout


def _guard(world, *arguments):
    result = world.aclctl("guard", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


# ---------------------------------------------------------------- before a load


def _check_without(world, report):
    """With neither guard nor programs everything arrives."""
    with report.case("guard: off, and nothing loaded: everything gets through"):
        assert world.aclctl("unload", "--open").returncode == 0
        for sender in SENDERS:
            assert leaks(world, sender), f"nothing of {sender.name} arrives"


def _check_before_load(world, report):
    with report.case("guard: on, twice: the second changes nothing"):
        first = _guard(world, "on", "--interface", "wg0") and _guard(
            world, "on", "--interface", "lan0"
        )
        ruleset = world.router.netns.run("nft", "list", "ruleset").stdout
        assert _guard(world, "on", "--interface", "lan0") == first
        assert world.router.netns.run("nft", "list", "ruleset").stdout == ruleset
    with report.case("guard: on: status says that the gate is shut, exit 3"):
        result = world.aclctl("status")
        assert result.returncode == 3, result
        assert "the gate is shut: nothing passes through" in result.stderr, result.stderr
        assert world.status()["guard"]["stands"], world.status()
    with report.case("guard: on: who may not look is told nothing of it, exit 4"):
        for arguments in (["status"], ["status", "--json"]):
            result = world.aclctl_as_nobody(*arguments)
            assert (result.returncode, result.stdout) == (4, ""), result
            assert "try sudo" in result.stderr, result.stderr
    with report.case("guard: on: names that no interface can have are refused"):
        for name in ("a/b", "", "sixteen-letters-"):
            result = world.aclctl("guard", "on", "--interface", name)
            assert result.returncode == 2, result
            assert "cannot be the name" in result.stderr, result.stderr
        assert world.aclctl("guard", "off", "--interface", "lan0").returncode == 2
        assert "a/b" not in _guarded(world) and "lan0" in _guarded(world), _guarded(world)
    _check_shut(world, report, "before the first load")
    with report.case("guard: it has counted what it kept out and in"):
        counters = world.router.netns.run("nft", "list", "counters").stdout
        assert "counter unjudged" in counters and counters.count("packets 0 ") == 0, counters


def _check_failed_load(world, report):
    only_wg0 = policy(*POLICY["acls"], interfaces=["wg0"])
    with report.case("guard: a load is refused where the kernel has no nftables"):
        result = world.try_load(POLICY, world.inventory(), wrapper=WITHOUT_NETFILTER)
        assert result.returncode == 1, f"exit {result.returncode}"
        assert "no nftables" in result.stderr, result.stderr
    with report.case("guard: a first load that fails leaves the gate shut, and says so"):
        world.aclctl("unload", "--open")
        result = world.try_load(POLICY, world.inventory(), wrapper=WITHOUT_ATTACHING)
        assert result.returncode == 1, f"exit {result.returncode}"
        assert "the gate is shut" in result.stderr, result.stderr
    _check_shut(world, report, "after it")
    with report.case("guard: a later one leaves the policy, and shuts nothing that was open"):
        world.aclctl("unload", "--open")
        world.load(only_wg0, world.inventory())
        result = world.try_load(POLICY, world.inventory(), wrapper=WITHOUT_ATTACHING)
        assert result.returncode == 1, f"exit {result.returncode}"
        assert world.aclctl("status").returncode == 0, world.aclctl("status").stdout
        assert "lan0" not in _guarded(world), "lan0 is shut"
        assert leaks(world, SENDERS[2], only={ALLOWED}), "what it allows does not pass"


def _check_shut_beside(world, report):
    """An interface that is shut by hand and no policy guards."""
    with report.case("guard: status names what is shut beside the policy"):
        world.load(policy(*POLICY["acls"], interfaces=["wg0"]), world.inventory())
        assert world.status()["guard"]["shut"] == [], world.status()
        _guard(world, "on", "--interface", "lan0")
        assert world.status()["guard"]["shut"] == ["lan0"], world.status()
        assert "lan0: shut by the guard" in world.aclctl("status").stdout
    with report.case("guard: status says that nothing is shut"):
        world.aclctl("unload", "--open")
        result = world.aclctl("status")
        assert result.returncode == 3 and "nothing is shut" in result.stderr, result


def _guarded(world):
    command = ["nft", "list", "set", "inet", "aclgate_guard", "guarded"]
    return world.router.netns.run(*command).stdout


# ---------------------------------------------------------------- under load: taken away


def _tunnel_anew(world):
    """wg0 of the router is deleted, and made again with the same keys."""
    world.remake_tunnel("router")


def _detach(world, interface, direction):
    hooks.detach(world.router.netns, interface, direction)


def _check_made_anew(world, report):
    with report.case("guard: wg0 is deleted and made again: status exits 3"):
        _tunnel_anew(world)
        assert world.aclctl("status").returncode == 3
    _check_shut(world, report, "wg0 made anew", [one for one in SENDERS if one.name == "imac"])
    with report.case("guard: wg0 made anew: nothing leaves through it"):
        for sender in SENDERS:
            found = [one for one in leaks(world, sender) if one.destination in
                     world.imac.addresses]  # fmt: skip
            assert not found, f"{len(found)} packets, such as {found[0]}"
    with report.case("guard: wg0 made anew: the next load takes it"):
        _reload(world)
    _check_open(world, report, "wg0 taken again")


def _check_ingress_removed(world, report):
    for interface, sender in (("wg0", SENDERS[0]), ("lan0", SENDERS[1])):
        with report.case(f"guard: the ingress program of {interface} is detached: exit 3"):
            _detach(world, interface, "ingress")
            assert world.aclctl("status").returncode == 3
            before = leaks(world, sender)
            assert not before, f"{len(before)} packets, such as {before[0]}"
            _reload(world)


def _check_egress_removed(world, report):
    """The cell that stays open until the keeper disarms: what did not come in through a guarded
    interface leaves; how much is told. What came in through one was judged there."""
    _detach(world, "lan0", "egress")
    with report.case("guard: the egress program of lan0 is detached: status exits 3"):
        assert world.aclctl("status").returncode == 3
    with report.case("guard: ... what peers may not send is refused where it comes in"):
        found = leaks(world, SENDERS[0], only={REFUSED})
        assert not found, f"{len(found)} packets, such as {found[0]}"
    for sender in SENDERS[2:]:
        toward = Sender(sender.name, ("windows",), False)
        print(f"# egress program of lan0 removed: {len(leaks(world, toward))} packets of"
              f" {sender.name} leave until the next load")  # fmt: skip
    with report.case("guard: ... but no answer comes back"):
        with world.serve("windows"):
            for refusal in probe.try_all(
                [probe.Refusal(world.guest, world.windows, "tcp", REFUSED, 4)]
            ):
                assert not (refusal.problem or "").startswith("connected"), refusal.problem
    with report.case("guard: ... the next load closes it"):
        _reload(world)
    _check_open(world, report, "after that load")


def _check_xdp_removed(world, report):
    with report.case("guard: the XDP program of lan0 is removed: the policy is enforced"):
        early = policy(*POLICY["acls"], interfaces=["wg0", {"name": "lan0", "xdp": True}])
        world.load(early, world.inventory())
        (world.pins / "lan0_early").unlink()
        assert world.aclctl("status").returncode == 0, "it was never the last word"
        for sender in SENDERS:
            found = leaks(world, sender, only={REFUSED})
            assert not found, f"{len(found)} packets, such as {found[0]}"
    _reload(world)


def _check_qdisc_removed(world, report):
    with report.case("guard: clsact of lan0 is removed: the policy is enforced, or it is shut"):
        world.router.netns.run("tc", "qdisc", "add", "dev", "lan0", "clsact", check=False)
        world.router.netns.run("tc", "qdisc", "del", "dev", "lan0", "clsact")
        for sender in SENDERS[:2]:
            found = leaks(world, sender, only={REFUSED})
            assert not found, f"{len(found)} packets, such as {found[0]}"
    _reload(world)


def _check_flushed(world, report):
    with report.case("guard: somebody flushes the ruleset: status exits 3, the programs judge"):
        world.router.netns.run("nft", "flush", "ruleset")
        assert world.aclctl("status").returncode == 3
        for sender in SENDERS:
            found = leaks(world, sender, only={REFUSED})
            assert not found, f"{len(found)} packets, such as {found[0]}"
    with report.case("guard: ... the next load puts it back"):
        _reload(world)


def _check_damaged(world, report):
    """A table of that name with something else in it."""
    run = world.router.netns.run
    for what, command in {
        "a rule is deleted": ["flush", "chain", "inet", "aclgate_guard", "prerouting"],
        "an interface is taken out": ["delete", "element", "inet", "aclgate_guard", "guarded",
                                      "{ wg0 }"],
        "it is disarmed": ["flush", "set", "inet", "aclgate_guard", "armed"],
        "a chain is deleted": ["delete", "chain", "inet", "aclgate_guard", "postrouting"],
    }.items():  # fmt: skip
        with report.case(f"guard: {what}: status exits 3, a load mends it"):
            if "chain" in what:
                run("nft", "flush", "chain", "inet", "aclgate_guard", "postrouting")
            run("nft", *command)
            assert world.aclctl("status").returncode == 3, world.aclctl("status").stdout
            _reload(world)
    with report.case("guard: its chains hang elsewhere: a load mends it"):
        run("nft", "delete", "table", "inet", "aclgate_guard")
        run("nft", "add table inet aclgate_guard; add chain inet aclgate_guard prerouting"
            " { type filter hook prerouting priority 5; }; add chain inet aclgate_guard other;"
            " add set inet aclgate_guard armed { type ipv4_addr; }")  # fmt: skip
        assert world.aclctl("status").returncode == 3
        _reload(world)


def _check_pins_deleted(world, report):
    """The programs stay, and judge by the policy that they had."""
    with report.case("guard: the pins are deleted: status exits 3"):
        shutil.rmtree(world.pins)
        time.sleep(SETTLE)
        assert world.aclctl("status").returncode == 3
    _check_open(world, report, "the pins are deleted")
    with report.case("guard: ... the next load takes their place"):
        _reload(world)
        counted = [hooks.count(world.router.netns, name) for name in ("wg0", "lan0")]
        assert counted == [(1, 1)] * 2, f"programs that are attached: {counted}"
    _check_open(world, report, "after the pins were deleted")
    with report.case("guard: without pins, unload takes the programs off all the same"):
        shutil.rmtree(world.pins)
        assert world.aclctl("unload").returncode == 0
        counted = [hooks.count(world.router.netns, name) for name in ("wg0", "lan0")]
        assert counted == [(0, 0)] * 2, f"programs that are attached: {counted}"
    _check_shut(world, report, "after that unload")
    _reload(world)


# ---------------------------------------------------------------- the mark

# A rule of nftables, and whether it uses the bits 28 and 29.
WRITERS = {
    "meta mark set 0x10000000": True,
    "meta mark set 0x1": True,  # all bits
    "meta mark set meta mark or 0x1": False,
    "meta mark set meta mark or 0x20000000": True,
    "meta mark set meta mark and 0xcfffffff": True,
    "meta mark set meta mark and 0xfffffff0": False,
    "meta mark set ct mark": True,
    "ct mark set meta mark": False,
    "meta mark and 0x10000000 != 0 accept": False,
}
ROUTING = {
    ("fwmark", "0x1"): True,
    ("fwmark", "0x1/0xff"): False,
    ("not", "fwmark", "51820"): False,
}


def _check_mark_users(world, report):
    run = world.router.netns.run
    for rule, uses in WRITERS.items():
        with report.case(f"guard: status {'warns' if uses else 'says nothing'} of: {rule}"):
            chain = f"chain mangle {{ type filter hook prerouting priority -150; {rule}; }}"
            with nftables(world.router.netns, chain):
                said = world.aclctl("status").stdout
                assert ('"inet e2e mangle" writes them' in said) == uses, said
    for rule, uses in ROUTING.items():
        with report.case(f"guard: status {'warns' if uses else 'says nothing'} of: {' '.join(rule)}"):
            run("ip", "rule", "add", *rule, "lookup", "main")
            said = world.aclctl("status").stdout
            run("ip", "rule", "del", *rule, "lookup", "main")
            assert ("routing rule" in said) == uses, said
    with report.case("guard: other bits, as the policy says: the gate works as before"):
        world.load(POLICY | {"markBit": 24}, world.inventory())
        assert "0x01000000" in run("nft", "list", "table", "inet", "aclgate_guard").stdout
        assert world.aclctl("status").returncode == 0
    _check_open(world, report, "mark bit 24")
    with report.case("guard: ... and back"):
        _reload(world)


# ---------------------------------------------------------------- unload


def _check_unload(world, report):
    with report.case("guard: unload says that the gate is shut"):
        said = world.aclctl("unload").stdout
        assert "shut" in said and "guard off" in said, said
    _check_shut(world, report, "after unload")
    with report.case("guard: off says that it is open"):
        assert "everything passes" in _guard(world, "off")
        for sender in SENDERS:
            assert leaks(world, sender), f"nothing of {sender.name} arrives"
    with report.case("guard: off, with a policy: it says that this goes on, and it does"):
        world.load(POLICY, world.inventory())
        assert "still enforced" in _guard(world, "off")
        found = leaks(world, SENDERS[0], only={REFUSED})
        assert not found, f"{len(found)} packets, such as {found[0]}"
        _reload(world)
    with report.case("guard: an interface that the next policy does not guard is open, and told"):
        only = policy(*POLICY["acls"], interfaces=["wg0"])
        result = world.try_load(only, world.inventory())
        assert '"lan0" is no longer guarded' in result.stderr, result.stderr
        assert "lan0" not in _guarded(world), _guarded(world)
        _reload(world)


# ---------------------------------------------------------------- killed loads

KILLS = 200


def _check_killed(world, report):
    """From nothing to enforced, killed on the way: shut, or enforced. And so from one policy to
    another, where one of the interfaces is new."""
    files = [world.file("both.json", POLICY),
             world.file("one.json", policy(*POLICY["acls"], interfaces=["wg0"]))]  # fmt: skip
    inventory = world.file("inventory.json", world.inventory())
    start = time.monotonic()
    _reload(world)
    taken = time.monotonic() - start
    with report.case(f"guard: a load killed at {KILLS} moments lets nothing refused through"):
        for number in range(KILLS):
            if number % 4 == 0:
                world.aclctl("unload")
            load = world.start_load(files[number % 2], inventory)
            time.sleep(1.2 * taken * number / KILLS)
            end(load, signal.SIGKILL)
            found = _refused_arrives(world)
            assert not found, f"kill {number}: arrived: {found}"
    with report.case("guard: the next load cleans up after them"):
        _reload(world)
    _check_open(world, report, "after the killed loads")


def _refused_arrives(world):
    """wg0 is guarded by both policies, and by whatever is between them."""
    with world.imac.watch() as arrivals:
        for name in ("windows", "guest", "router"):
            source = world.hosts[name]
            for version in VERSIONS:
                packet = wire.udp(source.address(version), world.imac.address(version),
                                  (20003, REFUSED))  # fmt: skip
                _send(source, packet)
        time.sleep(0.01)
        found = [one for one in arrivals.packets() if one.destination_port == REFUSED]
    return found[0] if found else None


def run(world, report):
    _check_without(world, report)
    _check_before_load(world, report)
    _check_failed_load(world, report)
    _check_shut_beside(world, report)
    _reload(world)
    _check_open(world, report, "loaded")
    _check_made_anew(world, report)
    _check_ingress_removed(world, report)
    _check_egress_removed(world, report)
    _check_xdp_removed(world, report)
    _check_qdisc_removed(world, report)
    _check_flushed(world, report)
    _check_damaged(world, report)
    _check_pins_deleted(world, report)
    _check_mark_users(world, report)
    _check_unload(world, report)
    _check_killed(world, report)
