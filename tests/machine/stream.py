# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection that somebody uses all the time."""

import contextlib
import socket
import threading
import time

import probe


class Stream:
    """A word goes there and back, over and over, while the block lasts. `longest` is the longest
    time that one took, `problem` what broke the connection."""

    def __init__(self, source, target, port, version=4):
        self._socket = probe.connect(source.netns, target.address(version), port, timeout=30)
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._ends = threading.Event()
        self.count, self.longest, self.problem = 0, 0.0, None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._ends.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # it may wait for an answer that will not come
        self._thread.join()
        self._socket.close()

    def _talk(self):
        try:
            while not self._ends.is_set():
                start = time.monotonic()
                self._socket.sendall(b"word")
                assert self._socket.recv(4), "closed by the other side"
                self.longest = max(self.longest, time.monotonic() - start)
                self.count += 1
                time.sleep(0.05)
        except (OSError, AssertionError) as error:
            self.problem = str(error)

    def goes_on(self, timeout=30.0):
        """Whether something comes back from now on."""
        before, deadline = self.count, time.monotonic() + timeout
        while self.count < before + 2 and not self.problem and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.count >= before + 2
