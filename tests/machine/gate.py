# SPDX-License-Identifier: GPL-2.0-or-later
"""aclgate as it is installed on this machine."""

import json
import pathlib
import subprocess
import time
import urllib.request

EXAMPLES = pathlib.Path("/usr/share/doc/aclgate/examples")
INVENTORY = EXAMPLES / "inventory.json"
PACKAGES = pathlib.Path("/usr/lib/machine")
METRICS = "http://127.0.0.1:9817/metrics"


def run(*command, check=True, **options):
    """Runs a command to its end; one that fails is an AssertionError with what it said."""
    options = {"capture_output": True, "text": True, "timeout": 300} | options
    result = subprocess.run([*map(str, command)], **options)
    if check and result.returncode != 0:
        said = (result.stderr or result.stdout).strip()[-300:]
        raise AssertionError(f"{' '.join(map(str, command))}: {result.returncode}: {said}")
    return result


def wait_until(condition, what, timeout=10.0):
    """Polls; returns the seconds it took. An AssertionError names what did not come about."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + timeout, f"not within {timeout:.0f} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - start


def write(name, content):
    """A file with JSON, for a load."""
    path = pathlib.Path("/run") / name
    path.write_text(json.dumps(content))
    return path


def load(policy, inventory=INVENTORY):
    return run("aclctl", "load", policy, "--inventory", inventory)


def status():
    """The exit status, and what it says."""
    result = run("aclctl", "status", "--json", check=False)
    assert result.returncode in (0, 3), f"status: {result.returncode}: {result.stderr}"
    return result.returncode, json.loads(result.stdout)


def enforced():
    return status()[0] == 0


def drops(**labels):
    """The packets that were dropped under these labels."""
    return sum(
        one["packets"]
        for one in status()[1].get("dropped", ())
        if labels.items() <= one.items()
    )


def metrics():
    with urllib.request.urlopen(METRICS, timeout=10) as answer:
        return answer.status, answer.read().decode()


def show(unit, field):
    """A property of a unit."""
    return run("systemctl", "show", "--value", f"--property={field}", unit).stdout.strip()
