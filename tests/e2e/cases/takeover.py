# SPDX-License-Identifier: GPL-2.0-or-later
"""T3, when the VPS has been taken over: it scans, spoofs and forges, and nothing arrives.

control.py sends the same scans and packets without a gate, and there they must arrive: so a
packet that is missing here was stopped by the gate, and not by a mistake in forging it.
"""

import ipaddress
import struct
import time
import xml.etree.ElementTree as xml
from dataclasses import dataclass

import probe
import wire
from cases.story import VERSIONS
from world import POLICIES

SCANS = {"-sT": "connect", "-sS": "SYN", "-sA": "ACK", "-sF": "FIN", "-sU": "UDP"}
SCANNED_PORTS = "21-23,80,135,139,445,3000,3389,5985,8080"
# What nmap says about a port that was silent.
SILENT = {"filtered", "open|filtered"}

LIVE_PORT = 22


# ---------------------------------------------------------------- scanning


def start_scan(attacker, target, kind, version):
    options = ["-6"] if version == 6 else []
    return attacker.netns.start(
        "nmap", *options, kind, "-n", "-Pn", "-p", SCANNED_PORTS, "--max-retries", "1",
        "--max-rtt-timeout", "400ms", "--host-timeout", "45s", "-oX", "-", target.address(version),
        stdout=-1, stderr=-1, text=True,
    )  # fmt: skip


def scan_results(process):
    """{port: state} of a scan that was started. A scan that told nothing raises."""
    output, errors = process.communicate(timeout=60)
    host = xml.fromstring(output).find("host")
    assert host is not None, f"nmap scanned nothing: {errors}"
    assert host.get("timedout") != "true", "nmap did not end in time"
    states = {port.get("portid"): port.find("state").get("state") for port in host.iter("port")}
    for extra in host.iter("extraports"):
        states[f"{extra.get('count')} others"] = extra.get("state")
    assert states, f"nmap reports no port: {output}"
    return states


def scan_all(attacker, target):
    """All kinds over both families at once: [(name, process)]."""
    return [
        (f"{label} scan IPv{version}", start_scan(attacker, target, kind, version))
        for kind, label in SCANS.items()
        for version in VERSIONS
    ]


def found(states):
    return {port: state for port, state in states.items() if state not in SILENT}


def _check_scans(world, report):
    with world.windows.watch() as arrivals:
        for name, process in scan_all(world.vps, world.windows):
            with report.case(f"takeover: {name} of windows from vps finds no open port"):
                visible = found(scan_results(process))
                assert not visible, f"nmap found {visible}"
        with report.case("takeover: no packet of these scans arrived at windows"):
            assert not arrivals.packets(), f"arrived: {arrivals.packets()[0]}"


# ---------------------------------------------------------------- forging


@dataclass
class Forgery:
    """A packet from the VPS to the PC. carried: whether WireGuard lets it out of the tunnel,
    and the router forwards it, when there is no gate."""

    name: str
    packet: bytes
    carried: bool = True


def _tcp_forgeries(source, target):
    flags = {
        "SYN": wire.SYN,
        "SYN-ACK": wire.SYN | wire.ACK,
        "ACK": wire.ACK,
        "RST": wire.RST,
        "RST-ACK": wire.RST | wire.ACK,
        "FIN": wire.FIN,
        "FIN-ACK": wire.FIN | wire.ACK,
        "PSH-ACK": wire.PSH | wire.ACK,
        "SYN-FIN": wire.SYN | wire.FIN,
        "SYN-RST": wire.SYN | wire.RST,
        "no flags": 0,
        "all flags": 63,
    }
    for name, value in flags.items():
        for ports in ((4444, 445), (LIVE_PORT, 50000)):
            packet = wire.tcp(source, target, ports, value, acknowledge=77)
            yield Forgery(f"TCP {name} from port {ports[0]}", packet)


def _spoofed(world, version, target):
    """Sources that belong to others: WireGuard itself drops them."""
    foreign = {4: "203.0.113.7", 6: "2001:db8::7"}[version]
    claims = {
        "imac": world.imac.address(version),
        "windows itself": target,
        "the router": world.router.address(version),
        "an internet host": foreign,
    }
    for name, source in claims.items():
        for ports in ((4444, 445), (3000, 50000)):
            yield Forgery(
                f"SYN with the address of {name}, from port {ports[0]}",
                wire.tcp(source, target, ports, wire.SYN), carried=False,
            )  # fmt: skip


