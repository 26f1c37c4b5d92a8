# SPDX-License-Identifier: GPL-2.0-or-later
"""Both sides are guarded: wg0, and lan0, the Ethernet that the PC is on. Whatever the PC sends is
judged where it comes in, and nothing gets out to it that it did not ask for: from a peer, from the
guest on a LAN that nobody guards, or from the router itself."""

import contextlib
import json
import shutil
import socket
import struct
import time

import hooks
import probe
import wire
from cases import story
from cases.story import ANYTHING, VERSIONS, Story, ports
from policy import allow, policy
from report import Skip
from world import LOGS, end, wait_until

PC = "windows-machine"

# T1 to T3, and who else there is.
POLICIES = {
    "t1": policy(allow(PC, "imac:3000")),
    "t2": policy(allow(PC, "vps:22,3000", "imac:3000")),
    "t3": policy(allow(PC, "vps:22,8080")),
}
OTHERS = Story(
    allowed=[],
    refused=[
        ("guest", "windows", ANYTHING),
        ("router", "windows", ANYTHING),
        ("windows", "router", ANYTHING),
        ("windows", "guest", ANYTHING),
    ],
)

# What the story never allows, allowed for once, on one port each.
EVERYWHERE = policy(
    allow("imac", "windows-machine:445"),
    allow("guest", "windows-machine:80"),
    allow("router", "windows-machine:135"),
    allow(PC, "router:22", "guest:3000"),
)
ALLOWED = Story(
    allowed=[
        ("imac", "windows", ports(445)),
        ("guest", "windows", ports(80)),
        ("router", "windows", ports(135)),
        ("windows", "router", ports(22)),
        ("windows", "guest", ports(3000)),
    ],
    refused=[
        ("imac", "windows", ports(80, 135)),
        ("vps", "windows", ports(445)),
        ("guest", "windows", ports(445, 135)),
        ("router", "windows", ports(80, 445)),
        ("windows", "router", ports(80)),
        ("windows", "guest", ports(22)),
        ("windows", "imac", ports(3000)),
    ],
)  # fmt: skip


def _check_stories(world, report):
    for name, loaded in POLICIES.items():
        one = story.STORIES[name]
        world.load(loaded, world.inventory())
        story.check_allowed(world, report, f"lan: {name}", one)
        tries = story.refusals(world, one) + story.refusals(world, OTHERS)
        for refusal in probe.try_all(tries):
            report.judge(f"lan: {name}: {refusal} is refused", refusal.problem)


def _check_everywhere(world, report):
    world.load(EVERYWHERE, world.inventory())
    story.check_allowed(world, report, "lan", ALLOWED)
    for refusal in probe.try_all(story.refusals(world, ALLOWED)):
        report.judge(f"lan: {refusal} is refused", refusal.problem)


# ---------------------------------------------------------------- what a link needs to live


def _flush_neighbours(world):
    world.router.netns.run("ip", "neigh", "flush", "dev", "lan0")
    world.windows.netns.run("ip", "neigh", "flush", "dev", "eth0")


def _check_neighbours(world, report):
    """Each side in turn has to find the other."""
    world.load(EVERYWHERE, world.inventory())
    for source, target, port in (("windows", "router", 22), ("router", "windows", 135)):
        for version in VERSIONS:
            name = {4: "ARP", 6: "ND"}[version]
            with report.case(f"lan: {name} finds {target} for {source}"):
                _flush_neighbours(world)
                host, address = world.hosts[source], _on_lan(world, target, version)
                probe.udp_round_trip(host.netns, address, port)


def _on_lan(world, name, version):
    """The address on the link between windows and the router."""
    if name == "windows":
        return world.windows.address(version)
    return {4: "192.168.77.1", 6: "fd00:77::1"}[version]


def _addresses(host, interface):
    """{address: flags} of IPv6."""
    listed = json.loads(host.netns.run("ip", "-6", "-j", "addr", "show", "dev", interface).stdout)
    return {one["local"]: one for link in listed for one in link.get("addr_info", ())}


