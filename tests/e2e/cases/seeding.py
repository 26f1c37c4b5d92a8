# SPDX-License-Identifier: GPL-2.0-or-later
"""The first load on a router that is at work: connections from before go on where the policy allows
them. Also those whose opener is silent, such as a page that waits for news: what the other side
sends opens nothing, so the gate has to know them from the kernel's connection tracking."""

import contextlib
import socket
import sys
import time

import probe
from cases.reload import IN_FLIGHT, Stream
from cases.story import VERSIONS
from firewall import TRACKING, masquerade, nftables
from policy import allow, policy
from world import wait_until

PC = "windows-machine"
ALLOWED, REFUSED = 3000, 4100
POLICY = policy(allow(PC, f"imac:{ALLOWED}"))
GUARDED = {"wg0": ["wg0"], "wg0 and lan0": ["wg0", "lan0"]}


class Before:
    """Connections from before the gate over one family; both ends are in our hands."""

    def __init__(self, world, version):
        self.stack = contextlib.ExitStack()
        windows, imac = world.windows, world.imac
        self.quiet = self._pair(windows, imac, version, ALLOWED)
        pushed = self._pair(windows, imac, version, ALLOWED)
        self.refused = self._pair(windows, imac, version, REFUSED)
        self.inward = self._pair(imac, windows, version, REFUSED)
        cut = self._pair(windows, imac, version, REFUSED)
        self.stream = self._stream(*reversed(pushed))
        self.cut = self._stream(*reversed(cut))
        family = probe.family_of(imac.address(version))
        self.asker = self.stack.enter_context(windows.netns.socket(family, socket.SOCK_DGRAM))
        self.server = self.stack.enter_context(imac.netns.socket(family, socket.SOCK_DGRAM))
        self.server.bind((imac.address(version), ALLOWED))
        for one in (self.asker, self.server):
            one.settimeout(1.0)
        self.asker.connect((imac.address(version), ALLOWED))
        self.asker.send(b"?")
        self._peer = self.server.recvfrom(10)[1]
        assert self.answer(), "UDP does not work without a gate"

    def _pair(self, client, server, version, port):
        pair = probe.connect_pair(client.netns, server.netns, server.address(version), port)
        for one in pair:
            self.stack.enter_context(one)
        return pair

    def _stream(self, sender, receiver):
        stream = Stream(sender, receiver)
        self.stack.callback(stream.stop)
        wait_until(lambda: stream.last_arrival, "a stream before the load", 3)
        return stream

    def answer(self):
        """UDP, from the side that was asked."""
        self.server.sendto(b"!", self._peer)
        with contextlib.suppress(TimeoutError):
            return self.asker.recv(10) == b"!"
        return False


def _check_allowed(report, how, before, version):
    near, far = before.quiet
    with report.case(f"seeding: {how}: the server speaks first after the load IPv{version}"):
        assert probe.token_arrives(far, near), "windows hears nothing"
        assert probe.token_arrives(near, far), "imac hears nothing"
    with report.case(f"seeding: {how}: the stream to a silent client goes on IPv{version}"):
        since = time.time()
        wait_until(lambda: before.stream.last_arrival > since + 0.3, "more of the stream", 3)
    with report.case(f"seeding: {how}: a UDP answer passes IPv{version}"):
        assert before.answer(), "windows hears nothing"


def _check_refused(report, how, before, version, returned):
    with report.case(f"seeding: {how}: a stream that is not allowed is cut IPv{version}"):
        late = before.cut.last_arrival - returned
        assert late < IN_FLIGHT, f"data arrived {late:.3f} s after the load had returned"
    pairs = {"windows -> imac": before.refused, "imac -> windows": before.inward}
    for name, (near, far) in pairs.items():
        with report.case(f"seeding: {how}: {name}, not allowed, is dead IPv{version}"):
            assert not probe.token_arrives(far, near, timeout=0.3), "the opener hears something"
            assert not probe.token_arrives(near, far, timeout=0.3), "the other side does"


def _check_first_load(world, report, how, interfaces, *chains):
    world.aclctl("unload", "--open")
    with nftables(world.router.netns, *chains):
        before = {version: Before(world, version) for version in VERSIONS}
        with contextlib.ExitStack() as stack:
            for one in before.values():
                stack.enter_context(one.stack)
            with report.case(f"seeding: {how}: a first load says nothing of connections"):
                said = world.load(POLICY | {"interfaces": interfaces}, world.inventory())
                assert "tracks no connections" not in said, said
            returned = time.time()
            time.sleep(0.3)
            for version, one in before.items():
                _check_allowed(report, how, one, version)
                _check_refused(report, how, one, version, returned)


