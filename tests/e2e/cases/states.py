# SPDX-License-Identifier: GPL-2.0-or-later
"""What loads, guards and backends leave behind in each order: nothing opens without a word, what was
shut by hand stays shut, and status says what is so."""

import shutil
import time

import wire
from cases.guard import ALLOWED, POLICY, REFUSED, SENDERS, leaks
from denied import WITHOUT_ATTACHING, WITHOUT_PROGRAMS
from policy import policy

ONLY_WG0 = policy(*POLICY["acls"], interfaces=["wg0"])
OPENED = '"lan0" is no longer guarded'


def _load(world, loaded, backend, **options):
    world.backend = backend
    return world.try_load(loaded, world.inventory(), **options)


def _must_load(world, loaded, backend):
    result = _load(world, loaded, backend)
    assert result.returncode == 0, result.stderr
    return result.stderr


def _guard(world):
    """The guard, as nft tells; "" where there is none."""
    command = ["nft", "list", "table", "inet", "aclgate_guard"]
    return world.router.netns.run(*command, check=False).stdout


def _judges(world):
    assert leaks(world, SENDERS[0], only={ALLOWED}), "what is allowed does not pass"
    found = leaks(world, SENDERS[0], only={REFUSED})
    assert not found, f"{len(found)} packets, such as {found[0]}"


def _check_told(world, report):
    for before, after in (("bpf", "nft"), ("nft", "bpf"), ("nft", "nft"), ("bpf", "bpf")):
        with report.case(f"states: {before} to {after}: an interface that is given up is told"):
            _must_load(world, POLICY, before)
            said = _must_load(world, ONLY_WG0, after)
            assert OPENED in said, said
        with report.case(f"states: {before} to {after}: one that stays is not"):
            assert '"wg0" is no longer' not in said, said


def _check_shut_by_hand(world, report):
    for backend in ("bpf", "nft"):
        with report.case(f"states: eth1, shut by hand, stays shut over a load by {backend}"):
            world.aclctl("unload", "--open")
            world.aclctl("guard", "on", "--interface", "eth1")
            _must_load(world, ONLY_WG0, backend)
            assert 'iifname "eth1"' in _guard(world), _guard(world)
            assert not leaks(world, SENDERS[2]), "guest gets through"
    with report.case("states: ... and what nftables guards is not"):
        assert 'iifname "wg0"' not in _guard(world), _guard(world)
        _judges(world)
    with report.case("states: it can be shut while nftables enforces"):
        world.aclctl("unload", "--open")
        _must_load(world, ONLY_WG0, "nft")
        world.aclctl("guard", "on", "--interface", "eth1")
        assert 'iifname "eth1"' in _guard(world), _guard(world)
        _judges(world)
    with report.case("states: a guard that somebody changed still knows what was shut by hand"):
        _must_load(world, ONLY_WG0, "bpf")
        world.router.netns.run("nft", "add rule inet aclgate_guard prerouting counter")
        assert world.aclctl("status").returncode == 3
        _must_load(world, ONLY_WG0, "bpf")
        assert 'iifname "eth1"' in _guard(world), _guard(world)
        assert world.aclctl("status").returncode == 0
    world.aclctl("unload", "--open")


def _check_other_gate(world, report):
    """Its programs have the same names, and other tables."""
    other = {name: f"{world.environment()[name]}-other" for name in
             ("ACLGATE_PIN_DIR", "ACLGATE_STATE_DIR", "ACLGATE_RUN_DIR")}  # fmt: skip
    elsewhere = ["env", *(f"{name}={path}" for name, path in other.items())]
    with report.case("states: another gate took the interfaces over: status exits 3"):
        _must_load(world, POLICY, "bpf")
        assert _load(world, ONLY_WG0, "bpf", wrapper=elsewhere).returncode == 0
        result = world.aclctl("status")
        assert result.returncode == 3 and "another gate" in result.stdout, result.stdout
    with report.case("states: ... a load takes them back"):
        _must_load(world, POLICY, "bpf")
        assert world.aclctl("status").returncode == 0, world.aclctl("status").stdout
        assert world.aclctl("status", wrapper=elsewhere).returncode == 3
        _judges(world)
    shutil.rmtree(other["ACLGATE_PIN_DIR"], ignore_errors=True)


