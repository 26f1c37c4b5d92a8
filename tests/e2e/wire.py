# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets as they are on the wire: watching what arrives, and forging what should not."""

import ipaddress
import socket
import struct
import time
from dataclasses import dataclass

ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
ETH_P_8021Q = 0x8100
ETH_P_IPV6 = 0x86DD
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35

TCP = socket.IPPROTO_TCP
UDP = socket.IPPROTO_UDP
ICMP = socket.IPPROTO_ICMP
ICMPV6 = socket.IPPROTO_ICMPV6
FRAGMENT = socket.IPPROTO_FRAGMENT
DESTINATION = socket.IPPROTO_DSTOPTS

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

# ICMPv6 that keeps a link alive: neighbour discovery and multicast listeners.
LINK_UPKEEP = set(range(130, 138)) | {143}


# ---------------------------------------------------------------- watching


@dataclass
class Packet:
    """The fields that the tests ask for. Ports are 0 where the protocol has none."""

    time: float
    source: str
    destination: str
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    flags: int = 0
    icmp_type: int = -1
    payload: bytes = b""

    def __str__(self):
        name = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmp6"}.get(
            self.protocol, f"protocol {self.protocol}"
        )
        if self.protocol in (TCP, UDP):
            ports = f" {self.source_port} > {self.destination_port}"
        else:
            ports = f" type {self.icmp_type}" if self.icmp_type >= 0 else ""
        flags = f" flags {self.flags:#x}" if self.protocol == TCP else ""
        return f"{name} {self.source} > {self.destination}{ports}{flags}"


def _transport(packet, data):
    packet.payload = data
    if packet.protocol in (TCP, UDP) and len(data) >= 4:
        packet.source_port, packet.destination_port = struct.unpack_from("!HH", data)
    if packet.protocol == TCP and len(data) >= 14:
        packet.flags = data[13]
    if packet.protocol in (ICMP, ICMPV6) and data:
        packet.icmp_type = data[0]
    return packet


