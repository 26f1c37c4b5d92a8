# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary traffic between two boxes with real sockets, through the router.

A bulk TCP stream, small datagrams, and connections that are opened and closed. The client is on the
first CPU that we have, the server on the last.
"""

import contextlib
import dataclasses
import json
import os
import subprocess

import machine
import policies
import sites
from context import Failure
from variants import Gate, NftSet, Variant, standing

_PORT, _PORTS = 9_000, 8
_DATAGRAMS = 200_000
_CONNECTIONS = 8_000
_ARRIVED = 0.90  # of the datagrams: with fewer it was a queue that was measured


def _policy():
    """A thousand rules, and what this traffic needs, from the first device to the server."""
    base = policies.exact(1_000, 1_000)
    server = policies.SERVER_HOST
    needed = [policies.Rule(0, server, _PORT + i) for i in range(_PORTS)]
    needed.append(policies.Rule(0, server, _PORT, "udp"))
    return dataclasses.replace(base, rules=base.rules + needed)


class Pair:
    """Client and server of one variant."""

    def __init__(self, context, variant):
        self.context, self.variant = context, variant
        self._cpus = (min(os.sched_getaffinity(0)), context.cpu)

    def _command(self, cpu, *arguments):
        return ("taskset", "-c", cpu, self.context.tool("load"), *arguments)

    @contextlib.contextmanager
    def serving(self):
        command = self._command(self._cpus[1], "sink", sites.SERVER, _PORT, _PORTS)
        sink = self.variant.site.far.start(*command, stdout=subprocess.PIPE, text=True)
        try:
            if sink.stdout.readline() != "ready\n":
                raise Failure("the sink does not start")
            yield
        finally:
            sink.kill()
            sink.wait()
            sink.stdout.close()

    def _client(self, mode, *arguments):
        command = self._command(self._cpus[0], mode, sites.SERVER, _PORT, *arguments)
        done = self.variant.site.near.run(*command, check=False)
        if done.returncode:
            raise Failure(f"{self.variant.label}, {mode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def stream(self):
        """Gbit/s that arrived."""
        done = self._client("stream", self.context.effort.seconds)
        return done["count"] * 8 / done["ns"]

    def datagrams(self):
        """Thousands a second that arrived at the server's interface."""
        before = self.variant.site.counts("out0").sent
        done = self._client("udp", _DATAGRAMS)
        arrived = self.variant.site.counts("out0").sent - before
        if not _ARRIVED * done["count"] <= arrived <= done["count"]:
            raise Failure(f"{self.variant.label}: {arrived} of {done['count']} datagrams arrived")
        return arrived * 1e6 / done["ns"]

    def connections(self):
        """Thousands a second, opened and closed."""
        done = self._client("connect", _PORTS, _CONNECTIONS)
        return done["count"] * 1e6 / done["ns"]

    def verify_refusal(self):
        """What the policy does not name must not pass, or nothing was measured."""
        if type(self.variant) is Variant:
            return
        command = self._command(self._cpus[0], "connect", sites.SERVER, _PORT + _PORTS, 1, 1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.variant.site.near.run(*command, check=False, timeout=0.5)
            raise Failure(f"{self.variant.label}: a port that no rule names answered")


_FIGURES = {
    "TCP stream, Gbit/s": Pair.stream,
    "datagrams of 64 bytes, 1000/s": Pair.datagrams,
    "TCP connections, 1000/s": Pair.connections,
}


def _round(context, pairs, best):
    for pair in pairs:
        pair.variant.reset()
    for name, figure in _FIGURES.items():
        for pair in pairs:
            row = best[name]
            row[pair.variant.label] = max(figure(pair), row.get(pair.variant.label, 0))
        machine.calibrate(context.noise)


def measure(context):
    """[{figure, none, gate, nft set}]; the best of the rounds."""
    best = {name: {} for name in _FIGURES}
    policy = _policy()
    with standing(context, (Variant, Gate, NftSet), tun=False) as variants:
        with contextlib.ExitStack() as serving:
            pairs = [Pair(context, variant) for variant in variants]
            for pair in pairs:
                pair.variant.load(policy)
                serving.enter_context(pair.serving())
                pair.verify_refusal()
            for number in range(context.effort.rounds):
                context.say(f"traffic: round {number + 1} of {context.effort.rounds}")
                _round(context, pairs, best)
    return [{"figure": name} | row for name, row in best.items()]