ERRORS = {
    4: {
        "host unreachable": (3, 1, 0),
        "port unreachable": (3, 3, 0),
        "fragmentation needed, MTU 68": (3, 4, 68),
        "time exceeded": (11, 0, 0),
        "parameter problem": (12, 0, 0),
    },
    6: {
        "no route": (1, 0, 0),
        "port unreachable": (1, 4, 0),
        "packet too big, MTU 1280": (2, 0, 1280),
        "time exceeded": (3, 0, 0),
        "parameter problem": (4, 0, 0),
    },
}


def icmp_errors(version, source, target, quoted):
    """Errors from source to target about a packet that target is said to have sent."""
    for name, (kind, code, rest) in ERRORS[version].items():
        yield Forgery(name, wire.icmp(source, target, kind, code, rest, quoted))


def _icmp_forgeries(world, version, source, target):
    imac, vps = world.imac.address(version), world.vps.address(version)
    quotes = {
        "windows -> imac": wire.tcp(target, imac, (50000, 3000), wire.ACK),
        "windows -> vps, not an open connection": wire.tcp(target, vps, (50001, 22), wire.ACK),
        "windows -> vps by UDP": wire.udp(target, vps, (50002, 8080)),
    }
    for quote, packet in quotes.items():
        for forgery in icmp_errors(version, source, target, packet):
            forgery.name = f"ICMP {forgery.name}, about {quote}"
            yield forgery
    echo_reply = probe.ECHO_REPLY[version]
    yield Forgery("ICMP echo request", wire.icmp(source, target, probe.ECHO_REQUEST[version]))
    yield Forgery("ICMP echo reply to no request", wire.icmp(source, target, echo_reply))


def _other_forgeries(version, source, target):
    yield Forgery("UDP to port 135", wire.udp(source, target, (53, 135)))
    yield Forgery("UDP from the port of a service", wire.udp(source, target, (8080, 50000)))
    looks_like_tcp = wire.tcp_segment(source, target, (4444, 445), wire.SYN)
    protocols = {"IP in IP": 4, "IPv6 in IP": 41, "GRE": 47, "ESP": 50, "SCTP": 132}
    for name, protocol in protocols.items():
        packet = wire.ip(source, target, protocol, looks_like_tcp)
        yield Forgery(f"{name} that looks like TCP", packet)
    if version == 4:
        yield from _fragments4(source, target, looks_like_tcp)
    else:
        yield from _extension_headers(source, target, looks_like_tcp)


def _fragments4(source, target, segment):
    more = 0x2000
    yield Forgery("first fragment", wire.ip(source, target, wire.TCP, segment[:16], fragment=more))
    later = wire.ip(source, target, wire.TCP, segment[16:], fragment=2)
    yield Forgery("later fragment", later)
    yield Forgery("truncated TCP header", wire.ip(source, target, wire.TCP, segment[:8]))
    record_route = struct.pack("!BBBIx", 7, 7, 4, 0)
    yield Forgery("SYN with an IP option", wire.ip(source, target, wire.TCP, segment, record_route))
    hop = ipaddress.ip_address("192.168.77.1").packed
    # The router drops loose source routes by itself unless told otherwise.
    loose = struct.pack("!BBB4sx", 131, 7, 4, hop)
    yield Forgery("source route", wire.ip(source, target, wire.TCP, segment, loose), False)


def _extension_headers(source, target, segment):
    padding = struct.pack("!BBBBI", wire.TCP, 0, 1, 4, 0)
    atomic = wire.fragment_header(wire.TCP, 0, False) + segment
    later = wire.fragment_header(wire.TCP, 16, False) + segment[16:]
    routing = struct.pack("!BBBBI", wire.TCP, 2, 0, 1, 0) + ipaddress.ip_address(target).packed
    bodies = {
        "SYN behind destination options": (60, padding + segment),
        "SYN behind hop-by-hop options": (0, padding + segment),
        "SYN in an atomic fragment": (wire.FRAGMENT, atomic),
        "later fragment": (wire.FRAGMENT, later),
        "source route": (43, routing + segment),
        "truncated TCP header": (wire.TCP, segment[:8]),
    }
    for name, (protocol, body) in bodies.items():
        yield Forgery(name, wire.ip(source, target, protocol, body))


