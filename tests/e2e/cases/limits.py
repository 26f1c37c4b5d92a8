# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device may keep open, and for how long: limits.flowsPerDevice, and timeouts."""

import contextlib
import itertools
import socket
import time

import probe
import wire
from cases.story import VERSIONS
from firewall import masquerade, nftables
from policy import allow, policy

PC = "windows-machine"
QUOTA = 16
# Of our own choice: a port that the kernel draws twice is the same flow again, and one too few is counted.
_PORTS = itertools.count(50_000)


def _is_answered(netns, address, port=3000):
    with netns.socket(probe.family_of(address), socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.3)
        asker.bind(("", next(_PORTS)))
        asker.connect((address, port))
        asker.send(b"?")
        with contextlib.suppress(TimeoutError):
            return bool(asker.recv(10))
    return False


def _check_quota(world, report):
    """A device with a full quota opens nothing; others do, and what it has goes on."""
    rules = policy(allow(PC, "imac:3000"), allow("vps", "imac:3000"))
    for version in VERSIONS:
        # Nothing may be left of what was opened before, nor be taken over from the kernel.
        world.aclctl("unload", "--open")
        world.load(policy(), world.inventory())
        world.load(rules | {"limits": {"flowsPerDevice": QUOTA}}, world.inventory())
        address = world.imac.address(version)
        with probe.connect(world.windows.netns, address, 3000) as connection:
            with report.case(f"limits: {QUOTA} flows of a device, and no more IPv{version}"):
                with world.counts(device=PC, direction="ingress", reason="flow_quota"):
                    answers = [_is_answered(world.windows.netns, address) for _ in range(QUOTA + 3)]
                assert answers == [True] * (QUOTA - 1) + [False] * 4, answers
            with report.case(f"limits: what it has open goes on IPv{version}"):
                assert probe.token_arrives(connection, connection), "it is dead"
        with report.case(f"limits: another device is not concerned IPv{version}"):
            assert _is_answered(world.vps.netns, address), "no answer"
        with report.case(f"limits: a load with a higher limit helps at once IPv{version}"):
            world.load(rules, world.inventory())
            assert _is_answered(world.windows.netns, address), "no answer"


def _check_translated(world, report):
    """What NAT makes of a flow is in the quota of the device that opened it."""
    rules = policy(allow(PC, "imac:3000"), limits={"flowsPerDevice": QUOTA})
    for version in VERSIONS:
        world.aclctl("unload", "--open")
        world.load(policy(), world.inventory())
        world.load(rules, world.inventory())
        address = world.imac.address(version)
        with nftables(world.router.netns, masquerade("wg0")):
            with report.case(f"limits: {QUOTA // 2} masqueraded flows, and no more IPv{version}"):
                with world.counts(reason="flow_quota"):
                    answers = [_is_answered(world.windows.netns, address) for _ in range(QUOTA)]
                assert answers == [True] * (QUOTA // 2) + [False] * (QUOTA // 2), answers


class Pinhole:
    """A question of the PC over UDP, and the port by which answers may come."""

    def __init__(self, world, version):
        self.address = world.imac.address(version)
        family = probe.family_of(self.address)
        self.asker = world.windows.netns.socket(family, socket.SOCK_DGRAM)
        self.asker.connect((self.address, 3500))
        self.server = world.imac.netns.socket(family, socket.SOCK_DGRAM)
        self.server.bind((self.address, 3500))
        for one in (self.asker, self.server):
            one.settimeout(0.3)

    def close(self):
        self.asker.close()
        self.server.close()

    def ask(self):
        self.asker.send(b"?")
        return self.server.recvfrom(10)[1]

    def answer(self, asker):
        self.server.sendto(b"!", asker)
        with contextlib.suppress(TimeoutError):
            return bool(self.asker.recv(10))
        return False


TIMES = {"udp": "1s", "udpAnswered": 3}


def _check_timeouts(world, report, version):
    with contextlib.closing(Pinhole(world, version)) as pinhole:
        with report.case(f"limits: an answer in time passes IPv{version}"):
            assert pinhole.answer(pinhole.ask()), "it is lost"
        with report.case(f"limits: once answered, there is more time IPv{version}"):
            asker = pinhole.ask()
            assert pinhole.answer(asker)
            time.sleep(1.8)
            assert pinhole.answer(asker), "it is lost"
        with report.case(f"limits: answers alone do not hold it open IPv{version}"):
            time.sleep(1.8)
            with world.counts(device="imac", direction="ingress", reason="acl"):
                assert not pinhole.answer(asker), "it passed"
    with contextlib.closing(Pinhole(world, version)) as pinhole:
        with report.case(f"limits: an answer too late is lost IPv{version}"):
            asker = pinhole.ask()
            time.sleep(1.5)
            with world.counts(device="imac", direction="ingress", reason="acl"):
                assert not pinhole.answer(asker), "it passed"


def _check_closing(world, report, version):
    """After a FIN of both sides, the gap closes in the time set."""
    times = {"tcpClosing": 1}
    world.load(policy(allow(PC, "imac:3500"), timeouts=times), world.inventory())
    near, far = probe.connect_pair(
        world.windows.netns, world.imac.netns, world.imac.address(version), 3500
    )
    with near, far, report.case(f"limits: a closed TCP connection is over in time IPv{version}"):
        ports = far.getsockname()[1], near.getsockname()[1]
        for one in (near, far):
            one.shutdown(socket.SHUT_RDWR)
        time.sleep(1.7)
        source, target = world.imac.address(version), world.windows.address(version)
        with world.windows.watch() as arrivals:
            with world.counts(device="imac", direction="ingress", reason="no_state"):
                wire.send(world.imac.netns, wire.tcp(source, target, ports, wire.ACK))
                time.sleep(0.1)
            arrived = [one for one in arrivals.packets() if one.source_port == ports[0]]
            assert not arrived, f"arrived: {arrived[0]}"


def run(world, report):
    with world.serve("imac"):
        _check_quota(world, report)
        _check_translated(world, report)
    world.load(policy(allow(PC, "imac:3500"), timeouts=TIMES), world.inventory())
    for version in VERSIONS:
        _check_timeouts(world, report, version)
        _check_closing(world, report, version)
        world.load(policy(allow(PC, "imac:3500"), timeouts=TIMES), world.inventory())
