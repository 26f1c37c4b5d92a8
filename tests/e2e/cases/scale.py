# SPDX-License-Identifier: GPL-2.0-or-later
"""acld with 10,000 WireGuard peers that are devices by their keys: what a refresh costs after a change
of one of them, what looking costs where nothing changes, how long a scrape takes, how much memory both
processes have. Minima of several tries; a machine that has other things to do is allowed more time."""

import base64
import contextlib
import os
import pathlib
import time

from cases.identity import _wrapper
from policy import allow, policy
from world import ACLD_PORT, end, wait_until

PEERS = 10_000
TRIES = 5
REFRESH_CPU = 0.100  # seconds
SCRAPE = 0.050  # seconds
SLACK = 3
MEMORY = 20_000  # kB, both processes
TICKS = os.sysconf("SC_CLK_TCK")


def _address(number):
    return f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}"


def _keys():
    return [base64.b64encode(number.to_bytes(32, "big")).decode() for number in range(1, PEERS + 1)]


def _add_peers(world, keys):
    lines = [
        f"[Peer]\nPublicKey = {key}\nAllowedIPs = {_address(number)}/32\n"
        for number, key in enumerate(keys)
    ]
    world.wg("router", "addconf", "wg0", str(world.file("peers.conf", "".join(lines))))


def _inventory(world, keys):
    devices = {f"d{number}": {"publicKey": key} for number, key in enumerate(keys)}
    devices["windows-machine"] = {"addresses": world.windows.addresses, "interface": "lan0"}
    return {"devices": devices}


def _exporter(keeper):
    """Its other children are loads, which come and go."""
    with open(f"/proc/{keeper}/task/{keeper}/children", encoding="ascii") as file:
        for child in file.read().split():
            with contextlib.suppress(OSError):
                if b"--exporter" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    raise AssertionError("there is no exporter")


def _cpu(pid):
    """Seconds of a process, and of those of its children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def _memory(pid, what, file="status"):
    """In kB. Resident pages of libraries count in each process that has them, but not in "Pss"."""
    with open(f"/proc/{pid}/{file}", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what))


def _refresh(world, keys, number):
    """CPU seconds from a change to what comes of it, looking included."""
    keeper, generation = world.acld.pid, world.status()["generation"]
    before = _cpu(keeper)
    world.wg("router", "set", "wg0", "peer", keys[number], "allowed-ips", _address(PEERS + number))
    wait_until(lambda: world.status()["generation"] > generation, "another generation", 3)
    time.sleep(0.1)  # the keeper takes its child's word
    return _cpu(keeper) - before


def _idle(world):
    before = _cpu(world.acld.pid)
    time.sleep(5)
    return (_cpu(world.acld.pid) - before) / 5


def _scrape(world):
    time.sleep(0.2)  # the keeper answers as often as that
    since = time.monotonic()
    status, _, text = world.http(ACLD_PORT, "/metrics")
    took = time.monotonic() - since
    assert status == 200 and text.count("\n") > 2 * PEERS, f"{status}, {len(text)} bytes"
    return took


def _measure(world, report, keys):
    processes = [world.acld.pid, _exporter(world.acld.pid)]
    refresh = min(_refresh(world, keys, number) for number in range(TRIES))
    idle = _idle(world)
    scrape = min(_scrape(world) for _ in range(TRIES))
    now = [_memory(pid, "VmRSS") for pid in processes]
    peak = [_memory(pid, "VmHWM") for pid in processes]
    own = [_memory(pid, "Pss:", "smaps_rollup") for pid in processes]
    print(f"# scale: {PEERS} peers: a refresh takes {1000 * refresh:.0f} ms of CPU, looking"
          f" {100 * idle:.1f} % of one, a scrape {1000 * scrape:.0f} ms; keeper and exporter have"
          f" {sum(now) / 1000:.1f} MB, {sum(peak) / 1000:.1f} MB at most,"
          f" {sum(own) / 1000:.1f} MB with what they share counted once")  # fmt: skip
    for what, seconds, goal in (
        ("a refresh takes 100 ms of CPU", refresh, REFRESH_CPU),
        ("a scrape takes 50 ms", scrape, SCRAPE),
    ):
        with report.case(f"scale: {what} at most, or {SLACK} times that on a busy machine"):
            assert seconds < SLACK * goal, f"{seconds:.3f} s"
    with report.case("scale: keeper and exporter have less than 20 MB together"):
        assert sum(now) < MEMORY, f"{now} kB"


def run(world, report):
    keys = _keys()
    _add_peers(world, keys)
    loaded = policy(allow("*", "*:443"), *(allow(f"d{number}", "windows-machine:3000")
                                           for number in range(1000)))  # fmt: skip
    arguments = (
        "load", world.file("policy.json", loaded),
        "--inventory", world.file("inventory.json", _inventory(world, keys)),
    )  # fmt: skip
    try:
        result = world.aclctl(*arguments, wrapper=_wrapper(world))
        assert result.returncode == 0, result.stderr[:2000]
        generation = world.status()["generation"]
        world.start_acld(wrapper=_wrapper(world))
        wait_until(lambda: world.status()["generation"] > generation, "the first load", 5)
        _measure(world, report, keys)
    finally:
        if world.acld:
            end(world.acld)
            world.acld = None
        world.aclctl("unload", "--open")
        world.remake_tunnel("router")
