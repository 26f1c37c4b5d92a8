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


def measure(context):
    """[{rules, devices, name: ns …}], or None where the program is not built."""
    program = pathlib.Path(context.tool("testrun"))
    if not program.exists():
        return None
    rows = []
    for rules, devices in context.effort.sizes:
        context.say(f"programs alone: {rules} rules, {devices} devices")
        file = context.folder / "testrun.json"
        file.write_text(policies.exact(rules, devices).text("wg0"))
        rows.append({"rules": rules, "devices": devices} | _figures(program, file))
        machine.calibrate(context.noise)
    return rows