def parse(data, when=0.0):
    """Reads an IP packet; None for what is not one. Fragments show no ports."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        source, destination = data[12:16], data[16:20]
        protocol, body = data[9], data[(data[0] & 15) * 4 :]
        later = struct.unpack_from("!H", data, 6)[0] & 0x1FFF
    elif version == 6 and len(data) >= 40:
        source, destination = data[8:24], data[24:40]
        protocol, body, later = data[6], data[40:], 0
        if protocol == 0 and len(body) >= 8:  # hop-by-hop options: multicast listeners have some
            protocol, body = body[0], body[(body[1] + 1) * 8 :]
    else:
        return None
    packet = Packet(
        when, str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination)), protocol
    )
    return packet if later else _transport(packet, body)


class Sniffer:
    """Collects what comes in on one interface, from its creation on.

    On a box behind the gate that is what passed it. On the guarded interface itself it shows
    packets before the gate has judged them.
    """

    def __init__(self, netns, interface):
        self._socket = netns.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setblocking(False)
        self._packets = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._socket.close()

    def _receive(self):
        data, ancillary, _, address = self._socket.recvmsg(65536, 64)
        _, protocol, kind, *_ = address
        if kind == PACKET_OUTGOING or protocol not in (ETH_P_IP, ETH_P_IPV6):
            return
        when = time.time()
        for _, option, value in ancillary:
            if option == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", value)
                when = seconds + nanoseconds / 1e9
        packet = parse(data, when)
        if packet and packet.icmp_type not in (LINK_UPKEEP if protocol == ETH_P_IPV6 else ()):
            self._packets.append(packet)

    def packets(self):
        """Everything so far, without what a link needs to live."""
        while True:
            try:
                self._receive()
            except BlockingIOError:
                return list(self._packets)


class Deliveries:
    """Collects what a box takes in for itself: behind the gate also where the gate is its own.

    Raw sockets get a copy of each packet that the IP layer accepted for this box.
    """

    def __init__(self, netns):
        self._packets = []
        self._sockets = []
        for family, icmp in ((socket.AF_INET, ICMP), (socket.AF_INET6, ICMPV6)):
            for protocol in (TCP, UDP, icmp):
                raw = netns.socket(family, socket.SOCK_RAW, protocol)
                raw.setblocking(False)
                self._sockets.append((raw, protocol))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for raw, _ in self._sockets:
            raw.close()

    def _receive(self, raw, protocol):
        data, address = raw.recvfrom(65536)
        if raw.family == socket.AF_INET:
            packet = parse(data, time.time())
        else:
            source = address[0].split("%")[0]
            packet = _transport(Packet(time.time(), source, "here", protocol), data)
        if protocol != ICMPV6 or packet.icmp_type not in LINK_UPKEEP:
            self._packets.append(packet)

    def packets(self):
        for raw, protocol in self._sockets:
            try:
                while True:
                    self._receive(raw, protocol)
            except BlockingIOError:
                pass
        return list(self._packets)


# ---------------------------------------------------------------- forging


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _packed(address):
    return ipaddress.ip_address(address).packed


def _pseudo_header(source, destination, protocol, length):
    return _packed(source) + _packed(destination) + struct.pack("!II", length, protocol)


def ip(source, destination, protocol, body, options=b"", fragment=0):
    """An IP packet of the family of its addresses. fragment: flags and offset, IPv4 only."""
    if ipaddress.ip_address(source).version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64)
        return head + _packed(source) + _packed(destination) + body
    length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH", 0x40 | length // 4, 0, length + len(body), 0x4242, fragment, 64, protocol, 0
    )
    head += _packed(source) + _packed(destination) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def tcp_segment(source, destination, ports, flags, sequence=1000, acknowledge=0):
    head = struct.pack("!HHIIBBHHH", *ports, sequence, acknowledge, 5 << 4, flags, 64240, 0, 0)
    total = checksum(_pseudo_header(source, destination, TCP, len(head)) + head)
    return head[:16] + struct.pack("!H", total) + head[18:]


def tcp(source, destination, ports, flags, **numbers):
    """ports is (source port, destination port)."""
    body = tcp_segment(source, destination, ports, flags, **numbers)
    return ip(source, destination, TCP, body)


def udp_datagram(source, destination, ports, data):
    head = struct.pack("!HHHH", *ports, 8 + len(data), 0)
    total = checksum(_pseudo_header(source, destination, UDP, 8 + len(data)) + head + data)
    return head[:6] + struct.pack("!H", total or 0xFFFF) + data


def udp(source, destination, ports, data=b"forged"):
    return ip(source, destination, UDP, udp_datagram(source, destination, ports, data))


def icmp_message(source, destination, kind, code, rest, body):
    """The bytes of an ICMP or ICMPv6 message; rest is the second word of its header."""
    message = struct.pack("!BBHI", kind, code, 0, rest) + body
    covered = message
    if ipaddress.ip_address(source).version == 6:
        covered = _pseudo_header(source, destination, ICMPV6, len(message)) + message
    return message[:2] + struct.pack("!H", checksum(covered)) + message[4:]


def icmp(source, destination, kind, code=0, rest=0, body=b"0123456789abcdef"):
    protocol = ICMPV6 if ipaddress.ip_address(source).version == 6 else ICMP
    message = icmp_message(source, destination, kind, code, rest, body)
    return ip(source, destination, protocol, message)


def fragment_header(next_header, offset, more, identification=0x4242):
    """The IPv6 one; offset in bytes."""
    return struct.pack("!BBHI", next_header, 0, offset | more, identification)


def send(netns, packet):
    """Sends a packet just as it is, whatever source it claims."""
    family = socket.AF_INET6 if packet[0] >> 4 == 6 else socket.AF_INET
    destination = parse(packet).destination
    with netns.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(packet, (destination, 0))


def link_address(netns, interface):
    """The MAC of an interface."""
    with netns.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        return raw.getsockname()[4]


def frame(source, destination, packet, tag=None):
    """An Ethernet frame around an IP packet; tag: the 802.1Q one."""
    kind = ETH_P_IPV6 if packet[0] >> 4 == 6 else ETH_P_IP
    tagged = b"" if tag is None else struct.pack("!HH", ETH_P_8021Q, tag)
    return destination + source + tagged + struct.pack("!H", kind) + packet


def send_frame(netns, interface, data):
    with netns.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        raw.send(data)
