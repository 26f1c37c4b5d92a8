# SPDX-License-Identifier: GPL-2.0-or-later
"""`aclctl restore`: what was loaded last, once more, as the machine is now. Interfaces that are away
stay shut, what somebody opened stays open, and no half of a policy is ever loaded."""

import json
import shutil

import probe
from cases.guard import ALLOWED, POLICY, REFUSED, SENDERS, leaks
from cases.story import VERSIONS
from denied import WITHOUT_ATTACHING
from policy import policy

ONLY_WG0 = policy(*POLICY["acls"], interfaces=["wg0"])


def _restore(world, code=0):
    result = world.aclctl("restore")
    assert result.returncode == code, f"exit {result.returncode}: {result.stdout}{result.stderr}"
    return result.stdout + result.stderr


def _must_load(world, loaded=POLICY):
    result = world.try_load(loaded, world.inventory())
    assert result.returncode == 0, result.stderr


def _judges(world):
    assert world.aclctl("status").returncode == 0, world.aclctl("status").stdout
    for sender in SENDERS[:2]:
        assert leaks(world, sender, only={ALLOWED}), f"nothing of {sender.name} arrives"
        refused = leaks(world, sender, only={REFUSED})
        assert not refused, f"{len(refused)} packets, such as {refused[0]}"


def _forget(world):
    """As a boot does: of the gate there is what is on the disk, and nothing is attached or guarded."""
    kept = world.state.with_name("state-kept")
    shutil.copytree(world.state, kept)
    world.aclctl("unload", "--open")
    shutil.rmtree(world.state)
    kept.rename(world.state)
    shutil.rmtree(world.run_directory)


def _check_nothing(world, report):
    with report.case("restore: where nothing was ever loaded there is nothing to restore"):
        world.aclctl("unload", "--open")
        assert "no policy to load again" in _restore(world, 1)


def _check_again(world, report):
    for backend in ("bpf", "nft"):
        world.backend = backend
        _must_load(world)
        before = world.status()
        pairs = [
            probe.connect_pair(world.windows.netns, world.imac.netns, world.imac.address(version),
                               ALLOWED) for version in VERSIONS
        ]  # fmt: skip
        with report.case(f"restore: {backend}: the same policy by the same backend, one number on"):
            _restore(world)
            after = world.status()
            assert after["generation"] == before["generation"] + 1, after
            for name in ("sha256", "backend", "loaded"):
                assert after[name] == before[name], f"{name}: {before[name]}, {after[name]}"
        with report.case(f"restore: {backend}: open connections go on"):
            for near, far in pairs:
                with near, far:
                    assert probe.token_arrives(far, near), "the opener hears nothing"
                    assert probe.token_arrives(near, far), "the other side does not"
        with report.case(f"restore: {backend}: it judges as before"):
            _judges(world)


def _check_boot(world, report):
    for backend in ("bpf", "nft"):
        world.backend = backend
        _must_load(world)
        with report.case(f"restore: {backend}: after a boot the guard knows what to shut"):
            _forget(world)
            assert world.aclctl("guard", "on").returncode == 0
            for sender in SENDERS:
                found = leaks(world, sender)
                assert not found, f"{len(found)} packets, such as {found[0]}"
        with report.case(f"restore: {backend}: ... also where it does not know how to load"):
            options = world.state / "options"
            text = options.read_text()
            options.write_text(text + "of-a-later-version yes\n")
            world.router.netns.run("nft", "flush", "ruleset")
            assert world.aclctl("guard", "on").returncode == 0
            assert not any(leaks(world, sender) for sender in SENDERS)
            assert "not what was loaded" in _restore(world, 1)
            options.write_text(text)
        with report.case(f"restore: {backend}: ... and the policy is back, by the same backend"):
            _restore(world)
            assert world.status()["backend"] == backend, world.status()
            _judges(world)


def _check_absent(world, report):
    world.backend = "bpf"
    with report.case("restore: the only interface is away: it is shut, and that is no failure"):
        _must_load(world, ONLY_WG0)
        world.router.netns.run("ip", "link", "delete", "wg0")
        assert "until they are" in _restore(world)
        assert world.aclctl("status").returncode == 3
    with report.case("restore: ... another one of that name is shut"):
        world.remake_tunnel("router")
        assert not leaks(world, SENDERS[0]), "imac gets through"
    with report.case("restore: ... until the policy is restored"):
        _restore(world)
        assert world.aclctl("status").returncode == 0, world.aclctl("status").stdout
    with report.case("restore: one of two is away: the other is judged"):
        _must_load(world)
        world.router.netns.run("ip", "link", "delete", "wg0")
        _forget(world)
        world.aclctl("guard", "on")
        _restore(world)
        states = {one["name"]: one["enforced"] for one in world.status()["interfaces"]}
        assert states == {"wg0": False, "lan0": True}, states
        assert world.aclctl("status").returncode == 3
        sent = leaks(world, SENDERS[2], only={ALLOWED})
        assert sent, "what the policy allows guest does not pass to lan0"
    with report.case("restore: ... and it stays so when it comes back without a restore"):
        world.remake_tunnel("router")
        assert not leaks(world, SENDERS[0]), "imac gets through"
        _restore(world)
        _judges(world)
    with report.case("restore: a load by hand still wants every interface to be there"):
        world.router.netns.run("ip", "link", "delete", "wg0")
        result = world.try_load(POLICY, world.inventory())
        assert result.returncode == 1 and "bring it up first" in result.stderr, result.stderr
        world.remake_tunnel("router")
        _restore(world)
        _judges(world)


