# SPDX-License-Identifier: GPL-2.0-or-later
"""The same by nftables alone: the story, the hostile VPS, every path, and what a second load takes away,
just as they are for BPF."""

import datetime
import time

import hooks
import probe
from cases import paths, reload, story, takeover, unasked
from cases.story import VERSIONS
from denied import WITHOUT_PROGRAMS
from policy import allow, policy
from world import POLICIES


class Named:
    """A report whose cases say which backend they are about."""

    def __init__(self, report, title="nft"):
        self._report, self._title = report, title

    def __getattr__(self, name):
        return getattr(self._report, name)

    def case(self, name):
        return self._report.case(f"{self._title}: {name}")

    def judge(self, name, problem):
        return self._report.judge(f"{self._title}: {name}", problem)

    def skip(self, name, reason):
        return self._report.skip(f"{self._title}: {name}", reason)


def _check_backend(world, report):
    """Or else none of this would show anything."""
    with report.case("no program of ours is attached, and status says who enforces"):
        world.load(POLICIES / "t1.json")
        status = world.status()
        assert status["backend"] == "nft" and status["enforced"], status
        assert hooks.count(world.router.netns, "wg0") == (0, 0), "programs are attached"
        tables = world.router.netns.run("nft", "list", "tables").stdout
        assert tables.split() == ["table", "inet", "aclgate"], tables


def _check_counters(world, report):
    world.load(POLICIES / "t1.json")
    world.start_acld()
    world.settle()
    with world.serve("imac"), report.case("counters: of devices, rules and reasons"):
        probe.udp_round_trip(world.windows.netns, world.imac.address(4), 3000)
        refused = [probe.Refusal(world.vps, world.windows, "tcp", 445, version)
                   for version in VERSIONS]  # fmt: skip
        probe.try_all(refused, silence=0.3)
        try:
            device = {"device": "windows-machine", "direction": "ingress", "verdict": "pass"}
            assert world.metric("aclgate_packets_total", **device) >= 3, "nothing passed"
            assert world.metric("aclgate_rule_packets_total", rule="acls[0]") >= 6
            assert world.drops(reason="acl") >= 2, world.status()["dropped"]
            assert world.metric("aclgate_interface_enforced", interface="wg0") == 1
        finally:
            world.acld.terminate()
            world.acld.wait()


def _check_switch(world, report):
    """From one backend to the other and back, with a connection that goes on."""
    with world.serve("imac"):
        with probe.connect(world.windows.netns, world.imac.address(4), 3000) as connection:
            for backend in ("bpf", "nft", "auto"):
                world.backend = backend
                with report.case(f"switch to {backend}: an open connection goes on"):
                    world.load(POLICIES / "t1.json")
                    assert probe.token_arrives(connection, connection), "nothing comes back"
                    expected = "nft" if backend == "nft" else "bpf"
                    assert world.status()["backend"] == expected, world.status()
        world.backend = "nft"


LASTS = 6  # seconds


def _check_expiry(world, report):
    """A rule that ends while a connection is open ends it, both ways."""
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=LASTS)
    rule = allow("windows-machine", "imac:3000", expires=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    world.load(policy(rule, interfaces=["wg0"]))
    address = world.imac.address(4)
    near, far = probe.connect_pair(world.windows.netns, world.imac.netns, address, 3000)
    with near, far:
        with report.case("expiry: before it the connection works"):
            assert probe.token_arrives(near, far) and probe.token_arrives(far, near), "it is dead"
        time.sleep(LASTS / 2)
        with report.case("expiry: ... and is not put off by loading it again"):
            assert world.aclctl("restore").returncode == 0
        left = until - datetime.datetime.now(datetime.timezone.utc)
        time.sleep(max(left.total_seconds(), 0) + 0.5)
        with report.case("expiry: after it nothing passes, either way"):
            assert not probe.token_arrives(far, near, timeout=0.4), "windows was reached"
            assert not probe.token_arrives(near, far, timeout=0.4), "imac was reached"
    refused = probe.Refusal(world.windows, world.imac, "tcp", 3000, 4)
    with world.serve("imac"), report.case("expiry: nor does a new connection"):
        assert not probe.try_all([refused], silence=0.3)[0].problem, refused.problem


def _check_choice(world, report):
    world.backend = "auto"
    with report.case("auto: where the kernel takes no programs nftables enforces, and it is said"):
        world.aclctl("unload", "--open")
        result = world.try_load(POLICIES / "t1.json", wrapper=WITHOUT_PROGRAMS)
        assert result.returncode == 0, result.stderr
        assert "takes no BPF programs (Operation not permitted)" in result.stderr, result.stderr
        assert world.status()["backend"] == "nft", world.status()
    with report.case("auto: likewise where the pins would not be on a BPF file system"):
        world.aclctl("unload", "--open")
        elsewhere = ["env", f"ACLGATE_PIN_DIR={world.file('nowhere', '').parent}/pins"]
        result = world.try_load(POLICIES / "t1.json", wrapper=elsewhere)
        assert result.returncode == 0 and "BPF file system" in result.stderr, result.stderr
        assert world.status()["backend"] == "nft", world.status()
    world.backend = "bpf"
    with report.case("bpf: no falling back, and what was enforced still is"):
        result = world.try_load(POLICIES / "t2.json", wrapper=WITHOUT_PROGRAMS)
        assert result.returncode == 4, f"exit {result.returncode}: {result.stderr}"
        status = world.status()
        assert status["backend"] == "nft" and status["enforced"], status
        with world.serve("imac", "vps"):
            probe.udp_round_trip(world.windows.netns, world.imac.address(4), 3000)
            refused = probe.Refusal(world.windows, world.vps, "udp", 22, 4)
            assert not probe.try_all([refused], silence=0.3)[0].problem, refused.problem
    world.backend = "nft"


def _check_shut(world, report):
    world.load(POLICIES / "t1.json")
    refusals = [probe.Refusal(world.windows, world.imac, "udp", 3000, 4),
                probe.Refusal(world.imac, world.windows, "udp", 445, 4)]  # fmt: skip
    with world.serve():
        with report.case("wg0 made anew is guarded at once"):
            world.remake_tunnel("router")
            probe.udp_round_trip(world.windows.netns, world.imac.address(4), 3000)
            for refusal in probe.try_all(refusals[1:], silence=0.3):
                assert not refusal.problem, refusal.problem
        with report.case("unload leaves the gate shut"):
            assert "shut" in world.aclctl("unload").stdout
            for refusal in probe.try_all(refusals, silence=0.3):
                assert not refusal.problem, refusal.problem
        with report.case("what only programs can tell is refused, and said"):
            world.load(POLICIES / "t1.json")
            for command in (["flows"], ["monitor"], ["trace", "windows-machine", "imac:3000"]):
                result = world.aclctl(*command)
                assert result.returncode == 1 and "nftables" in result.stderr, result
        with report.case("somebody flushes the ruleset: status exits 3, a load mends it"):
            world.router.netns.run("nft", "flush", "ruleset")
            assert world.aclctl("status").returncode == 3
            world.load(POLICIES / "t1.json")
            assert world.aclctl("status").returncode == 0


def run(world, report):
    report = Named(report)
    with world.using("nft"):
        _check_backend(world, report)
        _check_counters(world, report)
        _check_switch(world, report)
        _check_expiry(world, report)
        _check_choice(world, report)
        _check_shut(world, report)
        story.run(world, report)
        takeover.run(world, report)
        paths.run(world, report)
        reload.run(world, report)
        unasked.run(world, report)
