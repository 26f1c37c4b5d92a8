# SPDX-License-Identifier: GPL-2.0-or-later
"""The mark with which one program of ours tells the next that it has judged a packet. Others can
set it, reflect it and inherit it: it must open nothing."""

import contextlib
import re
import socket
import sys
import time

import probe
import wire
from boxes import REPOSITORY
from cases.story import VERSIONS
from firewall import nftables
from policy import allow, policy
from world import AS_NOBODY

PC = "windows-machine"
VXLAN_PORT = 4789
LIVE_PORT = 4100


def _bits():
    """{name: mark} of the programs themselves."""
    text = (REPOSITORY / "bpf" / "abi.h").read_text()
    bit = int(re.search(r"#define GATE_MARK_BIT\s+(\d+)", text).group(1))
    return {"GATE_MARK_JUDGED": 1 << bit, "GATE_MARK_REPLY": 2 << bit}


def _marks():
    bits = _bits()
    judged, reply = bits["GATE_MARK_JUDGED"], bits["GATE_MARK_REPLY"]
    return {"judged": judged, "judged and reply": judged | reply, "everything": 0xFFFFFFFF}


def _counter(hook, match):
    """A chain that counts what has the mark of a judged packet."""
    bit = _bits()["GATE_MARK_JUDGED"]
    return (
        f"chain count {{ type filter hook {hook} priority 300;"
        f" {match} meta mark & {bit:#x} != 0 counter; }}"
    )


def _counted(world):
    listed = world.router.netns.run("nft", "list", "chain", "inet", "e2e", "count").stdout
    return int(re.search(r"counter packets (\d+)", listed).group(1))


# ---------------------------------------------------------------- set by a process

# What Docker gives every container: CAP_NET_RAW, and nothing else.
WITH_RAW_SOCKETS = [
    *AS_NOBODY, "--no-new-privs",
    "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw",
]  # fmt: skip

SEND_DATAGRAM = """
import socket, sys
address, port, mark = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as one:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark.to_bytes(4, sys.byteorder))
    one.bind(("", 33000))
    one.sendto(b"marked", (address, port))
"""
SEND_RAW = """
import socket, sys
address, mark, packet = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as one:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark.to_bytes(4, sys.byteorder))
    one.sendto(packet, (address, 0))
"""


def _run(world, program, *arguments):
    # The exit status says whether the mark could be set. What the gate drops may be an error.
    program += "\nprint('sent')"
    result = world.router.netns.run(*WITH_RAW_SOCKETS, sys.executable, "-c", program, *arguments,
                                    check=False)  # fmt: skip
    assert "sent" in result.stdout or "No buffer space" in result.stderr, result.stderr


def _arrives(target, send):
    with target.watch() as arrivals:
        send()
        time.sleep(0.1)
        return [one for one in arrivals.packets() if one.source_port == 33000]


def _check_process(world, report, version):
    for host, allowed, refused in ((world.imac, 22, 3000), (world.windows, 135, 445)):
        address = host.address(version)
        for name, mark in _marks().items():
            title = f"marks: the router -> {host.name}, marked {name}:"
            with report.case(f"{title} an allowed port passes IPv{version}"):
                assert _arrives(host, lambda: _run(world, SEND_DATAGRAM, address, allowed, mark))
            with report.case(f"{title} another does not IPv{version}"):
                with world.counts(device="router", direction="egress", reason="acl"):
                    arrived = _arrives(
                        host, lambda: _run(world, SEND_DATAGRAM, address, refused, mark)
                    )
                assert not arrived, f"arrived: {arrived[0]}"


def _check_forged(world, report, version):
    """A raw socket of the same process, with the address of a device that may."""
    targets = [(world.windows, world.imac, 3000), (world.imac, world.windows, 80)]
    for source, target, port in targets:
        claimed, address = source.address(version), target.address(version)
        packet = wire.udp(claimed, address, (33000, port)).hex()
        for name, mark in _marks().items():
            title = f"marks: the router as {source.name}, marked {name}: does not reach"
            with report.case(f"{title} {target.name} IPv{version}"):
                with world.counts(direction="egress", reason="spoofed_source"):
                    arrived = _arrives(target, lambda: _run(world, SEND_RAW, address, mark, packet))
                assert not arrived, f"arrived: {arrived[0]}"
        with report.case(f"marks: {source.name} itself reaches {target.name} IPv{version}"):
            probe.udp_round_trip(source.netns, address, port)


