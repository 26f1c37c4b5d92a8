# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that the kernel holds for a loaded policy: what bpftool says of our maps and programs."""

import collections
import json
import subprocess
import sys

import policies
from variants import Gate, standing

_SIZES = ((10, 10), (1_000, 1_000), (100_000, 10_000))

# of the names of maps, what they are for; an inner map is of the kind of its outer one
_KINDS = {
    "policy": ("hosts4", "hosts6", "prefix4", "prefix6", "pairs", "ranges", "slots", "generations"),
    "flows": ("flows4", "flows6", "fragments"),
    "counters": ("device_counters", "rule_counters", "device_states"),
}


def _bpftool(*arguments):
    done = subprocess.run(["bpftool", "-j", *arguments], check=True, capture_output=True)
    return json.loads(done.stdout)


def _pinned_below(objects, folder):
    return [o for o in objects if any(p.startswith(f"{folder}/") for p in o.get("pinned", []))]


def _inner_ids(outer):
    """An array of maps reads as their ids, in bytes of this machine."""
    entries = _bpftool("map", "dump", "id", str(outer["id"]))
    values = [bytes(int(byte, 16) for byte in entry["value"]) for entry in entries]
    return [int.from_bytes(value, sys.byteorder) for value in values]


def _kind(name):
    return next((kind for kind, names in _KINDS.items() if name in names), "other")


def of_pins(folder):
    """kind → bytes."""
    maps = {entry["id"]: entry for entry in _bpftool("-f", "map", "show")}
    ours = {}
    for entry in _pinned_below(maps.values(), folder):
        ours.setdefault(entry["id"], _kind(entry.get("name", "")))
        if entry["type"] == "array_of_maps":
            ours |= dict.fromkeys(_inner_ids(entry), _kind(entry["name"]))
    sums = collections.Counter()
    for number, kind in ours.items():
        sums[kind] += maps[number]["bytes_memlock"]
    for program in _pinned_below(_bpftool("-f", "prog", "show"), folder):
        sums["programs"] += program["bytes_memlock"]
    return dict(sums)


def measure(context):
    """[{rules, devices, kind: bytes …, all}]"""
    rows = []
    with standing(context, (Gate,), tun=True) as (gate,):
        for rules, devices in _SIZES:
            context.say(f"memory: {rules} rules, {devices} devices")
            gate.load(policies.exact(rules, devices))
            kinds = of_pins(gate.pins)
            rows.append({"rules": rules, "devices": devices} | kinds | {"all": sum(kinds.values())})
    return rows
