# SPDX-License-Identifier: GPL-2.0-or-later
"""The boxes of the test network, and what may be done on them."""

import contextlib
import os
import pathlib
import subprocess

import wire
from echo import Echo
from netns import Netns

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILDER = REPOSITORY / "scripts" / "network"

# What every box serves: the ports that the policies name, and those an attacker would like.
PORTS = [22, 80, 135, 445, 3000, 3001, 3100, 3389, 8080]
# Ports that the kernel may choose. Those that tests forge packets with are outside: a forged
# packet that meets a connection of the box by chance is let through, and rightly.
LOCAL_PORTS = "34000 49999"


class Host:
    """A box of the network. Its first address of a family is the one the others use."""

    def __init__(self, name, netns, interface, addresses):
        self.name, self.netns, self.interface, self.addresses = name, netns, interface, addresses

    def address(self, version):
        return next(address for address in self.addresses if (":" in address) == (version == 6))

    def watch(self):
        """What arrives here, past the gate."""
        if self.name == "router":
            return wire.Deliveries(self.netns)
        return wire.Sniffer(self.netns, self.interface)

    def serve(self, ports=PORTS):
        return Echo(self.netns, self.addresses, ports)


class Network:
    """The namespaces that scripts/network builds under one prefix."""

    def __init__(self, prefix, peers, guest=None):
        self.prefix, self.peers, self.guest_name = prefix, peers, guest
        self.hosts = {}

    def _builder(self, command, *more):
        """In a session of its own: Ctrl-C is for us, and we wait for it."""
        environment = os.environ | {
            "ACLGATE_PEERS": " ".join(self.peers), "ACLGATE_GUEST": self.guest_name or ""
        }  # fmt: skip
        subprocess.run(
            [BUILDER, command, self.prefix, *more], env=environment, check=True, start_new_session=True
        )

    def build(self):
        self._builder("up")
        self.attach()

    def attach(self):
        """To one that exists already."""
        self._add("windows", "eth0", ["192.168.77.10", "fd00:77::10"])
        router = ["10.77.0.1", "fd77::1", "192.168.77.1", "fd00:77::1"]
        if self.guest_name:
            router += ["192.168.88.1", "fd00:88::1"]
        self._add("router", "wg0", router)
        if self.guest_name:
            self._add(self.guest_name, "eth0", ["192.168.88.10", "fd00:88::10"])
        for number, name in enumerate(self.peers, 2):
            self._add(name, "wg0", [f"10.77.0.{number}", f"fd77::{number}"])

    def _add(self, name, interface, addresses):
        host = Host(name, Netns(self.prefix + name), interface, addresses)
        self.hosts[name] = host
        setattr(self, name, host)
        with host.netns.entered():
            pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(LOCAL_PORTS)

    def remove(self):
        """Leaves nothing behind; also after half a build()."""
        for host in self.hosts.values():
            host.netns.close()
        self.hosts.clear()
        self._builder("down")

    def remake_tunnel(self, name):
        """The interface wg0 of a box goes, and another one of that name comes."""
        self._builder("tunnel", name)

    def wg(self, name, *arguments):
        """wg(8) on a box; what it printed."""
        folder = pathlib.Path("/run/aclgate-network") / (self.prefix or "plain")
        with contextlib.suppress(FileNotFoundError):
            # wireguard-go is only to be seen from its own mount namespace.
            pid = (folder / f"{name}.pid").read_text().strip()
            enter = ["nsenter", "--target", pid, "--root", "--mount", "--net", "--"]
            command = [*enter, "wg", *arguments]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return self.hosts[name].netns.run("wg", *arguments).stdout

    def allow(self, name, *more):
        """Sets the AllowedIPs of a peer on the router: its own addresses, and these."""
        key = self.wg(name, "show", "wg0", "public-key").strip()
        addresses = ",".join([*self.hosts[name].addresses, *more])
        self.wg("router", "set", "wg0", "peer", key, "allowed-ips", addresses)

    def serve(self, *names, ports=PORTS):
        """Echo services on the named boxes, or on all, while the block lasts."""
        stack = contextlib.ExitStack()
        for name in names or self.hosts:
            stack.enter_context(self.hosts[name].serve(ports))
        return stack