def _detect_duplicate(host, interface, address):
    """Adds an address with duplicate address detection, and takes it away; was it taken?"""
    setting = f"/proc/sys/net/ipv6/conf/{interface}/accept_dad"
    host.netns.run("tee", setting, input="1")
    host.netns.run("ip", "addr", "add", f"{address}/64", "dev", interface)
    try:
        # Where the answer is "taken", the kernel leaves it tentative.
        wait_until(
            lambda: _settled(_addresses(host, interface).get(address)), "an end of the detection"
        )
        return "dadfailed" in _addresses(host, interface)[address]
    finally:
        host.netns.run("ip", "addr", "del", f"{address}/64", "dev", interface, check=False)
        host.netns.run("tee", setting, input="0")


def _settled(address):
    return address and ("dadfailed" in address or "tentative" not in address)


def _check_duplicates(world, report):
    """An address that is taken shows that the question and the answer pass."""
    sides = [
        ("windows", world.windows, "eth0", {"fd00:77::1": True, "fd00:77::99": False}),
        ("the router", world.router, "lan0", {"fd00:77::10": True, "fd00:77::99": False}),
    ]
    for name, host, interface, addresses in sides:
        for address, taken in addresses.items():
            word = "taken" if taken else "free"
            with report.case(f"lan: duplicate address detection of {name} finds {address} {word}"):
                assert _detect_duplicate(host, interface, address) == taken


ALL_NODES, ALL_NODES_MAC = "ff02::1", bytes.fromhex("333300000001")
PREFIX = "2001:db8:77::"


def _advertisement(source, hop_limit=255):
    """A router advertisement of a prefix, and of no default route."""
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0)
    prefix += socket.inet_pton(socket.AF_INET6, PREFIX)
    body = struct.pack("!II", 0, 0) + prefix
    message = wire.icmp_message(source, ALL_NODES, 134, 0, 64 << 24, body)
    packet = wire.ip(source, ALL_NODES, wire.ICMPV6, message)
    return packet[:7] + bytes([hop_limit]) + packet[8:]


def _has_prefix(host, interface):
    return any(address.startswith("2001:db8:77:") for address in _addresses(host, interface))


def _forget_prefix(host, interface):
    for address in _addresses(host, interface):
        if address.startswith("2001:db8:77:"):
            host.netns.run("ip", "addr", "del", f"{address}/64", "dev", interface)


def _believes(sender, interface, host, other):
    """Sends an advertisement out of one interface; does the other side take the prefix?"""
    source = next(one for one in _addresses(sender, interface) if one.startswith("fe80:"))
    mac = wire.link_address(sender.netns, interface)
    data = wire.frame(mac, ALL_NODES_MAC, _advertisement(source))
    wire.send_frame(sender.netns, interface, data)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline and not _has_prefix(host, other):
        time.sleep(0.02)
    believed = _has_prefix(host, other)
    _forget_prefix(host, other)
    return believed


def _check_advertisements(world, report):
    windows, router = world.windows, world.router
    router.netns.run("tee", "/proc/sys/net/ipv6/conf/lan0/accept_ra", input="2")
    with report.case("lan: a router advertisement of the router reaches windows"):
        assert _believes(router, "lan0", windows, "eth0"), "it did not arrive"
    with report.case("lan: a router advertisement of windows does not reach the router"):
        with world.counts(direction="ingress", reason="unknown_source"):
            assert not _believes(windows, "eth0", router, "lan0"), "it was believed"
    world.load(POLICIES["t1"] | {"interfaces": ["wg0"]}, world.inventory())
    with report.case("lan: where lan0 is not guarded, the router believes that advertisement"):
        assert _believes(windows, "eth0", router, "lan0"), "it was not believed"
    world.router.netns.run("tee", "/proc/sys/net/ipv6/conf/lan0/accept_ra", input="1")


# ---------------------------------------------------------------- DHCP

LEASES = """
interface lan0
start 192.168.77.50
end 192.168.77.59
max_leases 10
lease_file {folder}/leases
pidfile {folder}/udhcpd.pid
option subnet 255.255.255.0
option router 192.168.77.1
"""
ON_LEASE = """#!/bin/sh
echo "$1 $ip"
"""


