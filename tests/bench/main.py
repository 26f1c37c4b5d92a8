# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything in one run, for scripts/bench: main.py BUILD [--json] [--quick]

Exit status 0 if everything was measured, whether goals were met or not; 1 if something failed.
"""

import argparse
import json
import os
import pathlib
import signal
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import context as contexts  # noqa: E402
import flood  # noqa: E402
import goals  # noqa: E402
import loading  # noqa: E402
import machine  # noqa: E402
import memory  # noqa: E402
import packets  # noqa: E402
import report  # noqa: E402
import testrun  # noqa: E402
import traffic  # noqa: E402


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="bench")
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds")
    return parser.parse_args()


def _measure(context):
    effort = context.effort
    return {
        "programs": testrun.measure(context),
        "packets": {
            "wg0": packets.measure(context, True, effort.sizes),
            "lan0": packets.measure(context, False, effort.ethernet_sizes),
        },
        "loading": loading.measure_sizes(context),
        "change": loading.measure_change(context),
        "backend": loading.measure_backend(context),
        "wide": loading.measure_wide(context),
        "memory": memory.measure(context),
        "traffic": traffic.measure(context),
        "flood": flood.measure(context),
    }


def _run(arguments):
    effort = contexts.QUICK if arguments.quick else contexts.FULL
    load_before = os.getloadavg()[0]
    with contexts.Context(arguments.build, effort) as context:
        machine.calibrate(context.noise)
        result = {"schema_version": 1, "quick": arguments.quick} | _measure(context)
        result["goals"] = goals.judge(result)
        result["machine"] = machine.describe(context.noise, load_before)
    return result


def _leave(number, _frame):
    """Once begun, tidying up must not be interrupted."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        result = _run(arguments)
    except (contexts.Failure, OSError) as error:
        sys.exit(f"bench: {error}")
    text = json.dumps(result, indent="\t")
    pathlib.Path(arguments.build, "bench.json").write_text(text + "\n")
    if arguments.json:
        print(text)
    report.show(result, sys.stderr if arguments.json else sys.stdout)


main()
