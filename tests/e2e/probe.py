# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking: does it get through, and if not, does really nothing get through?"""

import contextlib
import errno
import hashlib
import os
import select
import socket
import struct
import threading
import time

import wire
from echo import family_of

MEGABYTES_10 = 10 << 20
# Long enough for the first retransmission of a SYN, which comes after one second.
SILENCE = 1.3

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}


def version_of(address):
    return 6 if ":" in address else 4


# ---------------------------------------------------------------- what should be allowed


def connect(netns, address, port, timeout=5.0):
    """A connected TCP socket."""
    connection = netns.socket(family_of(address), socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect((address, port))
    except OSError as error:
        connection.close()
        raise AssertionError(f"no connection to {address} port {port}: {error}") from error
    return connection


def connect_pair(client, server, address, port, translated=None):
    """Both ends of a new connection to a port where nobody listens yet. translated: where the
    server listens, if NAT makes another (address, port) of this one.

    Closing an end resets it. A goodbye would be repeated for minutes where the gate lets it through
    no more, and be counted in the middle of another test.
    """
    with server.socket(family_of(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(translated or (address, port))
        listener.listen()
        listener.settimeout(5.0)
        near = connect(client, address, port)
        far, _ = listener.accept()
    for end in (near, far):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return near, far


def _send_all(connection, data):
    with contextlib.suppress(OSError):
        connection.sendall(data)


def _receive(connection, size):
    """The hash of the next size bytes."""
    digest, left = hashlib.sha256(), size
    while left:
        data = connection.recv(min(left, 1 << 18))
        if not data:
            raise AssertionError(f"closed by the other side, {left} of {size} bytes missing")
        digest.update(data)
        left -= len(data)
    return digest.digest()


def exchange(netns, address, port, size=MEGABYTES_10, timeout=30.0):
    """Sends size random bytes to an echo service and checks that all of them come back."""
    data = os.urandom(size)
    with connect(netns, address, port) as connection:
        connection.settimeout(timeout)
        sender = threading.Thread(target=_send_all, args=(connection, data), daemon=True)
        sender.start()
        try:
            digest = _receive(connection, size)
        except OSError as error:
            raise AssertionError(f"10 MB there and back broke off: {error}") from error
        sender.join(timeout)
    assert digest == hashlib.sha256(data).digest(), "other bytes came back than were sent"


def udp_round_trip(netns, address, port, size=1000, count=3):
    """Sends datagrams to an echo service and checks that each comes back."""
    with netns.socket(family_of(address), socket.SOCK_DGRAM) as asker:
        asker.settimeout(2.0)
        asker.connect((address, port))
        for _ in range(count):
            data = os.urandom(size)
            asker.send(data)
            try:
                answer = asker.recv(65536)
            except OSError as error:
                raise AssertionError(f"no UDP answer of {address} port {port}: {error}") from None
            assert answer == data, "other bytes came back than were sent"


def token_arrives(sender, receiver, timeout=2.0):
    """Sends a few random bytes and says whether just these come out on the other side."""
    token = os.urandom(16)
    sender.settimeout(timeout)
    receiver.settimeout(timeout)
    try:
        sender.sendall(token)
        return receiver.recv(16) == token
    except OSError:
        return False


# ---------------------------------------------------------------- what may be refused


class TcpAttempt:
    """Opens a connection; outcome() says what came of it, None being silence."""

    protocol = wire.TCP

    def __init__(self, netns, address, port):
        self._address = (address, port)
        self.socket = netns.socket(family_of(address), socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self._error = self.socket.connect_ex(self._address)
        self.source_port = self.socket.getsockname()[1]

    def outcome(self):
        with self.socket:
            if self._error not in (0, errno.EINPROGRESS):
                return os.strerror(self._error)
            _, writable, _ = select.select([], [self.socket], [], 0)
            if not writable:
                return None
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            return f"answered: {os.strerror(error)}" if error else "connected"


def _send_unless_refused(sender, data):
    """A box that is refused by its own kernel may be told so at once; that is silence too."""
    try:
        sender.send(data)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOBUFS):
            raise


class UdpAttempt:
    """Sends a datagram; a service that gets it answers, a closed port sends an ICMP error."""

    protocol = wire.UDP

    def __init__(self, netns, address, port):
        self.socket = netns.socket(family_of(address), socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect((address, port))
        _send_unless_refused(self.socket, b"is anybody there?")
        self.source_port = self.socket.getsockname()[1]

    def outcome(self):
        with self.socket:
            try:
                self.socket.recv(65536)
            except BlockingIOError:
                return None
            except OSError as error:
                return f"answered: {error.strerror}"
            return "answered"


class PingAttempt:
    """Sends an echo request. The port is not used."""

    def __init__(self, netns, address, port=0, size=56):
        self._version = version_of(address)
        self.protocol = wire.ICMPV6 if self._version == 6 else wire.ICMP
        self.socket = netns.socket(family_of(address), socket.SOCK_RAW, self.protocol)
        self.socket.setblocking(False)
        self.socket.connect((address, 0))
        self.source_port = self.identifier = struct.unpack("H", os.urandom(2))[0]
        word = self.identifier << 16 | 1
        # The kernel computes the checksum of ICMPv6 itself.
        source = self.socket.getsockname()[0]
        kind = ECHO_REQUEST[self._version]
        message = wire.icmp_message(source, address, kind, 0, word, os.urandom(size))
        _send_unless_refused(self.socket, message)

    def _is_answer(self, data):
        message = data if self._version == 6 else data[(data[0] & 15) * 4 :]
        kind, identifier = message[0], struct.unpack_from("!H", message, 4)[0]
        return kind == ECHO_REPLY[self._version] and identifier == self.identifier

    def outcome(self):
        with self.socket:
            while True:
                try:
                    data = self.socket.recv(65536)
                except BlockingIOError:
                    return None
                except OSError as error:
                    return f"answered: {error.strerror}"
                if self._is_answer(data):
                    return "answered"


def await_answer(attempt, timeout):
    """Waits for whatever comes back, to a UDP attempt or a ping."""
    select.select([attempt.socket], [], [], timeout)


ATTEMPTS = {"tcp": TcpAttempt, "udp": UdpAttempt, "icmp": PingAttempt}


def ping(netns, address, size=56, timeout=2.0):
    """Whether the address answers an echo request."""
    attempt = PingAttempt(netns, address, size=size)
    await_answer(attempt, timeout)
    return attempt.outcome() == "answered"


def _belongs(packet, attempt):
    if packet.protocol != attempt.protocol:
        return False
    if packet.protocol in (wire.ICMP, wire.ICMPV6):
        return packet.payload[4:6] == struct.pack("!H", attempt.identifier)
    return packet.source_port == attempt.source_port


class Refusal:
    """One try from a host to another, which must come to nothing. address: the one that is asked,
    where NAT makes that of the target of it.

    `problem` says what is wrong, after `try_all`; None is what it should be.
    """

    def __init__(self, source, target, protocol, port, version, address=None):
        self.source, self.target = source, target
        self.protocol, self.port, self.version = protocol, port, version
        self._address = address or target.address(version)
        self.problem = None

    def __str__(self):
        what = "ping" if self.protocol == "icmp" else f"{self.protocol} {self.port}"
        return f"{self.source.name} -> {self.target.name} {what} IPv{self.version}"

    def begin(self):
        self._attempt = ATTEMPTS[self.protocol](self.source.netns, self._address, self.port)

    def end(self, arrived):
        outcome = self._attempt.outcome()
        reached = [packet for packet in arrived if _belongs(packet, self._attempt)]
        if outcome:
            self.problem = outcome
        elif reached:
            self.problem = f"arrived at {self.target.name}: {reached[0]}"


def try_all(refusals, silence=SILENCE):
    """Makes all these tries at once, waits, and looks at both ends of each."""
    with contextlib.ExitStack() as stack:
        arrivals = {}
        for host in {refusal.target.name: refusal.target for refusal in refusals}.values():
            arrivals[host.name] = stack.enter_context(host.watch())
        for refusal in refusals:
            refusal.begin()
        time.sleep(silence)
        for refusal in refusals:
            refusal.end(arrivals[refusal.target.name].packets())
    return refusals
