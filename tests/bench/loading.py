# SPDX-License-Identifier: GPL-2.0-or-later
"""From the file to the first packet that is judged by it: seconds, and the peak of memory.

Also how long it takes to change one rule of many, and policies that would be too large if devices
multiplied. nft loads the same rules, next to us, as one hash set.
"""

import collections
import dataclasses

import machine
import policies
from context import Failure
from variants import Gate, NftSet, standing


def _best(runs):
    """Seconds and MB of the best of several runs."""
    return {
        "seconds": min(run["seconds"] for run in runs),
        "mb": min(run["kib"] for run in runs) / 1024,
    }


class Loader:
    """The programs, as commands that are timed in the router of a variant."""

    def __init__(self, context, gate, nft):
        self.context, self.gate, self.nft = context, gate, nft

    def run(self, variant, command, environment=None):
        inside = variant.site.router.command(self.context.tool("timed"), *command)
        done = self.context.timed(inside, env=environment)
        if done["status"]:
            raise Failure(f"{' '.join(map(str, command))} failed")
        return done

    def aclctl(self, *arguments):
        program = self.context.build / "cli" / "aclctl"
        return self.run(self.gate, (program, *arguments), self.gate.environment)

    def nft_file(self):
        return self.run(self.nft, ("nft", "-f", self.nft.file))

    def nft_command(self, command):
        return self.run(self.nft, ("nft", command))


def _repeat(context, steps):
    """name → best figures; the steps take turns."""
    runs = collections.defaultdict(list)
    for _ in range(context.effort.loads):
        for name, step in steps.items():
            runs[name].append(step())
        machine.calibrate(context.noise)
    return {name: _best(done) for name, done in runs.items()}


def _load_anew(loader):
    """As after a boot: nothing is there."""
    loader.gate.unload()
    return loader.aclctl("load", loader.gate.file)


def measure_sizes(context):
    """[{rules, devices, policy, check: {seconds, mb}, load, reload, nft}]"""
    rows = []
    with standing(context, (Gate, NftSet), tun=True) as (gate, nft):
        loader = Loader(context, gate, nft)
        steps = {
            "check": lambda: loader.aclctl("check", gate.file),
            "load": lambda: _load_anew(loader),
            "reload": lambda: loader.aclctl("load", gate.file),
        }
        for rules, devices in context.effort.mixed_sizes:
            context.say(f"loading: {rules} rules, {devices} devices, mixed")
            gate.file.write_text(policies.mixed(rules, devices))
            row = {"rules": rules, "devices": devices, "policy": "mixed"}
            rows.append(row | _repeat(context, steps))
        steps["nft"] = loader.nft_file
        for rules, devices in context.effort.sizes:
            context.say(f"loading: {rules} rules, {devices} devices")
            policy = policies.exact(rules, devices)
            gate.file.write_text(policy.text(gate.site.interface))
            nft.load(policy)
            row = {"rules": rules, "devices": devices, "policy": "exact"}
            rows.append(row | _repeat(context, steps))
    return rows


def _load_changed(loader, before, after, rule):
    """From the policy without the rule to the one with it, which is then asked about it."""
    loader.gate.file.write_text(before)
    loader.aclctl("load", loader.gate.file)
    loader.gate.file.write_text(after)
    done = loader.aclctl("load", loader.gate.file)
    loader.aclctl("can", f"device{rule.device}", f"host{rule.host}:{rule.port}/tcp")
    return done


def measure_change(context):
    """{gate: {seconds, mb}, nft: …}: one rule more, at the largest size."""
    rules, devices = context.effort.sizes[-1]
    context.say(f"one rule more: {rules} rules, {devices} devices")
    larger = policies.exact(rules + 1, devices)
    policy = dataclasses.replace(larger, rules=larger.rules[:-1])
    rule = larger.rules[-1]
    with standing(context, (Gate, NftSet), tun=True) as (gate, nft):
        loader = Loader(context, gate, nft)
        before, after = policy.text("wg0"), larger.text("wg0")
        nft.load(policy)
        element = f"element inet bench allowed_tcp {{ {rule.element()} }}"

        def add_element():
            done = loader.nft_command(f"add {element}")
            loader.nft_command(f"delete {element}")
            return done

        steps = {
            "gate": lambda: _load_changed(loader, before, after, rule),
            "nft": add_element,
        }
        return {"rules": rules, "devices": devices} | _repeat(context, steps)


def measure_backend(context):
    """{rules, devices, backend: {seconds, mb}, text: …}: the largest policy in nftables, by us and by
    `nft -f` from the text that we print."""
    rules, devices = context.effort.sizes[-1]
    context.say(f"the nft backend: {rules} rules, {devices} devices")
    with standing(context, (Gate,), tun=True) as (gate,):
        loader = Loader(context, gate, None)
        gate.file.write_text(policies.exact(rules, devices).text("wg0"))
        printed = gate.aclctl("check", gate.file, "--print", "nft")
        if printed.returncode:
            raise Failure(f"aclctl check: {printed.stderr.strip()}")
        text = gate.file.with_suffix(".nft")
        text.write_text(printed.stdout)

        def afresh(*command):
            gate.aclctl("unload", "--open")
            return loader.run(gate, command, gate.environment)

        program = context.build / "cli" / "aclctl"
        steps = {
            "backend": lambda: afresh(program, "load", gate.file, "--backend", "nft"),
            "text": lambda: afresh("nft", "-f", text),
        }
        return {"rules": rules, "devices": devices} | _repeat(context, steps)


def _count_table(gate):
    """Pairs and ranges of the compiled policy."""
    done = gate.aclctl("check", gate.file, "--print", "table")
    if done.returncode:
        raise Failure(f"aclctl check: {done.stderr.strip()}")
    lines = done.stdout.splitlines()
    return {
        "pairs": sum(line.startswith("pair ") for line in lines),
        "ranges": sum(line.startswith("\t") for line in lines),
    }


def measure_wide(context):
    """[{policy, check: {seconds, mb}, load, pairs, ranges}]"""
    rows = []
    with standing(context, (Gate,), tun=True) as (gate,):
        loader = Loader(context, gate, None)
        for name, text in policies.wide().items():
            context.say(f"10000 devices, {name}")
            gate.file.write_text(text)
            steps = {
                "check": lambda: loader.aclctl("check", gate.file),
                "load": lambda: _load_anew(loader),
            }
            rows.append({"policy": name} | _repeat(context, steps) | _count_table(gate))
    return rows
