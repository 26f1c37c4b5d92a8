# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs alone cost, without the way of a packet around them: testrun, for each size."""

import json
import pathlib
import subprocess

import machine
import policies
from context import Failure


def _figures(program, file):
    done = subprocess.run([program, file], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise Failure(f"testrun: {done.stderr.strip()}")
    lines = (json.loads(line) for line in done.stdout.splitlines() if line)
    return {line["name"]: line["ns"] for line in lines}


def _measure_size(context, program, size, best):
    file = context.folder / "testrun.json"
    file.write_text(policies.exact(*size).text("wg0"))
    for name, ns in _figures(program, file).items():
        best[name] = min(ns, best.get(name, ns))
    machine.calibrate(context.noise)


def measure(context):
    """[{rules, devices, name: ns …}], or None where the program is not built. Where its tables lie in
    memory is chance, so each size is loaded several times; they take turns."""
    program = pathlib.Path(context.tool("testrun"))
    if not program.exists():
        return None
    best = {size: {} for size in context.effort.sizes}
    for number in range(context.effort.loads):
        context.say(f"programs alone: round {number + 1} of {context.effort.loads}")
        for size in context.effort.sizes:
            _measure_size(context, program, size, best[size])
    return [{"rules": rules, "devices": devices} | best[rules, devices] for rules, devices in best]
