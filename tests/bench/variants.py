# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands between: nothing, the gate, or a ruleset of nft. Each on a site of its own.

`load` puts a policy in force, `reset` forgets all connections, and `flows` says how many are known.
Only where nft asks for the state of a connection is conntrack at work at all.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct

from context import Failure
from sites import Site

_NETLINK_NETFILTER = 12
_CT_DELETE = 1 << 8 | 2
_NLM_F_REQUEST_ACK = 0x5


class Variant:
    """No firewall at all."""

    label = "none"

    def __init__(self, context, site):
        self.site = site

    def close(self):
        """Before its site is."""

    def load(self, policy):
        pass

    def reset(self):
        pass

    def flows(self):
        return None

    def refused(self):
        """Packets that were refused by policy, where that is counted."""
        return None


class Gate(Variant):
    label = "gate"
    exits = 0  # aclctl status

    def __init__(self, context, site):
        super().__init__(context, site)
        self._aclctl = context.build / "cli" / "aclctl"
        self._folder = context.folder / self.site.name
        self._folder.mkdir()
        self.file = self._folder / "policy.json"
        self.pins = pathlib.Path("/sys/fs/bpf", self.site.name)
        self.environment = os.environ | {
            "ACLGATE_PIN_DIR": str(self.pins),
            "ACLGATE_STATE_DIR": str(self._folder / "state"),
            "ACLGATE_RUN_DIR": str(self._folder / "run"),
        }

    def aclctl(self, *arguments):
        return self.site.router.run(
            self._aclctl, *arguments, env=self.environment, check=False, timeout=120
        )

    def _change(self, *arguments):
        done = self.aclctl(*arguments)
        if done.returncode:
            raise Failure(f"aclctl {' '.join(map(str, arguments))}: {done.stderr.strip()}")

    def close(self):
        self.aclctl("unload", "--open")
        shutil.rmtree(self.pins, ignore_errors=True)
        shutil.rmtree(self._folder)

    def text(self, policy):
        return policy.text(self.site.interface)

    def load(self, policy):
        self.file.write_text(self.text(policy))
        self.reset()

    def reset(self):
        """The gate forgets no live connection, so it is taken down and put up again."""
        self.unload()
        self._change("load", self.file)

    def unload(self):
        if list(self.pins.glob("v*")):
            self._change("unload", "--open")

    def status(self):
        done = self.aclctl("status", "--json")
        if done.returncode != self.exits:
            raise Failure(f"aclctl status: {done.returncode} {done.stderr.strip()}")
        return json.loads(done.stdout)

    def flows(self):
        return self.status()["flows"]

    def dropped(self):
        """Reason → packets."""
        sums = {}
        for drop in self.status()["dropped"]:
            sums[drop["reason"]] = sums.get(drop["reason"], 0) + drop["packets"]
        return sums

    def refused(self):
        return self.dropped().get("acl", 0)


class Unguarded(Gate):
    """The programs alone: what remains of the gate's cost without the guard's. Nobody runs it so."""

    label = "no guard"
    exits = 3

    def reset(self):
        super().reset()
        self.site.router.run("nft", "delete table inet aclgate_guard")


class NftSet(Variant):
    label = "nft set"

    def __init__(self, context, site):
        super().__init__(context, site)
        self.file = context.folder / f"{self.site.name}.nft"

    def text(self, policy):
        return policy.nft_set()

    def load(self, policy):
        self.file.write_text("flush ruleset\n" + self.text(policy))
        done = self.site.router.run("nft", "-f", self.file, check=False, timeout=120)
        if done.returncode:
            raise Failure(f"nft -f: {done.stderr.strip()[:300]}")
        # WireGuard has verified what comes through it; the same good turn for nft
        with self.site.router.entered():
            self._setting("nf_conntrack_checksum").write_text("0\n")
        self.reset()

    def _setting(self, name):
        return pathlib.Path("/proc/sys/net/netfilter", name)

    def reset(self):
        """ctnetlink's delete without a tuple: all."""
        sock = self.site.router.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        with sock:
            sock.send(struct.pack("=IHHII4x", 20, _CT_DELETE, _NLM_F_REQUEST_ACK, 1, 0))
            error = struct.unpack_from("=i", sock.recv(4096), 16)[0]
        if error:
            raise Failure(f"conntrack: {os.strerror(-error)}")

    def flows(self):
        with self.site.router.entered():
            return int(self._setting("nf_conntrack_count").read_text())


class NftLinear(NftSet):
    label = "nft linear"

    def text(self, policy):
        return policy.nft_linear()


@contextlib.contextmanager
def standing(context, kinds, tun):
    """One of each kind, all at the same time, so that their rounds can interleave."""
    with contextlib.ExitStack() as stack:
        variants = []
        for kind in kinds:
            name = f"{context.prefix}{kind.label.replace(' ', '-')}-{'wg' if tun else 'lan'}"
            site = Site(name, tun)
            stack.callback(site.close)
            variants.append(kind(context, site))
            stack.callback(variants[-1].close)
        yield variants