def _check_opened(world, report):
    with report.case("restore: what was opened by hand is left alone"):
        _must_load(world)
        assert world.aclctl("guard", "off").returncode == 0
        assert "opened by hand" in _restore(world, 1)
    with report.case("restore: ... until the guard is on again"):
        assert world.aclctl("guard", "on").returncode == 0
        _restore(world)
        _judges(world)
    with report.case("restore: an interface that was shut by hand is so after the next boot"):
        world.aclctl("guard", "on", "--interface", "eth1")
        _must_load(world)
        _forget(world)
        assert "eth1 is shut" in world.aclctl("guard", "on").stdout
        assert not leaks(world, SENDERS[2]), "guest gets through"
        world.aclctl("unload", "--open")


def _check_copies(world, report):
    _must_load(world)
    stored = world.state / "policy.json"
    text = stored.read_text()
    with report.case("restore: copies that are not of one load are refused, and the policy runs on"):
        stored.write_text(json.dumps(json.loads(text) | {"mode": "audit"}))
        assert "not what was loaded" in _restore(world, 1)
        stored.write_text(text)
        _judges(world)
    with report.case("restore: an older policy does not take the place of the one that runs"):
        older = {path.name: path.read_bytes() for path in world.state.iterdir()}
        _must_load(world, ONLY_WG0)
        for name, content in older.items():
            (world.state / name).write_bytes(content)
        assert "is not the one in" in _restore(world, 1)
    with report.case("restore: a test of the policy that fails now is told, and no obstacle"):
        tested = POLICY | {"tests": [{"src": "windows-machine", "accept": ["imac:3000"]}]}
        _must_load(world, tested)
        assert "test failed" not in _restore(world)


def _check_damaged(world, report):
    with report.case("restore: names that are damaged on the disk: what can be read is shut, and wg0"):
        _must_load(world)
        _forget(world)
        (world.state / "guarded").write_text("lan0\nno name of an interface is so long\n")
        result = world.aclctl("guard", "on")
        assert result.returncode == 0 and "is damaged" in result.stderr, result.stderr
        for sender in SENDERS:
            found = leaks(world, sender)
            assert not found, f"{len(found)} packets, such as {found[0]}"
        world.aclctl("unload", "--open")


def _check_failed(world, report):
    with report.case("restore: a load that fails does not change what a boot shuts"):
        _must_load(world, ONLY_WG0)
        before = (world.state / "guarded").read_text()
        result = world.try_load(POLICY, world.inventory(), wrapper=WITHOUT_ATTACHING)
        assert result.returncode == 1, result.stdout
        assert (world.state / "guarded").read_text() == before, before
        assert not list(world.state.glob("*.new")), list(world.state.glob("*.new"))


def _check_full(world, report):
    """The state directory is on a file system of its own, which is full."""
    _must_load(world)
    small = world.state.with_name("state-small")
    small.mkdir()
    mount = "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)
    world.router.netns.run(*mount)
    try:
        for path in world.state.iterdir():
            shutil.copy(path, small)
        (small / "ballast").write_bytes(b"\0" * (64 * 1024 - sum(
            4096 * -(-path.stat().st_size // 4096) for path in small.iterdir())))  # fmt: skip
        before = world.status()
        wrapper = "env", f"ACLGATE_STATE_DIR={small}"
        with report.case("restore: a load that cannot keep its copies is refused before it counts"):
            result = world.try_load(ONLY_WG0, world.inventory(), wrapper=wrapper)
            assert result.returncode == 1 and "No space left" in result.stderr, result.stderr
            assert world.status() | {"flows": 0} == before | {"flows": 0}
            _judges(world)
        with report.case("restore: ... and a restore needs no space"):
            result = world.aclctl("restore", wrapper=wrapper)
            assert result.returncode == 0, result.stderr
            _judges(world)
    finally:
        world.router.netns.run("umount", str(small))


def run(world, report):
    try:
        _check_nothing(world, report)
        _check_again(world, report)
        _check_boot(world, report)
        _check_absent(world, report)
        _check_opened(world, report)
        _check_copies(world, report)
        _check_damaged(world, report)
        _check_failed(world, report)
        _check_full(world, report)
    finally:
        world.backend = "auto"
        world.aclctl("unload", "--open")
