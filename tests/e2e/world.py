# SPDX-License-Identifier: GPL-2.0-or-later
"""The test network, with the programs of aclgate on its router."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from boxes import REPOSITORY, Network

POLICIES = REPOSITORY / "policies"
INVENTORY = POLICIES / "inventory.json"
# ACLGATE_BUILD names another build directory.
BUILD = pathlib.Path(os.environ.get("ACLGATE_BUILD", REPOSITORY / "build"))
LOGS = BUILD / "e2e-logs"

PEERS = ["imac", "vps", "aspire", "azure"]
GUEST = "guest"
ACLD_PORT = 9817
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def wait_until(condition, what, timeout=10.0):
    """Polls; an AssertionError that names what did not come about."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        time.sleep(0.05)


def end(process, how=signal.SIGTERM, timeout=5.0):
    """Ends a process that we started; its exit status."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{process.args[-1]} does not end") from None


# Pins are in a folder of their layout: GATE_LAYOUT.
LAYOUT = "v3"


def pin_folder(prefix):
    return pathlib.Path(f"/sys/fs/bpf/aclgate-{prefix.rstrip('-')}")


def _runs(pid):
    """Also a process that nobody has waited for yet is gone: it has no command line."""
    with contextlib.suppress(OSError):
        return bool(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def sweep():
    """Removes what a run that was killed has left: its prefix names a process that is gone."""
    for folder in pathlib.Path("/run/aclgate-network").glob("e2e*-"):
        if not _runs(folder.name[3:-1]):
            Network(folder.name, PEERS, GUEST).remove()
            shutil.rmtree(pin_folder(folder.name), ignore_errors=True)


class World(Network):
    """One network and one gateway, apart from all others on this machine.

    With gate=False nothing is ever loaded: every refusal must then fail, which is how the
    checks themselves are checked.
    """

    def __init__(self, gate=True):
        super().__init__(f"e2e{os.getpid()}-", PEERS, GUEST)
        self.gate = gate
        self.backend = "auto"
        self.acld = None
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="aclgate-e2e-"))
        self._folder.chmod(0o755)
        self._pins = pin_folder(self.prefix)

    def remove(self):
        super().remove()
        shutil.rmtree(self._pins, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def file(self, name, content):
        """A file for this test; content is text, or something for JSON."""
        path = self._folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    # ------------------------------------------------------------ aclctl

    @property
    def pins(self):
        return self._pins / LAYOUT

    @property
    def state(self):
        return self._folder / "state"

    @property
    def run_directory(self):
        return self._folder / "run"

    def environment(self):
        return os.environ | {
            "ACLGATE_PIN_DIR": str(self._pins),
            "ACLGATE_STATE_DIR": str(self.state),
            "ACLGATE_RUN_DIR": str(self.run_directory),
        }

    def aclctl(self, *arguments, program=BUILD / "cli" / "aclctl", wrapper=(), **options):
        """Runs aclctl on the router; the finished process."""
        return self.router.netns.run(
            *wrapper, program, *arguments, check=False, env=self.environment(), **options
        )

    def aclctl_as_nobody(self, *arguments, **options):
        """The same without any privilege; from a copy, for the tree may not be open to all."""
        program = self._folder / "aclctl"
        if not program.exists():
            shutil.copy(BUILD / "cli" / "aclctl", program)
        return self.aclctl(*arguments, program=program, wrapper=AS_NOBODY, **options)

    def inventory(self, **others):
        """Who is who, for a policy that guards several interfaces: every device says where it
        speaks. others: devices that differ, or are added."""
        places = {"windows": "lan0", "guest": "eth1"}
        devices = {
            {"windows": "windows-machine"}.get(name, name): {
                "addresses": host.addresses, "interface": places.get(name, "wg0")
            }
            for name, host in self.hosts.items()
        }  # fmt: skip
        devices["router"] = {"addresses": self.router.addresses, "self": True}
        return {"devices": devices | others}

    def try_load(self, policy, inventory=INVENTORY, **options):
        """Loads files, or what is given as a dict; the finished process."""
        if isinstance(policy, dict):
            policy = self.file("policy.json", policy)
        if isinstance(inventory, dict):
            inventory = self.file("inventory.json", inventory)
        backend = ("--backend", self.backend)
        return self.aclctl("load", policy, "--inventory", inventory, *backend, **options)

    def load(self, policy, inventory=INVENTORY):
        """The same, and it must succeed; what it said."""
        if not self.gate:
            return ""
        result = self.try_load(policy, inventory)
        assert result.returncode == 0, f"load {policy}: {result.returncode}: {result.stderr}"
        return result.stderr

    def start_load(self, policy, inventory=INVENTORY):
        """A load that is not waited for."""
        return self.router.netns.start(
            BUILD / "cli" / "aclctl", "load", policy, "--inventory", inventory,
            "--backend", self.backend,
            env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    @contextlib.contextmanager
    def using(self, backend):
        """What is loaded in the block is enforced by this one; nothing is left of it."""
        self.backend = backend
        try:
            yield
        finally:
            self.backend = "auto"
            self.aclctl("unload", "--open")

    def status(self):
        result = self.aclctl("status", "--json")
        assert result.returncode in (0, 3), f"status: {result.returncode}: {result.stderr}"
        return json.loads(result.stdout)

    def drops(self, **labels):
        """The packets that status counts as dropped under these labels."""
        return sum(
            one["packets"]
            for one in self.status().get("dropped", ())
            if labels.items() <= one.items()
        )

    @contextlib.contextmanager
    def counts(self, **labels):
        """What the block sends must be counted as dropped under these labels."""
        before = self.drops(**labels)
        yield
        assert self.drops(**labels) > before, f"not counted as dropped under {labels}"

    # ------------------------------------------------------------ acld

    def start_acld(self, wrapper=(), **environment):
        log = open(LOGS / "acld.log", "ab")
        with log:
            self.acld = self.router.netns.start(
                *wrapper, BUILD / "daemon" / "acld", "--listen", f"127.0.0.1:{ACLD_PORT}",
                env=self.environment() | environment, stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self.acld_answers, "acld answers")

    def settle(self, seconds=1.2):
        """Until acld has not loaded anything for a while: it does after somebody else's load."""
        seen, since = None, time.monotonic()
        while time.monotonic() < since + seconds:
            generation = self.status().get("generation")
            if generation != seen:
                seen, since = generation, time.monotonic()
            time.sleep(0.05)

    def acld_answers(self):
        assert self.acld.poll() is None, f"acld ended by itself with status {self.acld.returncode}"
        with contextlib.suppress(OSError):
            return self.http(ACLD_PORT, "/metrics")[0] == 200
        return False

    def http(self, port, path):
        """GET on the router's loopback: status, content type, text."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with self.router.netns.entered():
            connection.connect()
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type"), answer.read().decode()

    def metrics(self):
        """Every sample of acld: (name, {label: value}, value)."""
        status, _, text = self.http(ACLD_PORT, "/metrics")
        assert status == 200, f"/metrics answers {status}"
        samples = re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
        return [
            (name, dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)), float(value))
            for name, labels, value in samples
        ]

    def metric(self, name, **labels):
        """The sum of the samples that have this name and at least these labels."""
        return sum(
            value
            for sample, present, value in self.metrics()
            if sample == name and labels.items() <= present.items()
        )

    def dropped(self, **labels):
        return self.metric("aclgate_dropped_packets_total", **labels)
