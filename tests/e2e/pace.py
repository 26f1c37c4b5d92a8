#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Datagrams at a steady rate, and what of them arrives.

    pace.py send RATE SOURCE DESTINATION PORT...     RATE a second, to the ports in turn
    pace.py receive ADDRESS PORT...

Both go on until SIGTERM, then print how many they sent or received, a number for each PORT."""

import selectors
import signal
import socket
import sys
import time

TICK = 0.002  # seconds
SOCKETS = 16  # for each port: as many flows
FIRST_SOURCE = 20000
BUFFER = 64 << 20
SO_RCVBUFFORCE = 33


class Over:
    """Set by the signal and asked between two packets: an exception could come after a packet was
    sent and before it was counted."""

    asked = False


def stop(*_):
    Over.asked = True


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def senders(source, destination, port):
    for number in range(SOCKETS):
        one = socket.socket(family_of(source), socket.SOCK_DGRAM)
        one.bind((source, FIRST_SOURCE + number + SOCKETS * (port % 1000)))
        one.connect((destination, port))
        yield one


def send(rate, source, destination, *ports):
    ports = [int(port) for port in ports]
    sockets = [list(senders(source, destination, port)) for port in ports]
    sent = [0] * len(ports)
    began, total = time.monotonic(), 0
    while not Over.asked:
        due = int((time.monotonic() - began) * int(rate))
        # after a pause the rate stays what it was: what was missed is not made up for at once
        due = min(due, total + int(3 * TICK * int(rate)))
        for _ in range(due - total):
            which = total % len(ports)
            try:
                sockets[which][total // len(ports) % SOCKETS].send(b"x" * 32)
                sent[which] += 1
            except ConnectionRefusedError:
                pass  # an answer to one before: this one was not sent
            total += 1
        time.sleep(TICK)
        if time.monotonic() - began > total / int(rate) + 1:
            began = time.monotonic() - total / int(rate)
    print(*sent)


def receive(address, *ports):
    selector = selectors.DefaultSelector()
    received = [0] * len(ports)
    for number, port in enumerate(ports):
        one = socket.socket(family_of(address), socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        one.bind((address, int(port)))
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ, number)
    print("ready", flush=True)
    while not Over.asked:
        for key, _ in selector.select(TICK):
            try:
                for _ in range(256):
                    key.fileobj.recv(64)
                    received[key.data] += 1
            except BlockingIOError:
                pass
    print(*received)


signal.signal(signal.SIGTERM, stop)
{"send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