def _check_failed(world, report):
    with report.case("states: a load that fails to change the mark leaves it as it was"):
        _must_load(world, POLICY, "bpf")
        result = _load(world, POLICY | {"markBit": 24}, "bpf", wrapper=WITHOUT_ATTACHING)
        assert result.returncode == 1, f"exit {result.returncode}"
        assert world.aclctl("status").returncode == 0, world.aclctl("status").stdout
        _judges(world)
    with report.case("states: without pins, a load that fails leaves the programs that judge"):
        shutil.rmtree(world.pins)
        assert _load(world, POLICY, "bpf", wrapper=WITHOUT_PROGRAMS).returncode != 0
        _judges(world)
        _must_load(world, POLICY, "bpf")


def _check_changed_table(world, report):
    with report.case("states: somebody changes the policy in nftables: status exits 3"):
        _must_load(world, POLICY, "nft")
        world.router.netns.run("nft", "add rule inet aclgate prerouting counter")
        result = world.aclctl("status")
        assert result.returncode == 3 and "changed the table" in result.stdout, result
    with report.case("states: ... unload removes it, and shuts"):
        assert "shut" in world.aclctl("unload").stdout
        tables = world.router.netns.run("nft", "list", "tables").stdout
        assert tables.split() == ["table", "inet", "aclgate_guard"], tables
    with report.case("states: an element that is gone: status exits 3, a load mends it"):
        _must_load(world, POLICY, "nft")
        world.router.netns.run("nft", "delete element inet aclgate guarded { lan0 }")
        assert world.aclctl("status").returncode == 3
        _must_load(world, POLICY, "nft")
        assert world.aclctl("status").returncode == 0


def _check_own_address(world, report):
    """IPv6 forwards what claims to be from the router itself, which may do what the guest may not."""
    forged = [wire.udp("fd00:77::1", world.imac.address(6), (20004, ALLOWED)),
              wire.udp("fd77::1", world.windows.address(6), (20004, ALLOWED))]  # fmt: skip
    for backend in ("bpf", "nft"):
        with report.case(f"states: {backend}: nobody on an unguarded LAN speaks as the router"):
            _must_load(world, POLICY, backend)
            with world.imac.watch() as there, world.windows.watch() as here:
                for packet in forged:
                    wire.send(world.guest.netns, packet)
                    wire.send(world.router.netns, packet)
                    time.sleep(0.1)
                arrived = [one for one in there.packets() + here.packets()
                           if one.source_port == 20004]  # fmt: skip
            # those of the router itself
            assert len(arrived) == len(forged), f"{len(arrived)} arrived: {arrived[0]}"


def _check_capabilities(world, report):
    """Who cannot tell whose programs are attached must not touch them, nor the guard."""
    less = "setpriv", "--bounding-set=-sys_admin"
    _must_load(world, POLICY, "bpf")
    for command in (["unload"], ["unload", "--open"], ["guard", "on"], ["restore"]):
        what = " ".join(command)
        with report.case(f"states: {what} without CAP_SYS_ADMIN: exit 4, and all is as it was"):
            result = world.aclctl(*command, wrapper=less)
            assert result.returncode == 4, f"exit {result.returncode}: {result.stdout}"
            assert world.aclctl("status").returncode == 0, world.aclctl("status").stdout
    with report.case("states: ... and it judges"):
        _judges(world)


def run(world, report):
    try:
        _check_told(world, report)
        _check_shut_by_hand(world, report)
        _check_other_gate(world, report)
        _check_failed(world, report)
        _check_changed_table(world, report)
        _check_own_address(world, report)
        _check_capabilities(world, report)
    finally:
        world.backend = "auto"
        world.aclctl("unload", "--open")