@contextlib.contextmanager
def _dhcp_server(world):
    busybox = shutil.which("busybox")
    if not busybox:
        raise Skip("busybox is not installed")
    configuration = world.file("udhcpd.conf", "")
    world.file("leases", "")
    world.file("udhcpd.conf", LEASES.format(folder=configuration.parent))
    with open(LOGS / "udhcpd.log", "ab") as log:
        process = world.router.netns.start(
            busybox, "udhcpd", "-f", configuration, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        end(process)


def _lease(world):
    """What a DHCP client on the PC is given; "" for nothing."""
    script = world.file("on-lease", ON_LEASE)
    script.chmod(0o755)
    result = world.windows.netns.run(
        "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "2", "-T", "2", "-s", script,
        check=False,
    )  # fmt: skip
    lines = [line.split() for line in result.stdout.splitlines()]
    return next((words[1] for words in lines if len(words) == 2 and words[0] == "bound"), "")


def _dhcp6(world):
    """A question to all DHCPv6 servers and an answer to the one who asked: (heard, answered)."""
    windows, router = world.windows.netns, world.router.netns
    with router.entered():
        scope = socket.if_nametoindex("lan0")
    with windows.entered():
        own_scope = socket.if_nametoindex("eth0")
    with (
        router.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server,
        windows.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client,
    ):
        group = socket.inet_pton(socket.AF_INET6, "ff02::1:2") + struct.pack("@I", scope)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        server.bind(("::", 547))
        client.bind(("::", 546))
        for one in (server, client):
            one.settimeout(0.5)
        client.sendto(b"solicit", ("ff02::1:2", 547, 0, own_scope))
        try:
            _, asker = server.recvfrom(100)
        except TimeoutError:
            return False, False
        server.sendto(b"advertise", asker)
        try:
            return True, client.recv(100) == b"advertise"
        except TimeoutError:
            return True, False


def _answers_as_server(world):
    """The other way round: somebody on the PC's side plays the DHCP server."""
    data = wire.udp("192.168.77.10", "255.255.255.255", (67, 68), b"offer")
    mac = wire.link_address(world.windows.netns, "eth0")
    with world.router.watch() as arrivals:
        wire.send_frame(world.windows.netns, "eth0", wire.frame(mac, b"\xff" * 6, data))
        time.sleep(0.1)
        return [one for one in arrivals.packets() if one.source_port == 67]


def _check_dhcp_refused(world, report):
    world.load(POLICIES["t1"], world.inventory())
    with report.case('lan: without "dhcp" windows gets no lease'):
        with _dhcp_server(world), world.counts(direction="ingress", reason="unknown_source"):
            assert not _lease(world), "it got one"
    with report.case('lan: without "dhcp" DHCPv6 of windows does not reach the router'):
        assert _dhcp6(world) == (False, False), "it did"


def _check_dhcp_allowed(world, report, what, interfaces):
    world.load(POLICIES["t1"] | {"interfaces": interfaces}, world.inventory())
    with report.case(f"lan: {what} windows gets a lease"):
        with _dhcp_server(world):
            lease = _lease(world)
        assert lease.startswith("192.168.77.5"), f"it got {lease or 'nothing'}"
    with report.case(f"lan: {what} DHCPv6 passes, and its answer"):
        assert _dhcp6(world) == (True, True), _dhcp6(world)
    with report.case(f"lan: {what} windows cannot play the DHCP server"):
        with world.counts(device=PC, direction="ingress", reason="acl"):
            arrived = _answers_as_server(world)
        assert not arrived, f"arrived: {arrived[0]}"


def _check_dhcp(world, report):
    guarded = {"name": "lan0", "dhcp": True}
    _check_dhcp_refused(world, report)
    _check_dhcp_allowed(world, report, 'with "dhcp"', ["wg0", guarded])
    # What belongs to an interface stays with it.
    _check_dhcp_allowed(world, report, "in another order of the interfaces", [guarded, "wg0"])


# ---------------------------------------------------------------- what the PC must not say


def _borrowed(world, version):
    foreign = {4: "203.0.113.7", 6: "2001:db8::7"}[version]
    neighbour = {4: "192.168.77.99", 6: "fd00:77::99"}[version]
    return [
        ("imac", world.imac.address(version), "spoofed_source"),
        ("the guest", world.guest.address(version), "spoofed_source"),
        ("the router", world.router.address(version), "spoofed_source"),
        ("a stranger on the LAN", neighbour, "unknown_source"),
        ("an internet host", foreign, "unknown_source"),
    ]


def _check_borrowed_sources(world, report):
    """To places where the real ones may go, and windows as well."""
    rules = [allow(source, "vps:3000", "router:3000") for source in (PC, "imac", "guest")]
    world.load(policy(*rules), world.inventory())
    for version in VERSIONS:
        for name, source, reason in _borrowed(world, version):
            for target in (world.vps, world.router):
                address = _on_lan(world, "router", version)
                address = target.address(version) if target is world.vps else address
                title = f"lan: windows as {name} does not reach {target.name} IPv{version}"
                with report.case(title), target.watch() as arrivals:
                    with world.counts(direction="ingress", reason=reason):
                        packet = wire.udp(source, address, (12345, 3000))
                        wire.send(world.windows.netns, packet)
                        time.sleep(0.05)
                    arrived = [one for one in arrivals.packets() if one.source_port == 12345]
                    assert not arrived, f"arrived: {arrived[0]}"
        with report.case(f"lan: under its own address it does IPv{version}"):
            probe.udp_round_trip(world.windows.netns, world.vps.address(version), 3000)


def _tagged_arrives(world, version):
    """A SYN that is allowed, in a frame with a tag. Of number 0, which every kernel takes off."""
    source, target = world.windows.address(version), world.imac.address(version)
    mac = wire.link_address(world.windows.netns, "eth0")
    router = wire.link_address(world.router.netns, "lan0")
    packet = wire.tcp(source, target, (23456, 3000), wire.SYN)
    with world.imac.watch() as arrivals:
        wire.send_frame(world.windows.netns, "eth0", wire.frame(mac, router, packet, tag=0))
        time.sleep(0.1)
        return any(one.source_port == 23456 for one in arrivals.packets())


def _check_tags(world, report):
    for guarded in (["wg0", "lan0"], ["wg0"]):
        world.load(POLICIES["t1"] | {"interfaces": guarded}, world.inventory())
        for version in VERSIONS:
            if "lan0" in guarded:
                with report.case(f"lan: a VLAN-tagged frame of windows is dropped IPv{version}"):
                    with world.counts(direction="ingress", reason="not_ip"):
                        assert not _tagged_arrives(world, version), "it arrived"
            else:
                with report.case(f"lan: where lan0 is not guarded, it passes IPv{version}"):
                    assert _tagged_arrives(world, version), "it did not arrive"


# ---------------------------------------------------------------- the list of interfaces


def _guarded(world):
    return [one["name"] for one in world.status()["interfaces"] if one["enforced"]]


def _reaches_guest(world, version):
    """Only a gate on lan0 can refuse that."""
    attempt = probe.UdpAttempt(world.windows.netns, world.guest.address(version), 3000)
    probe.await_answer(attempt, 0.7)
    return attempt.outcome() == "answered"


def _check_release(world, report):
    world.load(POLICIES["t1"], world.inventory())
    address = world.imac.address(4)
    with probe.connect(world.windows.netns, address, 3000) as connection:
        with report.case("lan: both interfaces are guarded, and both have programs"):
            assert _guarded(world) == ["wg0", "lan0"], _guarded(world)
            for interface in ("wg0", "lan0"):
                assert hooks.count(world.router.netns, interface) == (1, 1), f"not {interface}"
            assert not _reaches_guest(world, 4), "windows reaches the guest"
        with report.case("lan: a policy without lan0 releases it"):
            world.load(POLICIES["t1"] | {"interfaces": ["wg0"]}, world.inventory())
            assert _guarded(world) == ["wg0"], _guarded(world)
            assert hooks.count(world.router.netns, "wg0") == (1, 1), "wg0 has none"
            assert hooks.count(world.router.netns, "lan0") == (0, 0), "lan0 still has ours"
            for version in VERSIONS:
                assert _reaches_guest(world, version), "windows does not reach the guest"
        with report.case("lan: wg0 goes on judging meanwhile"):
            refusal = probe.Refusal(world.imac, world.windows, "udp", 3000, 4)
            probe.try_all([refusal], silence=0.3)
            assert not refusal.problem, refusal.problem
            assert probe.token_arrives(connection, connection), "the open connection is dead"
        with report.case("lan: a policy with lan0 guards it again"):
            world.load(POLICIES["t1"], world.inventory())
            assert _guarded(world) == ["wg0", "lan0"], _guarded(world)
            for version in VERSIONS:
                assert not _reaches_guest(world, version), "windows reaches the guest"
            assert probe.token_arrives(connection, connection), "the open connection is dead"


def _check_order(world, report):
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(probe.connect(world.windows.netns, world.imac.address(one), 3000))
            for one in VERSIONS
        ]
        with report.case("lan: in another order the interfaces stay what they were"):
            before = _guarded(world)
            world.load(POLICIES["t1"] | {"interfaces": ["lan0", "wg0"]}, world.inventory())
            assert _guarded(world) == before, _guarded(world)
            for connection in connections:
                assert probe.token_arrives(connection, connection), "an open connection is dead"
        for version in VERSIONS:
            with report.case(f"lan: and windows cannot speak for imac then IPv{version}"):
                source, target = world.imac.address(version), world.vps.address(version)
                with world.vps.watch() as arrivals:
                    with world.counts(direction="ingress", reason="spoofed_source"):
                        packet = wire.udp(source, target, (12346, 3000))
                        wire.send(world.windows.netns, packet)
                        time.sleep(0.05)
                    assert not [one for one in arrivals.packets() if one.source_port == 12346]


