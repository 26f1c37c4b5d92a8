# SPDX-License-Identifier: GPL-2.0-or-later
"""The namespaces that packets go through, one row of them for each variant.

    devices ── in ── [router] ── out0 ── far

`in` is a TUN device wg0, which has no Ethernet and into which we write, or a veth lan0 whose other
end is in a namespace `near`. Neighbours are static and IPv6 is off, so that no packet but ours is
counted. The hosts' neighbour has an address of Ethernet that nobody has: the far end drops what
arrives before it looks at it, at the same low cost for every variant.
"""

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import select
import socket
import struct
import subprocess

import policies
from netns import Netns

ROUTER_NEAR, ROUTER_FAR = "203.0.113.1", "192.0.2.1"
SERVER = policies.SERVER
_NEAR_GATEWAY, _FAR_GATEWAY = "203.0.113.66", "192.0.2.66"
_MAC = {"lan0": "02:00:00:00:00:01", "near0": "02:00:00:00:00:02", "out0": "02:00:00:00:00:03",
        "far0": "02:00:00:00:00:04", "nobody": "02:00:00:00:00:66"}  # fmt: skip

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SOL_PACKET, _PACKET_QDISC_BYPASS = 263, 20


def mac(name):
    return bytes.fromhex(_MAC[name].replace(":", ""))


@dataclasses.dataclass(frozen=True)
class Counts:
    """Of an interface, as it was."""

    received: int
    sent: int


def _setting(netns, name, value):
    """Not sysctl(8), which a small system may lack; the thread's namespace decides which it is."""
    with netns.entered():
        pathlib.Path("/proc/sys/net", name).write_text(f"{value}\n")


def _configure(name, commands):
    subprocess.run(["ip", "-n", name, "-batch", "-"], input=commands, text=True, check=True)


class Site:
    """A router with what is before and behind it; `tun` says what `in` is."""

    def __init__(self, name, tun):
        self.name = name
        self.tun = tun
        self.interface = "wg0" if tun else "lan0"
        self._ends = contextlib.ExitStack()
        try:
            self._build()
        except BaseException:
            self._ends.close()
            raise

    def close(self):
        self._ends.close()

    def _namespace(self, role):
        name = f"{self.name}-{role}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self._ends.callback(subprocess.run, ["ip", "netns", "delete", name], check=False)
        netns = Netns(name)
        self._ends.callback(netns.close)
        for scope in ("default", "all"):
            _setting(netns, f"ipv6/conf/{scope}/disable_ipv6", 1)
            _setting(netns, f"ipv4/conf/{scope}/rp_filter", 0)
        _configure(name, "link set lo up\n")
        return netns

    def _veth(self, one, one_name, other, other_name):
        _configure(
            one.name,
            f"link add {one_name} address {_MAC[one_name]} type veth"
            f" peer name {other_name} address {_MAC[other_name]} netns {other.name}\n"
            f"link set {one_name} up\n",
        )
        _configure(other.name, f"link set {other_name} up\n")

    def _build(self):
        self.router, self.far = self._namespace("router"), self._namespace("far")
        _setting(self.router, "ipv4/ip_forward", 1)
        self._veth(self.router, "out0", self.far, "far0")
        _configure(
            self.router.name,
            f"addr add {ROUTER_FAR}/24 dev out0\n"
            f"neigh add {_FAR_GATEWAY} lladdr {_MAC['nobody']} dev out0 nud permanent\n"
            f"neigh add {SERVER} lladdr {_MAC['far0']} dev out0 nud permanent\n"
            f"route add {policies.HOSTS_NET} via {_FAR_GATEWAY}\n",
        )
        _configure(
            self.far.name,
            f"addr add {SERVER}/24 dev far0\n"
            f"neigh add {ROUTER_FAR} lladdr {_MAC['out0']} dev far0 nud permanent\n"
            f"route add default via {ROUTER_FAR}\n",
        )
        self._far_socket = self._packet_socket(self.far, "far0")
        if self.tun:
            self._build_tun()
        else:
            self._build_veth()

    def _build_tun(self):
        # a TUN device lives in the namespace where /dev/net/tun was opened, as long as that is open
        with self.router.entered():
            self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        self._ends.callback(os.close, self.descriptor)
        request = struct.pack("16sH22x", b"wg0", _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(self.descriptor, _TUNSETIFF, request)
        _configure(
            self.router.name,
            "link set wg0 up\n"
            f"addr add {ROUTER_NEAR}/32 dev wg0\n"
            f"route add {policies.DEVICES_NET} dev wg0\n",
        )
        self.header = b""

    def _build_veth(self):
        self.near = self._namespace("near")
        self._veth(self.router, "lan0", self.near, "near0")
        first = policies.device_address(0)
        _configure(
            self.router.name,
            f"addr add {ROUTER_NEAR}/24 dev lan0\n"
            f"neigh add {_NEAR_GATEWAY} lladdr {_MAC['nobody']} dev lan0 nud permanent\n"
            f"neigh add {first} lladdr {_MAC['near0']} dev lan0 nud permanent\n"
            f"route add {policies.DEVICES_NET} via {_NEAR_GATEWAY}\n"
            f"route add {first}/32 dev lan0\n",
        )
        _configure(
            self.near.name,
            f"addr add {first}/32 dev near0\n"
            f"neigh add {ROUTER_NEAR} lladdr {_MAC['lan0']} dev near0 nud permanent\n"
            f"route add default via {ROUTER_NEAR} dev near0 onlink\n",
        )
        self._near_socket = self._packet_socket(self.near, "near0")
        self.descriptor = self._near_socket.fileno()
        self.header = mac("lan0") + mac("near0") + b"\x08\x00"

    def _packet_socket(self, netns, interface):
        """For sending only: with protocol 0 it receives nothing, which would cost."""
        sock = netns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._ends.callback(sock.close)
        with netns.entered():
            sock.bind((interface, 0))
        sock.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        return sock

    def send(self, packet):
        """From a device."""
        os.write(self.descriptor, self.header + packet)

    def answer(self, packet):
        """From a host."""
        self._far_socket.send(mac("out0") + mac("far0") + b"\x08\x00" + packet)

    def drain(self):
        """An answer that came out of the TUN device must be read, or its queue is full soon."""
        if not self.tun:
            return
        if not select.select([self.descriptor], [], [], 1)[0]:
            raise TimeoutError(f"{self.name}: no answer came back")
        os.read(self.descriptor, 65_536)

    def counts(self, interface):
        with self.router.entered(), open("/proc/thread-self/net/dev", encoding="ascii") as lines:
            for line in lines:
                name, _, numbers = line.partition(":")
                if name.strip() == interface:
                    fields = numbers.split()
                    return Counts(received=int(fields[1]), sent=int(fields[9]))
        raise LookupError(interface)
