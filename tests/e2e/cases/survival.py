# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate is in the kernel: it stands when every program of ours is gone."""

import signal
import time

import probe
import wire
from cases import story
from cases.story import VERSIONS
from world import POLICIES, end, wait_until


def _ours(world):
    """The names of our programs that run on the router."""
    pids = world.router.netns.run("ip", "netns", "pids", world.router.netns.name).stdout.split()
    names = set()
    for pid in pids:
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                names.add(comm.read().strip())
        except OSError:
            pass  # it has just ended
    return names & {"acld", "aclctl"}


def _check_open(world, report):
    for version in VERSIONS:
        with report.case(f"survival: what is allowed still passes IPv{version}"):
            probe.exchange(world.windows.netns, world.imac.address(version), 3000)
            probe.udp_round_trip(world.windows.netns, world.imac.address(version), 3000)


KILLS = 20


def _moments(world):
    """Spread over the time that a load takes here, and a little more."""
    start = time.monotonic()
    world.load(POLICIES / "t1.json")
    taken = time.monotonic() - start
    return [1.1 * taken * number / KILLS for number in range(KILLS)]


def _check_killed_loads(world, report):
    """Whatever a load was doing: the old policy is in force, or the new one. Both of these allow
    imac:3000 to the PC, and neither allows anything to the VPS."""
    windows, vps, imac = world.windows, world.vps, world.imac
    policies = [POLICIES / "t1.json", POLICIES / "t2.json"]
    forged = {
        version: wire.tcp(vps.address(version), windows.address(version), (1026, 445), wire.SYN)
        for version in VERSIONS
    }
    with report.case("survival: loads killed at any moment open and close nothing"):
        for number, delay in enumerate(_moments(world)):
            load = world.start_load(policies[number % 2])
            time.sleep(delay)
            end(load, signal.SIGKILL)
            for version in VERSIONS:
                probe.udp_round_trip(windows.netns, imac.address(version), 3000, count=1)
                with windows.watch() as arrivals:
                    wire.send(vps.netns, forged[version])
                    time.sleep(0.02)
                    arrived = [one for one in arrivals.packets() if one.source_port == 1026]
                    assert not arrived, f"killed after {delay:.3f} s: arrived: {arrived[0]}"
    with report.case("survival: the next load cleans up after them"):
        world.load(policies[0])
        assert world.status()["enforced"], "not enforced"


def run(world, report):
    with world.serve():
        world.load(POLICIES / "t1.json")
        world.start_acld()
        # To the echo service: what is sent comes back on the same socket.
        with probe.connect(world.windows.netns, world.imac.address(4), 3000) as connection:
            with report.case("survival: after kill -9 of acld no process of ours runs"):
                end(world.acld, signal.SIGKILL)
                # the exporter ends by itself, and what it was loading comes to an end
                wait_until(lambda: not _ours(world), "nothing of ours runs", 3)
            with report.case("survival: an open connection goes on"):
                assert probe.token_arrives(connection, connection), "the echo does not come back"
            _check_open(world, report)
            for refusal in probe.try_all(story.refusals(world, story.STORIES["t1"])):
                report.judge(f"survival: {refusal} is refused", refusal.problem)
        _check_killed_loads(world, report)
