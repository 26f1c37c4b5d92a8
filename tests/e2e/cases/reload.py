# SPDX-License-Identifier: GPL-2.0-or-later
"""A second load: what it takes away dies at once, everything else lives on. A load that fails
changes nothing."""

import contextlib
import socket
import threading
import time

import probe
from cases.story import VERSIONS
from world import INVENTORY, wait_until

KEPT, REVOKED = 3000, 22

BOTH = {
    "acls": [
        {"action": "accept", "src": ["windows-machine"], "dst": [f"imac:{KEPT}"]},
        {"action": "accept", "src": ["windows-machine"], "dst": [f"vps:{REVOKED}"]},
    ]
}
ONE = {"acls": BOTH["acls"][:1]}


class Stream:
    """One side keeps sending, the other keeps reading; the time of the last byte is kept."""

    def __init__(self, sender, receiver):
        self.sent = self.last_arrival = 0.0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(sender,), daemon=True),
            threading.Thread(target=self._receive, args=(receiver,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, sender):
        sender.settimeout(0.2)
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                sender.send(b"x" * 100)
            time.sleep(0.002)

    def _receive(self, receiver):
        receiver.settimeout(0.1)
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                if receiver.recv(65536):
                    self.last_arrival = time.time()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


# On the way from the gate to the reader when the load returned: the tunnel's queue, this
# process's turn on the CPU.
IN_FLIGHT = 0.1


class Conversation:
    """Connections of the PC to both peers over one family, and a stream on each of a second
    pair; opened before the load, looked at after it."""

    def __init__(self, world, version):
        windows = world.windows.netns
        vps, imac = world.vps, world.imac
        self._stack = contextlib.ExitStack()
        self.revoked = self._pair(windows, vps, version, REVOKED)
        self.kept = self._pair(windows, imac, version, KEPT)
        up = self._pair(windows, vps, version, REVOKED)
        down = self._pair(windows, vps, version, REVOKED)
        self.streams = {
            "windows -> vps": Stream(*up),
            "vps -> windows": Stream(*reversed(down)),
        }

    def _pair(self, client, server, version, port):
        pair = probe.connect_pair(client, server.netns, server.address(version), port)
        for end in pair:
            self._stack.enter_context(end)
        return pair

    def close(self):
        for stream in self.streams.values():
            stream.stop()
        self._stack.close()


def _check_before(report, conversation, version):
    with report.case(f"reload: before it, both connections work IPv{version}"):
        for near, far in (conversation.revoked, conversation.kept):
            assert probe.token_arrives(near, far) and probe.token_arrives(far, near)
        for name, stream in conversation.streams.items():
            wait_until(lambda stream=stream: stream.last_arrival, f"{name} streams", 3)


def _check_after(report, conversation, version, returned):
    near, far = conversation.revoked
    for name, (sender, receiver) in {"windows": (near, far), "vps": (far, near)}.items():
        with report.case(f"reload: what {name} then sends on the revoked one is lost IPv{version}"):
            assert not probe.token_arrives(sender, receiver, timeout=1.5), "it arrived"
    near, far = conversation.kept
    with report.case(f"reload: the other connection goes on IPv{version}"):
        assert probe.token_arrives(near, far), "nothing arrives at imac"
        assert probe.token_arrives(far, near), "nothing arrives at windows"
    for name, stream in conversation.streams.items():
        with report.case(f"reload: the stream {name} stops within the load IPv{version}"):
            late = stream.last_arrival - returned
            assert stream.last_arrival, "it never began"
            assert late < IN_FLIGHT, f"data arrived {late:.3f} s after the load had returned"


def _check_revocation(world, report):
    world.load(BOTH)
    conversations = {version: Conversation(world, version) for version in VERSIONS}
    try:
        for version, conversation in conversations.items():
            _check_before(report, conversation, version)
        world.load(ONE)
        returned = time.time()
        for version, conversation in conversations.items():
            _check_after(report, conversation, version, returned)
    finally:
        for conversation in conversations.values():
            conversation.close()


def _check_udp(world, report):
    """A UDP flow is a conversation too."""
    for version in VERSIONS:
        world.load(BOTH)
        with world.serve("vps"), report.case(f"reload: a revoked UDP flow dies IPv{version}"):
            address = world.vps.address(version)
            family = probe.family_of(address)
            with world.windows.netns.socket(family, socket.SOCK_DGRAM) as asker:
                asker.settimeout(1.0)
                asker.connect((address, REVOKED))
                asker.send(b"before")
                assert asker.recv(100) == b"before"
                world.load(ONE)
                asker.send(b"after")
                with contextlib.suppress(TimeoutError):
                    raise AssertionError(f"answered: {asker.recv(100)}")


# ---------------------------------------------------------------- the first load


def _check_first_load(world, report):
    """Connections from before there was a gate: the allowed one is picked up, the other dies."""
    world.aclctl("unload", "--open")
    windows, imac = world.windows, world.imac
    pairs = {}
    for version in VERSIONS:
        allowed = probe.connect_pair(windows.netns, imac.netns, imac.address(version), KEPT)
        refused = probe.connect_pair(imac.netns, windows.netns, windows.address(version), 445)
        pairs[version] = allowed, refused
    world.load(ONE)
    for version, (allowed, refused) in pairs.items():
        near, far = allowed
        with near, far, report.case(f"reload: the first load keeps what it allows IPv{version}"):
            assert probe.token_arrives(near, far), "nothing arrives at imac"
            assert probe.token_arrives(far, near), "nothing arrives at windows"
        near, far = refused
        with near, far, report.case(f"reload: the first load cuts what it refuses IPv{version}"):
            assert not probe.token_arrives(near, far, timeout=1.0), "imac still reaches windows"
            assert not probe.token_arrives(far, near, timeout=1.0), "windows still answers imac"


# ---------------------------------------------------------------- several at once


def _check_parallel(world, report):
    """They take turns; the last one wins, and none is half-done."""
    with report.case("reload: eight loads at the same time all succeed, one after the other"):
        before = world.status()["generation"]
        files = [world.file(f"{number}.json", (BOTH, ONE)[number % 2]) for number in range(8)]
        loads = [world.start_load(path) for path in files]
        failed = [load.args for load in loads if load.wait(timeout=30) != 0]
        assert not failed, f"failed: {failed}"
        grown = world.status()["generation"] - before
        assert grown == len(loads), f"the generation grew by {grown}"


# ---------------------------------------------------------------- loads that fail

WRONG = {
    "a syntax error": '{"acls": [ }',
    "an unknown key": '{"acls": [], "aclz": []}',
    "an unknown device": '{"acls": [{"action": "accept", "src": ["nobody"], "dst": ["vps:22"]}]}',
    "a test of its own that fails":
        '{"acls": [], "tests": [{"src": "windows-machine", "accept": ["vps:22"]}]}',
}  # fmt: skip


def _identity(status):
    """Which policy is running: every generation number and hash that status shows."""
    found = {}

    def collect(value, path=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                collect(inner, f"{path}/{key}")
        elif any(word in path for word in ("generation", "sha256", "hash")):
            found[path] = value

    collect(status)
    assert found, "status shows neither generation nor hash"
    return found


def _failing_loads(world):
    good = world.file("good.json", ONE)
    inventory = INVENTORY
    for name, text in WRONG.items():
        path = world.file("wrong.json", text)
        yield name, 1, lambda path=path: world.aclctl("load", path, "--inventory", inventory)
    yield "a file that is not there", 1, lambda: world.aclctl("load", "/nowhere/policy.json")
    yield "an interface that is not there", 1, lambda: world.aclctl(
        "load", good, "--inventory", inventory, "--interface", "nope0"
    )
    open_inventory = world.file("inventory.json", inventory.read_text())
    yield "no privilege", 4, lambda: world.aclctl_as_nobody(
        "load", good, "--inventory", open_inventory
    )


def _check_failure(world, report, name, expected, load):
    with report.case(f"reload: a load that fails for {name} exits {expected}, changes nothing"):
        before = _identity(world.status())
        result = load()
        assert result.returncode == expected, f"exit {result.returncode}: {result.stderr}"
        assert result.stderr, "it failed without a word"
        assert _identity(world.status()) == before, "status differs"


def _check_failing_loads(world, report):
    world.load(BOTH)
    conversations = {}
    for version in VERSIONS:
        address = world.vps.address(version)
        pair = probe.connect_pair(world.windows.netns, world.vps.netns, address, REVOKED)
        conversations[version] = pair
    for name, expected, load in _failing_loads(world):
        _check_failure(world, report, name, expected, load)
    for version, (near, far) in conversations.items():
        name = f"reload: an open connection outlives failed loads IPv{version}"
        with near, far, report.case(name):
            assert probe.token_arrives(near, far) and probe.token_arrives(far, near), "it is dead"


def _check_dry_run(world, report):
    """BOTH is loaded; a dry run of less must take nothing away."""
    with report.case("reload: --dry-run changes nothing"):
        before = _identity(world.status())
        result = world.aclctl(
            "load", world.file("less.json", ONE), "--inventory", INVENTORY, "--dry-run"
        )
        assert result.returncode == 0, result.stderr
        assert _identity(world.status()) == before, "status differs"


def run(world, report):
    _check_first_load(world, report)
    _check_revocation(world, report)
    _check_udp(world, report)
    _check_failing_loads(world, report)
    _check_dry_run(world, report)
    _check_parallel(world, report)
