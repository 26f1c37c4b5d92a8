# SPDX-License-Identifier: GPL-2.0-or-later
"""A service that answers everything with the same bytes, on many ports, by TCP and UDP.

It is what the tests talk to: bytes that come back have made the way in both directions.
"""

import contextlib
import selectors
import socket
import threading


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Echo:
    """Serves the given addresses and ports of a namespace until it is closed.

    Each address has a socket of its own, so that an answer comes from the address that was
    asked; a box may have several.
    """

    def __init__(self, netns, addresses, ports):
        self._selector = selectors.DefaultSelector()
        self._wake, wake_end = socket.socketpair()
        self._selector.register(wake_end, selectors.EVENT_READ, None)
        self._connections = set()
        for address in addresses:
            for port in ports:
                self._listen(netns, address, port)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def _listen(self, netns, address, port):
        for kind, action in ((socket.SOCK_STREAM, self._accept), (socket.SOCK_DGRAM, self._answer)):
            listener = netns.socket(family_of(address), kind)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            if kind == socket.SOCK_STREAM:
                listener.listen(64)
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, action)

    def _accept(self, listener):
        connection, _ = listener.accept()
        connection.setblocking(True)
        self._connections.add(connection)
        threading.Thread(target=self._reflect, args=(connection,), daemon=True).start()

    def _answer(self, listener):
        data, peer = listener.recvfrom(65536)
        listener.sendto(data, peer)

    def _reflect(self, connection):
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(1 << 18):
                connection.sendall(data)
        self._connections.discard(connection)

    def _serve(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                # The asker may be gone by now: then there is nobody to answer.
                with contextlib.suppress(OSError):
                    key.data(key.fileobj)

    def close(self):
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()
        self._wake.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
