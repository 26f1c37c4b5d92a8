# SPDX-License-Identifier: GPL-2.0-or-later
"""acld keeps the gate as somebody wanted it: whatever is taken away is back within a second, what is
missing meanwhile is shut, and what a person opened stays open. Every repair is logged and counted."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import hooks
from cases.guard import ALLOWED, POLICY, REFUSED, SENDERS, leaks
from cases.pace import BOTH, NONE, Stream
from policy import allow, policy
from world import LOGS, end, wait_until

WITHIN = 1.0  # seconds
RATE = 1000  # packets a second of each stream
# What streams are: one port that the policy allows, and one that it refuses.
STREAMED = policy(*POLICY["acls"], allow("guest", f"windows-machine:{BOTH}"),
                  allow("imac", f"windows-machine:{BOTH}"))  # fmt: skip


def _enforced(world):
    return world.aclctl("status").returncode == 0


def _back(world, since):
    """How long it took until everything was enforced again."""
    wait_until(lambda: _enforced(world), "the gate is as it was", 5)
    return time.monotonic() - since


TRIES = 3  # the machine may have other things to do


def _heals(world, what, harm):
    took = []
    while not took or (took[-1] >= WITHIN and len(took) < TRIES):
        since = time.monotonic()
        harm()
        took.append(_back(world, since))
    assert took[-1] < WITHIN, f"{what}: {took} s"


def _judges(world):
    for sender in SENDERS[:2]:
        assert leaks(world, sender, only={ALLOWED}), f"nothing of {sender.name} arrives"
        found = leaks(world, sender, only={REFUSED})
        assert not found, f"{len(found)} packets, such as {found[0]}"


def _repairs(world):
    return {
        labels["kind"]: value
        for name, labels, value in world.metrics()
        if name == "aclgate_repairs_total"
    }


@contextlib.contextmanager
def _repairs_counted(world, *kinds):
    before = _repairs(world)
    yield
    for kind in kinds:
        wait_until(lambda: _repairs(world)[kind] > before[kind], f"one more {kind} is counted", 1)


def _stop(world, how=signal.SIGTERM):
    end(world.acld, how)
    world.acld = None


@contextlib.contextmanager
def _acld(world):
    world.start_acld()
    try:
        yield
    finally:
        if world.acld:
            _stop(world)


# ---------------------------------------------------------------- what is taken away


def _check_detached(world, report):
    for interface in ("wg0", "lan0"):
        for direction in ("ingress", "egress"):
            name = f"keeper: the {direction} program of {interface} is detached"
            with report.case(f"{name}: it is back within a second"), _repairs_counted(
                world, "attach"
            ):
                _heals(world, name, lambda: hooks.detach(world.router.netns, interface, direction))
    with report.case("keeper: ... and judges"):
        _judges(world)


def _check_guard(world, report):
    run = world.router.netns.run
    for what, command in {
        "the ruleset is flushed": ["flush", "ruleset"],
        "a rule of the guard is deleted": ["flush", "chain", "inet", "aclgate_guard",
                                           "prerouting"],
        "an interface is taken out of the guard": ["delete", "element", "inet", "aclgate_guard",
                                                   "guarded", "{ wg0 }"],
        "an interface is disarmed": ["flush", "set", "inet", "aclgate_guard", "armed"],
    }.items():  # fmt: skip
        with report.case(f"keeper: {what}: it is mended within a second"), _repairs_counted(
            world, "guard"
        ):
            _heals(world, what, lambda: run("nft", *command))


def _time_of_new_tunnel(world, ret_times):
    """When another wg0 is there, and when it is enforced."""
    with world.router.netns.entered():
        old = socket.if_nametoindex("wg0")

    def new():
        with world.router.netns.entered(), contextlib.suppress(OSError):
            return socket.if_nametoindex("wg0") != old
        return False

    wait_until(new, "another wg0")
    since = time.monotonic()
    ret_times.append(_back(world, since))


def _check_made_anew(world, report):
    with report.case("keeper: wg0 is deleted and made again: enforced within a second"):
        times = []
        watcher = threading.Thread(target=_time_of_new_tunnel, args=(world, times))
        watcher.start()
        world.remake_tunnel("router")
        watcher.join()
        assert times and times[0] < WITHIN, f"{times} s"
    with report.case("keeper: ... the new one is judged"):
        _judges(world)
    with report.case("keeper: wg0 is away: lan0 is judged on"):
        world.router.netns.run("ip", "link", "delete", "wg0")
        time.sleep(1.5)
        states = {one["name"]: one["enforced"] for one in world.status()["interfaces"]}
        assert states == {"wg0": False, "lan0": True}, states
        found = leaks(world, SENDERS[2], only={REFUSED})
        assert not found, f"{len(found)} packets, such as {found[0]}"
        world.remake_tunnel("router")
        _back(world, time.monotonic())


def _check_pins(world, report):
    with report.case("keeper: the pins are deleted: a new gate stands within a second"):
        _heals(world, "pins", lambda: shutil.rmtree(world.pins))
        _judges(world)


def _check_registry(world, report):
    with report.case("keeper: the pin of the guarded interfaces alone is deleted: a load mends it"):
        _heals(world, "pin", (world.pins / "interfaces").unlink)
        _judges(world)


def _check_locked(world, report):
    """Somebody stopped a load in the middle: the guard does not wait for it."""
    lock = open(world.run_directory / "lock", "rb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with report.case("keeper: while another holds the lock, a guard that is gone is put up again"):
            world.router.netns.run("nft", "flush", "ruleset")
            wait_until(lambda: _guard(world), "the guard", 4)
    finally:
        lock.close()
    with report.case("keeper: ... and all is as it was once it is free"):
        _back(world, time.monotonic())
        _judges(world)


def _check_foreign(world, report):
    """In front of ours on the way out, and lets everything pass."""
    if not hooks.has_tcx(world.router.netns, "lan0"):
        report.skip("keeper: somebody else's program in front", "this kernel has no TCX")
        return
    accepts = 0  # TC_ACT_OK
    with report.case("keeper: somebody's program runs before ours at egress: ours is first again"):
        with hooks.foreign_tcx(world.router.netns, "lan0", "egress", accepts, hooks.FRONT) as other:
            assert _back(world, time.monotonic()) < WITHIN
            assert hooks.position(world.router.netns, "lan0", "egress", other) == 1
            _judges(world)


def _check_leaks(world, report):
    """Counted at the protected side while it is taken away again and again."""
    world.load(STREAMED, world.inventory())
    for name, source, harm in (
        ("egress of lan0 is detached, from the guest", world.guest,
         lambda: hooks.detach(world.router.netns, "lan0", "egress")),
        ("ingress of wg0 is detached, from the iMac", world.imac,
         lambda: hooks.detach(world.router.netns, "wg0", "ingress")),
        ("the ruleset is flushed, from the guest", world.guest,
         lambda: world.router.netns.run("nft", "flush", "ruleset")),
    ):  # fmt: skip
        stream = Stream(source, world.windows, 4, RATE)
        for _ in range(5):
            _heals(world, name, harm)
            time.sleep(0.3)
        sent, arrived = stream.end()
        egress = name.startswith("egress")
        print(f"# keeper: five times {name}: {arrived[NONE]} of {sent[NONE]} refused packets arrive")
        with report.case(f"keeper: five times {name}: refused packets do not arrive"):
            # TCX tells nobody: the keeper looks once a second
            limit = 5 * WITHIN * RATE if egress else 0
            assert arrived[NONE] <= limit, f"{arrived[NONE]} of {sent[NONE]} arrived"
        with report.case(f"keeper: five times {name}: allowed ones do, most of the time"):
            assert arrived[BOTH] > sent[BOTH] / 3, f"{arrived[BOTH]} of {sent[BOTH]} arrived"


# ---------------------------------------------------------------- the nft backend

# What names an interface and lets nothing pass there.
GUARD_LEFT = (
    "add table inet aclgate_guard;"
    "add set inet aclgate_guard guarded { type ifname; elements = { lan0 }; };"
    "add chain inet aclgate_guard prerouting { type filter hook prerouting priority -450; };"
    "add rule inet aclgate_guard prerouting iifname lan0 drop"
)


def _check_table(world, report):
    run = world.router.netns.run
    for what, command in {
        "the ruleset is flushed": ["flush", "ruleset"],
        "somebody adds a rule to the policy": ["add", "rule", "inet", "aclgate", "prerouting",
                                               "accept"],
    }.items():  # fmt: skip
        with report.case(f"keeper: nft: {what}: it is mended within a second"), _repairs_counted(
            world, "table"
        ):
            _heals(world, what, lambda: run("nft", *command))
            assert world.status()["backend"] == "nft"
    with report.case("keeper: nft: a guard that a killed load left in front of it is taken away"):
        run("nft", GUARD_LEFT)
        wait_until(lambda: not _guard(world), "the guard has gone", WITHIN)
        _judges(world)
    world.load(STREAMED, world.inventory())
    stream = Stream(world.guest, world.windows, 4, RATE)
    for _ in range(5):
        _heals(world, "flush", lambda: run("nft", "flush", "ruleset"))
        time.sleep(0.3)
    sent, arrived = stream.end()
    print(f"# keeper: nft: five flushes: {arrived[NONE]} of {sent[NONE]} refused packets arrive")
    with report.case("keeper: nft: five flushes: it is open for less than 100 ms each time"):
        assert arrived[NONE] <= 5 * 0.1 * RATE, f"{arrived[NONE]} of {sent[NONE]} arrived"


# ---------------------------------------------------------------- what somebody wants


def _stays(world, condition, what, seconds=2.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what
        time.sleep(0.1)


def _guard(world):
    tables = world.router.netns.run("nft", "list", "tables").stdout
    return "aclgate_guard" in tables


def _check_wishes(world, report):
    with report.case("keeper: a guard that was taken away by hand stays away"):
        assert world.aclctl("guard", "off").returncode == 0
        _stays(world, lambda: not _guard(world), "it is back")
    with report.case("keeper: ... also over a restart"):
        _stop(world)
        world.start_acld()
        _stays(world, lambda: not _guard(world), "it is back")
    with report.case("keeper: ... until somebody wants it again"):
        assert world.aclctl("guard", "on").returncode == 0
        _back(world, time.monotonic())
    with report.case("keeper: after an unload it keeps the gate shut, and loads nothing"):
        assert world.aclctl("unload").returncode == 0
        world.router.netns.run("nft", "flush", "ruleset")
        wait_until(lambda: _guard(world), "the guard", WITHIN)
        _stays(world, lambda: world.aclctl("status").returncode == 3, "something is loaded")
        for sender in SENDERS:
            found = leaks(world, sender)
            assert not found, f"{len(found)} packets, such as {found[0]}"
    with report.case("keeper: after unload --open it does nothing"):
        assert world.aclctl("unload", "--open").returncode == 0
        _stays(world, lambda: not _guard(world), "there is a guard")
    with report.case("keeper: a load by hand is taken up"):
        world.load(POLICY, world.inventory())
        _heals(world, "detach", lambda: hooks.detach(world.router.netns, "lan0", "ingress"))


# ---------------------------------------------------------------- beginnings and ends


def _check_start(world, report):
    world.load(POLICY, world.inventory())
    before = world.status()["generation"]
    with report.case("keeper: it loads at its start what was loaded last"), _acld(world):
        wait_until(lambda: world.status()["generation"] > before, "another generation", 2)
        assert _enforced(world)
    with report.case("keeper: killed: the gate stands as it was"):
        world.start_acld()
        _stop(world, signal.SIGKILL)
        assert _enforced(world)
        hooks.detach(world.router.netns, "lan0", "ingress")
        assert not leaks(world, SENDERS[1], only={REFUSED}), "open"
    with report.case("keeper: what was taken away meanwhile is back once it runs again"):
        since = time.monotonic()
        world.start_acld()
        assert _back(world, since) < 2 * WITHIN
        _stop(world)


def _check_addresses(world, report):
    """The addresses of the router itself are part of a policy: nobody else may speak with them."""
    before = world.status()["generation"]
    run = world.router.netns.run
    with report.case("keeper: the router gets an address: loaded again within two seconds"):
        run("ip", "address", "add", "10.77.7.7/32", "dev", "lo")
        wait_until(lambda: world.status()["generation"] > before, "another generation", 2)
        asked = world.aclctl("can", "10.77.7.7", f"{world.windows.address(4)}:{ALLOWED}")
        assert asked.returncode in (0, 1), asked.stderr
    with report.case("keeper: ... and then no more"):
        time.sleep(1.0)
        after = world.status()["generation"]
        _stays(world, lambda: world.status()["generation"] == after, "and another one")
    run("ip", "address", "del", "10.77.7.7/32", "dev", "lo")


def _wallclock(world):
    """A library that sets the time of day of who preloads it; and the file that says by how much."""
    library = world.file("wallclock.so", "")
    source = pathlib.Path(__file__).resolve().parents[1] / "wallclock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    ahead = world.file("ahead", "")
    ahead.write_bytes(struct.pack("=q", 0))
    return {"LD_PRELOAD": str(library), "WALLCLOCK_AHEAD": str(ahead)}, ahead


def _allowed(world):
    return bool(leaks(world, SENDERS[1], only={ALLOWED}))


HOUR = 3600


def _check_clock(world, report):
    """A rule that expires in an hour, for keeper and router whose time of day is set."""
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=HOUR)
    rule = allow("windows-machine", f"imac:{ALLOWED}", expires=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    environment, ahead = _wallclock(world)
    world.load(policy(rule, interfaces=["wg0", "lan0"]), world.inventory())
    world.start_acld(**environment)
    try:
        with report.case("keeper: a rule that expires in an hour is one now"):
            assert _allowed(world), "nothing arrives"
        for seconds, expected in ((2 * HOUR, False), (0, True)):
            with report.case(f"keeper: the clock is set to {seconds} s ahead: allowed is {expected}"):
                before = world.status()["generation"]
                with open(ahead, "r+b") as file:
                    file.write(struct.pack("=q", seconds))
                wait_until(lambda: world.status()["generation"] > before, "another generation", 2)
                assert _allowed(world) == expected
    finally:
        _stop(world)
    with report.case("keeper: a clock that is behind: what expires some day counts as expired"):
        os.utime(world.state / "clock", (until.timestamp() + HOUR,) * 2)
        result = world.aclctl("restore")
        assert result.returncode == 0 and "is behind" in result.stderr, result.stderr
        assert not _allowed(world), "it is allowed"
    with report.case("keeper: ... until it is right"):
        os.utime(world.state / "clock")
        result = world.aclctl("restore")
        assert result.returncode == 0 and "is behind" not in result.stderr, result.stderr
        assert _allowed(world), "it is not allowed"


def _check_log(report):
    text = (LOGS / "acld.log").read_text()
    for what in ("acld: the guard is put right", "loaded again as generation", "wg0: the programs were removed; "):
        with report.case(f"keeper: the log says {what!r}"):
            assert what in text, text[-2000:]


def run(world, report):
    try:
        _check_start(world, report)
        with _acld(world):
            _check_detached(world, report)
            _check_guard(world, report)
            _check_made_anew(world, report)
            _check_pins(world, report)
            _check_registry(world, report)
            _check_locked(world, report)
            _check_foreign(world, report)
            _check_addresses(world, report)
            _check_leaks(world, report)
            _check_wishes(world, report)
            world.aclctl("unload", "--open")
            world.backend = "nft"
            world.load(POLICY, world.inventory())
            _check_table(world, report)
        world.backend = "auto"
        _check_clock(world, report)
        _check_log(report)
    finally:
        world.backend = "auto"
        world.aclctl("unload", "--open")
