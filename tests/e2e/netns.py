# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets and processes inside a named network namespace.

A socket stays in the namespace it was made in, and setns(2) moves only the calling thread.
So one Python process can hold sockets of every box of the test network at the same time.
"""

import contextlib
import ctypes
import os
import socket
import subprocess

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns: " + os.strerror(ctypes.get_errno()))


class Netns:
    """A namespace made by `ip netns add`."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        self._here = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def close(self):
        # Whoever is inside when the network goes is ended with it; that must not be us.
        _setns(self._home)
        os.close(self._here)
        os.close(self._home)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside for as long as the block lasts."""
        try:
            _setns(self._here)
            yield
        finally:
            _setns(self._home)

    def socket(self, family, kind, protocol=0):
        with self.entered():
            return socket.socket(family, kind, protocol)

    def command(self, *argv):
        """argv, to be run inside. Not `ip netns exec`: that hides /sys/fs/bpf."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, *argv, **options):
        """Runs a command to its end; raises when it fails, unless check=False."""
        options = {"check": True, "capture_output": True, "text": True, "timeout": 60} | options
        return subprocess.run(self.command(*argv), **options)

    def start(self, *argv, **options):
        """Starts a command; its own session, so that Ctrl-C reaches only the test."""
        options = {"stdin": subprocess.DEVNULL, "start_new_session": True} | options
        return subprocess.Popen(self.command(*argv), **options)