def forgeries(world, version):
    """Everything that the VPS tries on the PC, over one family."""
    source, target = world.vps.address(version), world.windows.address(version)
    return [
        *_tcp_forgeries(source, target),
        *_spoofed(world, version, target),
        *_icmp_forgeries(world, version, source, target),
        *_other_forgeries(version, source, target),
    ]


def deliver(world, forgery, wait=0.0):
    """Sends it from the VPS; what arrived at the PC."""
    with world.windows.watch() as arrivals:
        wire.send(world.vps.netns, forgery.packet)
        time.sleep(wait)
        return arrivals.packets()


def _check_forgeries(world, report, version):
    for forgery in forgeries(world, version):
        arrived = deliver(world, forgery, wait=0.03)
        problem = f"arrived: {arrived[0]}" if arrived else None
        report.judge(f"takeover: {forgery.name} IPv{version} does not arrive at windows", problem)


# ---------------------------------------------------------------- abusing what is allowed


def _about(near, far, version, other=None):
    """A packet that the PC has sent on this connection, as an ICMP error would quote it."""
    source, source_port = near.getsockname()[:2]
    target, target_port = far.getsockname()[:2]
    return wire.tcp(source, other or target, (source_port, target_port), wire.ACK)


def _check_connection_abuse(world, report, version):
    """With a real connection from the PC to the VPS, which the VPS may answer but not more."""
    vps, windows = world.vps.address(version), world.windows.address(version)
    near, far = probe.connect_pair(world.windows.netns, world.vps.netns, vps, LIVE_PORT)
    with near, far:
        port = near.getsockname()[1]
        tries = {
            "SYN on a connection of the PC": wire.tcp(vps, windows, (LIVE_PORT, port), wire.SYN),
            "ACK to another port": wire.tcp(vps, windows, (LIVE_PORT, port ^ 1), wire.ACK),
            "ACK from another port of the VPS": wire.tcp(vps, windows, (8080, port), wire.ACK),
        }
        for name, packet in tries.items():
            with report.case(f"takeover: {name} IPv{version} does not arrive at windows"):
                arrived = deliver(world, Forgery(name, packet), wait=0.05)
                assert not arrived, f"arrived: {arrived[0]}"
        with report.case(f"takeover: the connection of the PC goes on IPv{version}"):
            assert probe.token_arrives(near, far), "nothing arrives at vps"
            assert probe.token_arrives(far, near), "nothing arrives at windows"


def _check_errors_about_others(world, report, version):
    """The VPS knows the ports of a connection between the PC and the iMac, and forges errors."""
    imac, windows = world.imac.address(version), world.windows.address(version)
    vps = world.vps.address(version)
    near, far = probe.connect_pair(world.windows.netns, world.imac.netns, imac, 3000)
    with near, far:
        quoted = _about(near, far, version)
        for forgery in icmp_errors(version, vps, windows, quoted):
            arrived = deliver(world, forgery, wait=0.05)
            problem = f"arrived: {arrived[0]}" if arrived else None
            name = f"takeover: {forgery.name} about a connection to imac IPv{version}"
            report.judge(f"{name} does not arrive at windows", problem)
        with report.case(f"takeover: the connection between windows and imac goes on IPv{version}"):
            assert probe.token_arrives(near, far) and probe.token_arrives(far, near), "it is dead"


def _check_own_errors(world, report, version):
    """The positive side: an error that the VPS may send, about a connection to itself."""
    vps, windows = world.vps.address(version), world.windows.address(version)
    near, far = probe.connect_pair(world.windows.netns, world.vps.netns, vps, LIVE_PORT)
    with near, far, report.case(f"takeover: an ICMP error about its own flow arrives IPv{version}"):
        kind, code, rest = ERRORS[version]["port unreachable"]
        packet = wire.icmp(vps, windows, kind, code, rest, _about(near, far, version))
        arrived = deliver(world, Forgery("", packet), wait=0.1)
        assert any(one.icmp_type == kind for one in arrived), "it did not arrive"


def run(world, report):
    with world.serve("windows"):
        world.load(POLICIES / "t3.json")
        _check_scans(world, report)
        for version in VERSIONS:
            _check_forgeries(world, report, version)
            _check_connection_abuse(world, report, version)
            _check_own_errors(world, report, version)
            # The resets of these connections may arrive; not during the next check, please.
            time.sleep(0.3)
        # T2: here the PC may talk to the iMac, and the VPS tries to disturb that.
        world.load(POLICIES / "t2.json")
        for version in VERSIONS:
            _check_errors_about_others(world, report, version)