def _check_forged_fragments(world, report):
    """IPv6 fragments lose their interface on the way, and then the mark is all that they have: the
    same process sends some, into a connection that is open."""
    claimed, address = world.windows.address(6), world.imac.address(6)
    datagram = wire.udp_datagram(claimed, address, (33000, 3000), b"forged" * 4)
    pieces = [
        wire.ip(claimed, address, 44, wire.fragment_header(17, 0, True) + datagram[:16]),
        wire.ip(claimed, address, 44, wire.fragment_header(17, 16, False) + datagram[16:]),
    ]
    with world.windows.netns.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asker:
        asker.bind((claimed, 33000))
        asker.sendto(b"opens it", (address, 3000))
        assert asker.recv(10), "no answer"
        for name, mark in _marks().items():
            with report.case(f"marks: fragments into an open connection, marked {name}"):
                with world.counts(direction="egress", reason="spoofed_source"):
                    arrived = _arrives(
                        world.imac,
                        lambda: [_run(world, SEND_RAW, address, mark, one.hex()) for one in pieces],
                    )
                assert not arrived, f"arrived: {arrived[0]}"


def _check_set(world, report):
    rules = [
        allow("router", "imac:22", f"{PC}:135", proto="udp"),
        allow(PC, "imac:3000"), allow("imac", f"{PC}:80"),
    ]  # fmt: skip
    world.load(policy(*rules), world.inventory())
    for version in VERSIONS:
        _check_process(world, report, version)
        _check_forged(world, report, version)
    _check_forged_fragments(world, report)


# ---------------------------------------------------------------- reflected by the kernel

REFLECT = ["ipv4/fwmark_reflect", "ipv6/fwmark_reflect", "ipv4/tcp_fwmark_accept"]


@contextlib.contextmanager
def _reflecting(world):
    """What the router answers, and connections that it accepts, have the mark of the question."""
    paths = [f"/proc/sys/net/{name}" for name in REFLECT]
    for path in paths:
        world.router.netns.run("tee", path, input="1")
    try:
        with nftables(world.router.netns, _counter("output", "")):
            yield
    finally:
        for path in paths:
            world.router.netns.run("tee", path, input="0")


def _check_answers(world, report, version):
    """Echo replies and resets, which the policy allows; with the mark of a judged packet."""
    address = world.router.address(version)
    with report.case(f"marks: reflected, the router answers a ping of imac IPv{version}"):
        before = _counted(world)
        assert probe.ping(world.imac.netns, address), "no answer"
        assert _counted(world) > before, "the answer has no mark: this shows nothing"
    with report.case(f"marks: reflected, the router resets a connection of imac IPv{version}"):
        before = _counted(world)
        attempt = probe.TcpAttempt(world.imac.netns, address, 4998)
        probe.select.select([], [attempt.socket], [], 2.0)
        outcome = attempt.outcome()
        assert outcome and "refused" in outcome, outcome or "silence"
        assert _counted(world) > before, "the answer has no mark: this shows nothing"


def _check_accepted(world, report, version, rules):
    """A connection that the router has accepted: what it sends has the mark for ever."""
    near, far = probe.connect_pair(
        world.imac.netns, world.router.netns, world.router.address(version), LIVE_PORT
    )
    with near, far:
        with report.case(f"marks: reflected, an accepted connection works IPv{version}"):
            assert far.getsockopt(socket.SOL_SOCKET, socket.SO_MARK), "it has no mark"
            assert probe.token_arrives(near, far) and probe.token_arrives(far, near), "dead"
        world.load(policy(allow("imac", "vps:1")), world.inventory())
        with report.case(f"marks: reflected, it dies with its rule IPv{version}"):
            with world.counts(direction="egress", reason="revoked"):
                assert not probe.token_arrives(far, near, timeout=0.4), "the router is heard"
            assert not probe.token_arrives(near, far, timeout=0.4), "imac is heard"
    world.load(rules, world.inventory())


def _check_elsewhere(world, report, version):
    """An echo request of the iMac in the name of the PC would be answered to the PC."""
    source, target = world.windows.address(version), world.router.address(version)
    with report.case(f"marks: reflected, nothing is answered to windows IPv{version}"):
        with world.windows.watch() as arrivals:
            with world.counts(direction="ingress", reason="spoofed_source"):
                packet = wire.icmp(source, target, probe.ECHO_REQUEST[version], rest=77)
                wire.send(world.imac.netns, packet)
                time.sleep(0.1)
            arrived = [one for one in arrivals.packets() if one.icmp_type >= 0]
        assert not arrived, f"arrived: {arrived[0]}"