def _state(world):
    status = world.status()
    return {name: status[name] for name in ("generation", "sha256", "interfaces", "enforced")}


def _check_failing_load(world, report):
    """The second interface is not there."""
    nowhere = POLICIES["t2"] | {"interfaces": ["wg0", "lan9"]}
    for guarded in (["wg0"], ["wg0", "lan0"]):
        world.load(POLICIES["t1"] | {"interfaces": guarded}, world.inventory())
        with report.case(f"lan: a load with no second interface leaves {' and '.join(guarded)}"):
            before = _state(world)
            result = world.try_load(nowhere, world.inventory())
            assert result.returncode == 1, f"exit {result.returncode}"
            assert '"lan9"' in result.stderr, result.stderr
            assert _state(world) == before, f"{_state(world)} instead of {before}"
            probe.udp_round_trip(world.windows.netns, world.imac.address(4), 3000)
            refusal = probe.Refusal(world.windows, world.vps, "udp", 3000, 4)
            probe.try_all([refusal], silence=0.3)
            assert not refusal.problem, refusal.problem
    with report.case("lan: a first load with no second interface leaves nothing"):
        assert world.aclctl("unload", "--open").returncode == 0
        result = world.try_load(nowhere, world.inventory())
        assert result.returncode == 1, f"exit {result.returncode}"
        assert world.aclctl("status").returncode == 3, "status does not exit 3"
        assert hooks.count(world.router.netns, "wg0") == (0, 0), "wg0 has programs"


