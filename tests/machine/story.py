#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""The story on this machine: one half before its reboot, the other one after it.

Runs at each boot. Results go to the second serial port, in the form of tests/e2e/report.py, and to
the console.
"""

import pathlib
import subprocess
import time

import after
import before
from report import Report
from town import Town

RESULTS = "/dev/ttyS1"
PROGRESS = pathlib.Path("/var/lib/machine/rebooted")


def tail_of_journal(log):
    units = ["acld*", "aclgate*", "wg-quick@wg0", "machine-*"]
    command = ["journalctl", "--no-pager", "--boot", "--lines=60"]
    command += [f"--unit={unit}" for unit in units]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    for line in text.splitlines():
        print(f"# {line}", file=log)


def main():
    with open(RESULTS, "w", encoding="utf-8") as log:
        report = Report(log)
        part, last = (after, True) if PROGRESS.exists() else (before, False)
        print(f"# {part.__name__} the reboot: up after {time.monotonic():.0f} s", file=log)
        try:
            part.run(Town(), report)
        except Exception as error:  # what goes wrong outside its cases
            report.fail(f"{part.__name__} the reboot", f"{type(error).__name__}: {error}")
            last = True
        if report.failed:
            tail_of_journal(log)
        print(f"# {part.__name__} the reboot: done after {time.monotonic():.0f} s", file=log)
        if last:
            print("# end", file=log)
    PROGRESS.parent.mkdir(exist_ok=True)
    PROGRESS.touch()
    subprocess.run(["systemctl", "--no-block", "poweroff" if last else "reboot"], check=True)


main()
