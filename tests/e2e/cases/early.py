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
        links = world.router.netns.run("ip", "-d", "link", "show").stdout
        assert not re.search(r"\bprog/xdp\b", links), links


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


def run(world, report):
    with world.serve():
        _check_story(world, report)
        if world.gate:
            _check_counted(world, report)
            _check_busy(world, report)
            _check_leaves(world, report)
    world.load(policy(), world.inventory())
