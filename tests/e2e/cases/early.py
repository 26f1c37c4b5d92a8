# SPDX-License-Identifier: GPL-2.0-or-later
"""The early drop, by XDP: native on lan0, generic on wg0. What is allowed and what is refused is as
without it; drops are counted in either case; and it never outlives the policy that asked for it."""

import re

import probe
from cases import lan, story
from policy import policy
from world import BUILD

EARLY = [{"name": "wg0", "xdp": True}, {"name": "lan0", "xdp": True}]


def _modes(world):
    return {one["name"]: one["xdp"] for one in world.status()["interfaces"]}


def _xdp(world):
    links = world.router.netns.run("ip", "-d", "link", "show").stdout
    return re.findall(r"\bprog/xdp\b", links)


def _load(world, interfaces):
    return world.load(lan.EVERYWHERE | {"interfaces": interfaces}, world.inventory())


def _check_story(world, report):
    _load(world, EARLY)
    report.judge(
        "early: lan0 has it in the driver, wg0 behind it",
        None if not world.gate or _modes(world) == {"wg0": "generic", "lan0": "native"}
        else f"{_modes(world)}",
    )  # fmt: skip
    story.check_allowed(world, report, "early", lan.ALLOWED)
    refusals = story.refusals(world, lan.ALLOWED)
    for refusal in probe.try_all(refusals):
        report.judge(f"early: {refusal} is refused", refusal.problem)


def _check_counted(world, report):
    """Each packet by one of the two programs that it may meet."""
    for source, target, device in (
        (world.windows, world.vps, lan.PC),
        (world.imac, world.vps, "imac"),
    ):
        with report.case(f"early: what it drops of {source.name} is counted once"):
            before = world.drops(device=device, direction="ingress", reason="acl")
            refusal = probe.Refusal(source, target, "udp", 81, 4)
            probe.try_all([refusal], silence=0.3)
            after = world.drops(device=device, direction="ingress", reason="acl")
            assert not refusal.problem, refusal.problem
            assert after - before == 1, f"{after - before} times"


def _check_leaves(world, report):
    """A policy without it, and unload, take it off."""
    with report.case("early: a policy without it takes it off"):
        _load(world, ["wg0", "lan0"])
        assert _modes(world) == {"wg0": "none", "lan0": "none"}, _modes(world)
    with report.case("early: unload takes it off"):
        _load(world, EARLY)
        world.aclctl("unload", "--open")
        assert not _xdp(world), _xdp(world)


def _check_busy(world, report):
    """Somebody else's XDP program stays, and the policy is enforced all the same."""
    netns = world.router.netns
    with report.case("early: another XDP program stays, and load says so"):
        _load(world, ["wg0", "lan0"])
        netns.run(BUILD / "tests" / "bench" / "flood", "swallow", "lan0")
        try:
            said = _load(world, EARLY)
            assert "another XDP program" in said, said
            assert world.status()["enforced"] and _modes(world)["lan0"] == "none", _modes(world)
        finally:
            netns.run("ip", "link", "set", "lan0", "xdp", "off")
        assert not _load(world, EARLY) and _modes(world)["lan0"] == "native", _modes(world)


def _age(world):
    """What is loaded becomes that of the layout before ours."""
    older = world.pins.with_name("v1")
    world.pins.rename(older)
    return older


def _load_anew(world, interfaces):
    world.aclctl("unload", "--open")
    world.load(policy(interfaces=interfaces), world.inventory())


def _check_upgrade(world, report):
    """An XDP program of an older layout would go by its policy for good."""
    with report.case("early: after an upgrade it is the new programs', and the old pins go"):
        _load_anew(world, EARLY)
        older = _age(world)
        said = _load(world, EARLY)
        assert "XDP" not in said, said
        assert not older.exists(), [str(path) for path in older.iterdir()]
    story.check_allowed(world, report, "early: after an upgrade", lan.ALLOWED)
    with report.case("early: ... also what somebody left who died as he removed them"):
        _load_anew(world, EARLY)
        older = _age(world)
        (older / "rule_counters_0").rename(older / "rule_counters_2")
        _load(world, EARLY)
        assert not older.exists(), [str(path) for path in older.iterdir()]
    with report.case("early: an upgrade to a policy that guards less opens the rest, and says so"):
        _load_anew(world, EARLY)
        _age(world)
        said = _load(world, EARLY[:1])
        assert '"lan0" is no longer guarded' in said, said
        guard = world.router.netns.run("nft", "list table inet aclgate_guard").stdout
        assert "lan0" not in guard and "wg0" in guard, guard
        assert len(_xdp(world)) == 1, _xdp(world)
    with report.case("early: unload --open leaves no pin, nor what an upgrade left"):
        _load_anew(world, EARLY)
        older = _age(world)
        world.aclctl("unload", "--open")
        assert not older.exists() and not world.pins.exists(), list(older.parent.rglob("*"))
        assert not _xdp(world), _xdp(world)


def _dying(world):
    """Ends a load as it looks for the older XDP link of the first interface: nothing is taken off yet.
    Once before it has looked what the older layout guards."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-P", world.pins.with_name("v1") / "interfaces",
            "-e", "inject=access,faccessat,faccessat2:signal=KILL:when=2"]  # fmt: skip


def _check_killed(world, report):
    """What is written of an interface must not say more than is there."""
    with report.case("early: a load that dies before it takes XDP off is made good by the next"):
        _load_anew(world, EARLY)
        _age(world)
        without = str(world.file("without.json", lan.EVERYWHERE | {"interfaces": ["wg0", "lan0"]}))
        inventory = str(world.file("inventory.json", world.inventory()))
        load = "load", without, "--inventory", inventory
        done = world.aclctl(*load, wrapper=_dying(world))
        assert done.returncode and len(_xdp(world)) == 2, f"{done.returncode}, {_xdp(world)}"
        registry = world.router.netns.run("bpftool", "map", "dump", "pinned",
                                          world.pins / "interfaces").stdout  # fmt: skip
        assert '"wg0"' in registry, "it died too early"
        done = world.aclctl(*load)
        assert done.returncode == 0 and not _xdp(world), done.stderr


def run(world, report):
    with world.serve():
        _check_story(world, report)
        if world.gate:
            _check_counted(world, report)
            _check_busy(world, report)
            _check_leaves(world, report)
            _check_upgrade(world, report)
            _check_killed(world, report)
    world.load(policy(), world.inventory())
