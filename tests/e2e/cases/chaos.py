# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that can happen to a router, at random and at once, while traffic runs: nothing that the
policy refuses arrives, the gate is back in its state each time, and connections that have nothing to do
with it go on.

    ACLGATE_CHAOS_SECONDS=600 ACLGATE_CHAOS_SEED=1 tests/e2e/run chaos
"""

import base64
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import hooks
import probe
from cases.pace import Stream
from policy import allow, policy
from world import end, wait_until

SECONDS = int(os.environ.get("ACLGATE_CHAOS_SECONDS", 40))
SEED = int(os.environ.get("ACLGATE_CHAOS_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)

PC = "windows-machine"
ALLOWED = 3000
RATE = 400  # packets a second of each stream
# What each sender tries, and may not: a port of its own, so that what arrives is known by it.
REFUSED = {"imac": 4450, "vps": 4451, "guest": 4452}
RULES = (
    allow(PC, f"imac:{ALLOWED}"),
    allow(PC, f"vps:{ALLOWED}"),
    allow(PC, f"guest:{ALLOWED}"),
    allow("guest", f"imac:{ALLOWED}"),
)
# Both allow what is open, and refuse what is tried.
POLICIES = [policy(*RULES), policy(*reversed(RULES), allow("aspire", f"imac:{ALLOWED}"))]
STATE_SIZE = "512k"
HEALED = 5.0  # seconds until everything must be enforced again; what it took is told


class Chaos:
    def __init__(self, world):
        self.world = world
        self.dice = random.Random(SEED)
        self.inventory = world.inventory()
        self.loaded = 0
        self.exposed = 0.0  # seconds in which an egress program of lan0 was away
        self.slowest = {}
        self.ops = [
            self.kill_keeper, self.kill_exporter, self.end_keeper, self.reload, self.load, self.load_refused,
            self.detach, self.detach_two, self.flush, self.damage, self.remake, self.pins, self.peer,
            self.pending, self.address, self.fill_disk, self.kill_load,
        ]  # fmt: skip

    # -------------------------------------------------------- acld

    def start(self):
        if self.world.acld and self.world.acld.poll() is None:
            return
        # the port may be held by the exporter of the one that was killed
        wait_until(self._starts, "acld starts", 10)

    def _starts(self):
        with contextlib.suppress(AssertionError):
            self.world.start_acld()
            return True
        return False

    def kill_keeper(self):
        end(self.world.acld, signal.SIGKILL)

    def end_keeper(self):
        end(self.world.acld)

    def reload(self):
        self.world.acld.send_signal(signal.SIGHUP)

    def kill_exporter(self):
        children = f"/proc/{self.world.acld.pid}/task/{self.world.acld.pid}/children"
        with open(children, encoding="ascii") as file:
            for child in file.read().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)

    # -------------------------------------------------------- the policy

    def load(self):
        self.loaded = 1 - self.loaded
        self.world.load(POLICIES[self.loaded], self.inventory)

    def load_refused(self):
        result = self.world.try_load({"acls": [{"action": "drop"}]}, self.inventory)
        assert result.returncode == 1, result.stderr

    def kill_load(self):
        """Either the old policy or the new one; the next load by hand is needed after some of these."""
        policy_file = self.world.file("policy.json", POLICIES[1 - self.loaded])
        inventory = self.world.file("inventory.json", self.inventory)
        process = self.world.start_load(policy_file, inventory)
        time.sleep(self.dice.uniform(0, 0.15))
        process.kill()
        process.wait()
        self.load()

    def fill_disk(self):
        ballast = self.world.state / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        result = self.world.try_load(POLICIES[1 - self.loaded], self.inventory)
        assert result.returncode in (0, 1), result.stderr
        if self.dice.random() < 0.5:
            self.detach()
            time.sleep(0.5)
        ballast.unlink()
        self.load()

    # -------------------------------------------------------- what others do

    def detach(self):
        interface = self.dice.choice(("wg0", "lan0"))
        direction = self.dice.choice(("ingress", "egress"))
        gone = OSError, AssertionError, subprocess.CalledProcessError
        with contextlib.suppress(*gone):
            hooks.detach(self.world.router.netns, interface, direction)
        if (interface, direction) == ("lan0", "egress"):
            self.exposed -= time.monotonic()
            wait_until(self.enforced, "lan0 is judged again", HEALED)
            self.exposed += time.monotonic()

    def detach_two(self):
        self.detach()
        self.detach()

    def nft(self, *command):
        self.world.router.netns.run("nft", *command, check=False)

    def flush(self):
        self.nft("flush", "ruleset")

    def damage(self):
        self.nft(*self.dice.choice((
            ("flush", "chain", "inet", "aclgate_guard", "prerouting"),
            ("flush", "set", "inet", "aclgate_guard", "armed"),
            ("delete", "element", "inet", "aclgate_guard", "guarded", "{ lan0 }"),
            ("add", "rule", "inet", "aclgate_guard", "postrouting", "accept"),
        )))  # fmt: skip

    def remake(self):
        self.world.remake_tunnel("router")

    def pins(self):
        shutil.rmtree(self.world.pins, ignore_errors=True)

    def peer(self):
        self.world.allow("azure", *self.dice.sample(("10.99.0.0/24", "10.98.0.1/32"), 1))

    def pending(self):
        key = base64.b64encode(self.dice.randbytes(32)).decode()
        self.world.wg("router", "set", "wg0", "peer", key, "allowed-ips", "10.77.0.200/32")
        time.sleep(self.dice.uniform(0, 1.5))
        self.world.wg("router", "set", "wg0", "peer", key, "remove")

    def address(self):
        run = self.world.router.netns.run
        how = self.dice.choice(("add", "del"))
        run("ip", "address", how, "10.77.7.7/32", "dev", "lo", check=False)

    # -------------------------------------------------------- one round

    def enforced(self):
        return self.world.aclctl("status").returncode == 0

    def round(self, conversations):
        ops = [self.dice.choice(self.ops) for _ in range(self.dice.choice((1, 1, 2, 3)))]
        names = ", ".join(op.__name__ for op in ops)
        for op in ops:
            self.start()
            op()
            time.sleep(self.dice.choice((0, 0.05, 0.3)))
        self.start()
        since = time.monotonic()
        wait_until(self.enforced, f"all is enforced after {names}", HEALED)
        self.slowest[names] = time.monotonic() - since
        for name, (near, far) in conversations.items():
            assert probe.token_arrives(near, far, 15), f"{name}: nothing arrives after {names}"
            assert probe.token_arrives(far, near, 15), f"{name}: no answer after {names}"
        return len(ops)


def _conversations(world):
    hosts = world.hosts
    return {
        f"windows and {name}, IPv{version}": probe.connect_pair(
            world.windows.netns, hosts[name].netns, hosts[name].address(version), ALLOWED
        )
        for name in ("imac", "vps", "guest")
        for version in (4, 6)
    }


def _streams(world):
    return {
        name: Stream(world.hosts[name], world.windows, 4, RATE, (port,))
        for name, port in REFUSED.items()
    }


def _check_leaks(report, chaos, streams):
    for name, stream in streams.items():
        sent, arrived = (next(iter(one.values())) for one in stream.end())
        # An egress program that is removed alone is missed until the keeper looks.
        limit = int(chaos.exposed * RATE * 1.5) + 1 if name == "guest" and chaos.exposed else 0
        print(f"# chaos: of {sent} refused packets of {name} {arrived} arrived"
              f" ({chaos.exposed:.1f} s without the egress program of lan0)")  # fmt: skip
        with report.case(f"chaos: nothing of {name} arrives that is refused"):
            assert sent > SECONDS * RATE / 4, f"only {sent} were sent"
            assert arrived <= limit, f"{arrived} of {sent}, seed {SEED}"


def _run(world, report):
    chaos = Chaos(world)
    world.load(POLICIES[0], chaos.inventory)
    chaos.start()
    conversations = _conversations(world)
    streams = _streams(world)
    done, over = 0, time.monotonic() + SECONDS
    with report.case(f"chaos: {SECONDS} s of it, seed {SEED}: healed each time, all goes on"):
        while time.monotonic() < over:
            done += chaos.round(conversations)
    for pair in conversations.values():
        for one in pair:
            one.close()
    names, worst = max(chaos.slowest.items(), key=lambda one: one[1], default=("", 0.0))
    print(f"# chaos: seed {SEED}, {done} blows; the slowest to heal took {worst:.1f} s: {names}")
    _check_leaks(report, chaos, streams)
    with report.case("chaos: acld serves its metrics to the end"):
        chaos.start()
        assert world.metric("aclgate_enforcing") == 1


def run(world, report):
    """The state directory is on a small file system of its own, which gets full at times."""
    world.aclctl("unload", "--open")
    world.state.mkdir(exist_ok=True)
    mount = "mount", "-t", "tmpfs", "-o", f"size={STATE_SIZE}", "tmpfs", str(world.state)
    world.router.netns.run(*mount)
    try:
        _run(world, report)
    finally:
        if world.acld:
            end(world.acld)
            world.acld = None
        world.aclctl("unload", "--open")
        world.router.netns.run("ip", "address", "del", "10.77.7.7/32", "dev", "lo", check=False)
        world.router.netns.run("umount", str(world.state))