MANY = 200


def _ask(world, version):
    """Sockets of the PC that the iMac has answered already, and where it has to send."""
    address = world.imac.address(version)
    family = probe.family_of(address)
    server = world.imac.netns.socket(family, socket.SOCK_DGRAM)
    server.bind((address, ALLOWED))
    server.settimeout(1.0)
    askers = []
    for _ in range(MANY):
        asker = world.windows.netns.socket(family, socket.SOCK_DGRAM)
        asker.settimeout(1.0)
        asker.connect((address, ALLOWED))
        askers.append((asker, _converse(asker, server)))
    return server, askers


# What the gate refuses it refuses each time; the tunnel may be silent for as long as it waits for the
# answer to a handshake that was lost (REKEY_TIMEOUT, 5 s, of the WireGuard paper).
PATIENCE = 8  # seconds


def _converse(asker, server):
    lost = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            asker.send(b"?")
            peer = server.recvfrom(10)[1]
        except TimeoutError:
            lost.append("question")
            continue
        server.sendto(b"!", peer)
        with contextlib.suppress(TimeoutError):
            asker.recv(10)
            return peer
        lost.append(f"answer to {peer}")
    raise AssertionError(f"without a gate {asker.getsockname()} loses {', '.join(lost)}")


def _hears(asker):
    asker.setblocking(False)
    try:
        return asker.recv(10) == b"!"
    except BlockingIOError:
        return False


def _lost(server, askers):
    """How many do not hear the server, which speaks first: they have opened nothing since."""
    end = time.monotonic() + PATIENCE
    while askers and time.monotonic() < end:
        for _, peer in askers:
            server.sendto(b"!", peer)
            time.sleep(0.001)
        time.sleep(0.3)
        askers = [(asker, peer) for asker, peer in askers if not _hears(asker)]
    return len(askers)


def _check_many(world, report):
    """Not one of them may be missing."""
    for version in VERSIONS:
        for attempt in (1, 2, 3):
            name = f"seeding: all of {MANY} conversations go on IPv{version}, load {attempt}"
            with report.case(name), contextlib.ExitStack() as stack:
                done = world.aclctl("unload", "--open")
                assert done.returncode == 0, done.stderr
                stack.enter_context(nftables(world.router.netns, TRACKING))
                server, askers = _ask(world, version)
                for one in (server, *(asker for asker, _ in askers)):
                    stack.enter_context(one)
                world.load(POLICY, world.inventory())
                lost = _lost(server, askers)
                assert not lost, f"{lost} do not"


# ---------------------------------------------------------------- without tracking


def _check_untracked(world, report):
    """Nothing made the kernel track them: they live from the first word of their opener."""
    world.aclctl("unload", "--open")
    pairs = {
        version: probe.connect_pair(
            world.windows.netns, world.imac.netns, world.imac.address(version), ALLOWED
        )
        for version in VERSIONS
    }
    world.load(POLICY, world.inventory())
    for version, (near, far) in pairs.items():
        with near, far:
            with report.case(f"seeding: not tracked, the server is not heard first IPv{version}"):
                with world.counts(device="imac", direction="ingress", reason="no_state"):
                    assert not probe.token_arrives(far, near, timeout=0.4), "it is"
            with report.case(f"seeding: not tracked, a word of windows opens it IPv{version}"):
                assert probe.token_arrives(near, far), "imac hears nothing"
                near.settimeout(5.0)
                assert near.recv(16), "what the server had said does not come after all"


def _check_only_first(world, report):
    """Later loads ask the kernel nothing: what the gate refused stays refused."""
    world.aclctl("unload", "--open")
    with nftables(world.router.netns, TRACKING):
        pairs = {
            version: probe.connect_pair(
                world.imac.netns, world.windows.netns, world.windows.address(version), REFUSED
            )
            for version in VERSIONS
        }
        world.load(POLICY, world.inventory())
        world.load(POLICY, world.inventory())
        for version, (near, far) in pairs.items():
            with near, far, report.case(f"seeding: a second load revives nothing IPv{version}"):
                assert not probe.token_arrives(far, near, timeout=0.4), "it does"


def run(world, report):
    for name, interfaces in GUARDED.items():
        _check_first_load(world, report, f"{name} guarded", interfaces, TRACKING)
    _check_first_load(
        world, report, "behind a masquerade", GUARDED["wg0 and lan0"], masquerade("wg0")
    )
    _check_many(world, report)
    _check_untracked(world, report)
    _check_only_first(world, report)