def _check_renamed(world, report):
    """Its programs are known by the name that it had."""
    ip = world.router.netns.run
    guarded = POLICIES["t1"] | {"interfaces": ["wg0", "spare0"]}
    renamed = POLICIES["t1"] | {"interfaces": ["wg0", "spare1"]}
    ip("ip", "link", "add", "spare0", "type", "veth", "peer", "name", "spare9")
    try:
        world.load(guarded, world.inventory())
        ip("ip", "link", "set", "spare0", "name", "spare1")
        with report.case("lan: a load that knows a guarded interface by a new name is refused"):
            before = _state(world)
            result = world.try_load(renamed, world.inventory())
            assert result.returncode == 1, f"exit {result.returncode}"
            assert "which it was called before" in result.stderr, result.stderr
            assert _state(world) == before, f"{_state(world)} instead of {before}"
            assert hooks.count(world.router.netns, "spare1") == (1, 1), "its programs are gone"
        with report.case("lan: after unload it is guarded under its new name"):
            assert world.aclctl("unload", "--open").returncode == 0
            assert hooks.count(world.router.netns, "spare1") == (0, 0), "programs were left"
            world.load(renamed, world.inventory())
            assert world.status()["enforced"], world.status()
    finally:
        ip("ip", "link", "delete", "spare9")
        world.load(EVERYWHERE, world.inventory())


def run(world, report):
    with world.serve():
        _check_stories(world, report)
        _check_everywhere(world, report)
        _check_neighbours(world, report)
        _check_duplicates(world, report)
        _check_advertisements(world, report)
        _check_dhcp(world, report)
        _check_borrowed_sources(world, report)
        _check_tags(world, report)
        _check_release(world, report)
        _check_order(world, report)
        if world.gate:
            _check_renamed(world, report)
        _check_failing_load(world, report)
