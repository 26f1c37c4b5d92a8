# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled policies answer like the story, without root and without a network: the same rows
that story.py tries with real packets."""

from cases.story import STORIES
from world import INVENTORY, POLICIES

# The boxes have short names here.
DEVICES = {"windows": "windows-machine"}


def _rows(story):
    """(source, target, protocol, port, whether it is allowed)"""
    for rows, allowed in ((story.allowed, True), (story.refused, False)):
        for source, target, tries in rows:
            for protocol, port in tries:
                names = DEVICES.get(source, source), DEVICES.get(target, target)
                yield *names, protocol, port, allowed


def _check_batch(world, report, name, policy, inventory):
    rows = list(_rows(STORIES[name]))
    lines = "".join(f"{' '.join(map(str, row[:4]))}\n" for row in rows)
    with report.case(f"offline: can --batch answers all {len(rows)} rows of {name}"):
        options = "--policy", policy, "--inventory", inventory, "--batch"
        result = world.aclctl_as_nobody("can", *options, input=lines)
        answers = result.stdout.splitlines()
        assert len(answers) == len(rows), f"{len(answers)} answers: {result.stderr}"
        for row, answer in zip(rows, answers):
            word = "allow" if row[4] else "deny"
            assert answer.split("\t")[0].startswith(word), f"{row[:4]}: {answer}, not {word}"


def _check_single(world, report, name, policy, inventory):
    """The first allowed and the first refused row that have a port, by the exit status."""
    options = "--policy", policy, "--inventory", inventory
    for expected, status in ((True, 0), (False, 1)):
        source, target, protocol, port, _ = next(
            row for row in _rows(STORIES[name]) if row[4] == expected and row[3]
        )
        what = f"{target}:{port}/{protocol}"
        with report.case(f"offline: {name}: can {source} {what} exits {status}"):
            result = world.aclctl_as_nobody("can", *options, source, what)
            assert result.returncode == status, f"exit {result.returncode}: {result.stderr}"


def run(world, report):
    # Copies, for the tree may not be readable for everybody.
    inventory = world.file("inventory.json", INVENTORY.read_text())
    for name in STORIES:
        policy = world.file(f"{name}.json", (POLICIES / f"{name}.json").read_text())
        with report.case(f"offline: check {name}.json is content, and silent"):
            result = world.aclctl_as_nobody("check", policy, "--inventory", inventory)
            assert result.returncode == 0, f"exit {result.returncode}: {result.stderr}"
            assert not result.stderr, result.stderr
        _check_batch(world, report, name, policy, inventory)
        _check_single(world, report, name, policy, inventory)