def _check_reflected(world, report):
    rules = policy(allow("imac", f"router:{LIVE_PORT},4998"))
    world.load(rules, world.inventory())
    # WireGuard lets the iMac say that it is the PC.
    world.allow("imac", *world.windows.addresses)
    with _reflecting(world):
        for version in VERSIONS:
            _check_answers(world, report, version)
            _check_accepted(world, report, version, rules)
            _check_elsewhere(world, report, version)
    world.allow("imac")


# ---------------------------------------------------------------- inherited inside a tunnel

CLOUD = {4: "10.99.0.2", 6: "fd99::2"}
HERE = {4: "10.99.0.1", 6: "fd99::1"}


@contextlib.contextmanager
def _tunnel(world):
    """A VXLAN between the router and the VPS, over WireGuard; behind it the VPS is "cloud"."""
    ends = [
        (world.router, "10.77.0.1", "10.77.0.3", HERE),
        (world.vps, "10.77.0.3", "10.77.0.1", CLOUD),
    ]
    for host, local, remote, addresses in ends:
        run = host.netns.run
        run("ip", "link", "add", "vx0", "type", "vxlan", "id", 5, "local", local, "remote", remote,
            "dstport", VXLAN_PORT, "udpcsum")  # fmt: skip
        for version, length in ((4, 24), (6, 64)):
            run("ip", "addr", "add", f"{addresses[version]}/{length}", "dev", "vx0", "nodad")
        run("ip", "link", "set", "vx0", "mtu", 1300, "up")
    world.vps.netns.run("ip", "route", "add", "192.168.77.0/24", "via", HERE[4], "metric", 500,
                        "dev", "vx0")  # fmt: skip
    world.vps.netns.run("ip", "-6", "route", "add", "fd00:77::/64", "via", HERE[6], "metric", 5000,
                        "dev", "vx0")  # fmt: skip
    try:
        with nftables(world.router.netns, _counter("forward", 'iifname "vx0"')):
            yield
    finally:
        for host, *_ in ends:
            host.netns.run("ip", "link", "del", "vx0")


def _send_inside(world, packet):
    """Through the tunnel."""
    family = socket.AF_INET6 if packet[0] >> 4 == 6 else socket.AF_INET
    destination = wire.parse(packet).destination
    with world.vps.netns.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"vx0")
        raw.sendto(packet, (destination, 0))


def _check_inside(world, report, version):
    stranger = {4: "10.99.0.77", 6: "fd99::77"}[version]
    target = world.windows.address(version)
    with report.case(f"marks: inside a tunnel, what is allowed passes IPv{version}"):
        before = _counted(world)
        packet = wire.udp(CLOUD[version], target, (33000, 80))
        assert _arrives(world.windows, lambda: _send_inside(world, packet)), "it does not arrive"
        assert _counted(world) > before, "the inner packet has no mark: this shows nothing"
    tries = [
        ("another port", CLOUD[version], 445, "acl"),
        ("a stranger", stranger, 80, "unknown_source"),
        ("imac", world.imac.address(version), 80, "spoofed_source"),
        ("vps as behind WireGuard", world.vps.address(version), 80, "spoofed_source"),
        ("the router", world.router.address(version), 80, None),
    ]
    for name, source, port, reason in tries:
        with report.case(f"marks: inside a tunnel, {name} does not pass IPv{version}"):
            before = world.drops(direction="egress", reason=reason)
            packet = wire.udp(source, target, (33000, port))
            arrived = _arrives(world.windows, lambda: _send_inside(world, packet))
            assert not arrived, f"arrived: {arrived[0]}"
            # The router does not forward what claims to be from itself, over IPv4.
            after = world.drops(direction="egress", reason=reason)
            assert reason is None or after > before, f"not counted as {reason}"


def _check_inherited(world, report):
    cloud = {"addresses": list(CLOUD.values()), "interface": "vx0"}
    rules = [
        allow("vps", f"router:{VXLAN_PORT}", proto="udp"),
        allow("router", f"vps:{VXLAN_PORT}", proto="udp"),
        *(allow(source, f"{PC}:80") for source in ("cloud", "imac", "vps", "router")),
    ]  # fmt: skip
    with _tunnel(world):
        world.load(policy(*rules), world.inventory(cloud=cloud))
        for version in VERSIONS:
            with report.case(f"marks: the other end of a tunnel is reached IPv{version}"):
                assert probe.ping(world.vps.netns, world.windows.address(version)), "no answer"
            _check_inside(world, report, version)


def run(world, report):
    with world.serve("windows", "imac", "vps"):
        _check_set(world, report)
        _check_reflected(world, report)
        _check_inherited(world, report)
