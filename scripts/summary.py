#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what the suites did: one line a suite, each failure and each skip, and the sum.

summary.py BUILD SUITE...    reads BUILD/meson-logs/SUITE.json, and BUILD/e2e.log for "e2e"

A suite that left no log, broke off, or has no tests counts as a failure: nothing that did not run
may look as if it had passed. Exit status 1 when anything failed.
"""

import json
import pathlib
import re
import sys


class Count:
    def __init__(self, suite):
        self.suite = suite
        self.passed = 0
        self.failed = []
        self.skipped = []
        self.said = {}  # of failures that have no parts to tell them by: the end of the output

    def add(self, word, name, reason=""):
        if word == "PASS":
            self.passed += 1
        elif word == "SKIP":
            self.skipped.append((f"{self.suite}: {name}", reason or "no reason given"))
        else:
            self.failed.append(f"{self.suite}: {name}" + (f": {reason}" if reason else ""))

    def __str__(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


TAP_LINE = re.compile(r"^(not )?ok\b\s*\d*\s*(?:- )?(.*?)(?:\s+#\s*(SKIP|TODO)\b:?\s*(.*))?$", re.I)
TAP_SKIP_ALL = re.compile(r"^1\.\.0\s*#\s*SKIP\b:?\s*(.*)$", re.I)
CHECK_TOTALS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$")
# FILE:LINE:F or E:CASE:TEST:ITERATION: MESSAGE
CHECK_FAILURE = re.compile(r"^\S+:\d+:[FE]:[^:]*:([^:]*:\d+): (.*)$")


def count_tap_line(count, test, match):
    failed, name, directive, reason = match.groups()
    if directive:
        word = "SKIP"
        reason = reason or directive
    else:
        word = "FAIL" if failed else "PASS"
    count.add(word, f"{test}: {name}", reason or "")


def count_lines(count, test, output):
    """What the test said of its parts, in TAP or as the check library does; how many they are."""
    parts = 0
    for line in output.splitlines():
        if match := TAP_LINE.match(line):
            count_tap_line(count, test, match)
            parts += 1
        elif match := CHECK_TOTALS.match(line):
            total, failures, errors = map(int, match.groups())
            count.passed += total - failures - errors
            parts += total
        elif match := CHECK_FAILURE.match(line):
            count.add("FAIL", f"{test}: {match.group(1)}", match.group(2))
    return parts


def skip_reason(output):
    for line in output.splitlines():
        if match := TAP_SKIP_ALL.match(line):
            return match.group(1)
    return output.strip().splitlines()[-1] if output.strip() else ""


def end_of(output, lines=20, width=300):
    return [line[:width] for line in output.splitlines()[-lines:]]


def count_test(count, record):
    """One program of a meson suite. Its own result has the last word over its parts."""
    # "aclgate:unit / set" is the test "set".
    name = record["name"].rpartition(" / ")[2]
    result, output = record["result"], record.get("stdout") or ""
    failed_before = len(count.failed)
    parts = count_lines(count, name, output)
    if result == "SKIP" and not parts:
        count.add("SKIP", name, skip_reason(output))
    elif result in ("OK", "SKIP", "EXPECTEDFAIL"):
        if not parts:
            count.add("PASS", name)
    elif len(count.failed) == failed_before:
        count.add("FAIL", name, result.lower())
        count.said[count.failed[-1]] = end_of(output + (record.get("stderr") or ""))


def count_meson(build, suite):
    count = Count(suite)
    log = build / "meson-logs" / f"{suite}.json"
    records = log.read_text().splitlines() if log.exists() else []
    if not records:
        count.add("FAIL", "the suite", "no test ran")
    for record in records:
        count_test(count, json.loads(record))
    return count


E2E_LINE = re.compile(r"^(PASS|FAIL|SKIP)\t(.*)\t(.*)$")


def count_e2e(build):
    count = Count("e2e")
    log = build / "e2e.log"
    text = log.read_text() if log.exists() else ""
    for line in text.splitlines():
        if match := E2E_LINE.match(line):
            count.add(*match.groups())
    if not text.endswith("# end\n"):
        count.add("FAIL", "the suite", "it broke off")
    return count


def main():
    build, suites = pathlib.Path(sys.argv[1]), sys.argv[2:]
    counts = [count_e2e(build) if name == "e2e" else count_meson(build, name) for name in suites]
    total = Count("all")
    print("\n== summary")
    for count in counts:
        print(f"{count.suite:8} {count}")
        total.passed += count.passed
        total.failed += count.failed
        total.skipped += count.skipped
        total.said |= count.said
    for name in total.failed:
        print(f"failed: {name}")
        for line in total.said.get(name, []):
            print(f"  | {line}")
    for name, reason in total.skipped:
        print(f"skipped: {name}: {reason}")
    print(total)
    sys.exit(1 if total.failed else 0)


main()
