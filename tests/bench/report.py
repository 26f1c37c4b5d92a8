# SPDX-License-Identifier: GPL-2.0-or-later
"""The result as tables for people."""

import goals
import packets


def _cell(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
    return str(value)


def _table(out, title, heads, rows):
    """Columns as wide as they need; the first ones are text, numbers are on the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [heads, *cells]) for i in range(len(heads))]
    print(f"\n{title}", file=out)
    for row in [heads, *cells]:
        line = (
            text.ljust(width) if heads[i] in ("case", "policy", "figure", "goal", "note", "") else
            text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths))
        )  # fmt: skip
        print(("  " + "  ".join(line)).rstrip(), file=out)


def _ratio(one, other):
    return one / other if one is not None and other else None


def _programs(out, rows):
    if rows is None:
        print("\nprograms alone: not built", file=out)
        return
    names = [name for name in rows[0] if name not in ("rules", "devices")]
    _table(
        out, "programs alone, ns a packet", ["rules", "devices", *names],
        [[row["rules"], row["devices"], *(row.get(name) for name in names)] for row in rows],
    )  # fmt: skip


_VARIANTS = ("none", "drop", "gate", "no guard", "nft set", "nft linear")


def _packets(out, interface, rows):
    heads = ["case", "rules", "devices", *_VARIANTS, "gate adds", "nft adds", "ratio"]
    lines = []
    for row in rows:
        gate, nft = goals.adds(row, "gate"), goals.adds(row, "nft set")
        lines.append(
            [row["case"], row["rules"], row["devices"], *(row.get(v) for v in _VARIANTS), gate, nft,
             _ratio(gate, nft)]
        )  # fmt: skip
    _table(out, f"real packets into {interface}, ns each", heads, lines)
    print(f"  nft linear: not run beyond {packets.LINEAR_MOST} rules", file=out)


def _loading(out, rows):
    heads = ["policy", "rules", "devices"]
    steps = ("check", "load", "reload", "nft")
    for step in steps:
        heads += [f"{step} s", "MB"]
    lines = []
    for row in rows:
        line = [row["policy"], row["rules"], row["devices"]]
        for step in steps:
            line += [row[step]["seconds"], row[step]["mb"]] if step in row else [None, None]
        lines.append(line)
    _table(out, "loading", heads, lines)


def _wide(out, rows):
    heads = ["policy", "check s", "MB", "load s", "MB", "pairs", "ranges"]
    lines = [
        [row["policy"], *row["check"].values(), *row["load"].values(), row["pairs"], row["ranges"]]
        for row in rows
    ]
    _table(out, "policies that could multiply, 10000 devices", heads, lines)


def _memory(out, rows):
    kinds = [kind for kind in rows[-1] if kind not in ("rules", "devices")]
    lines = []
    for row in rows:
        megabytes = (row.get(kind, 0) / 2**20 for kind in kinds)
        lines.append([row["rules"], row["devices"], *megabytes])
    _table(out, "memory in the kernel, MB", ["rules", "devices", *kinds], lines)


def _traffic(out, rows):
    heads = ["figure", "none", "gate", "nft set", "gate/none", "nft/none"]
    lines = [
        [row["figure"], row["none"], row["gate"], row["nft set"], row["gate"] / row["none"],
         row["nft set"] / row["none"]]
        for row in rows
    ]  # fmt: skip
    _table(out, "traffic between two boxes", heads, lines)


def _flood(out, flood):
    least = flood["trivial XDP drop"]
    lines = [[name, rate, rate / least] for name, rate in flood.items()]
    title = "a flood that is dropped, 1000 packets/s that generator and receiver manage"
    _table(out, title, ["figure", "rate", "of the first"], lines)
    if "xdp" not in flood:
        print("  xdp: this gate has no such option", file=out)


def _goals(out, judged):
    lines = []
    for goal in judged:
        verdict = "met" if goal["met"] else "MISSED"
        limit = (">= " if goal["at_least"] else "<= ") + f"{goal['limit']:g}"
        off_by = f"{goal['off_by']:+.0%}"
        lines.append([goal["goal"], goal["figure"], limit, verdict, off_by, goal["note"]])
    _table(out, "goals", ["goal", "is", "should be", "", "off by", "note"], lines)


def _machine(out, machine):
    before, after = machine["load_average"]
    print(
        f"\nmachine: kernel {machine['kernel']}, {machine['cpus']} CPUs; load average"
        f" {before:.2f} before, {after:.2f} after; {machine['calibrations']} times the same loop:"
        f" the slowest took {machine['calibration_max']:.2f} times as long as the quickest,"
        f" the median {machine['calibration_median']:.2f} times",
        file=out,
    )


def show(result, out):
    _programs(out, result["programs"])
    for interface, rows in result["packets"].items():
        _packets(out, interface, rows)
    _loading(out, result["loading"])
    change = result["change"]
    print(
        f"\none rule more, of {change['rules']}: gate {change['gate']['seconds']:.3f} s,"
        f" nft add element {change['nft']['seconds']:.3f} s",
        file=out,
    )
    backend = result["backend"]
    print(
        f"the nft backend, {backend['rules']} rules, {backend['devices']} devices: aclctl"
        f" {backend['backend']['seconds']:.2f} s and {backend['backend']['mb']:.0f} MB, nft -f of the"
        f" same text {backend['text']['seconds']:.2f} s and {backend['text']['mb']:.0f} MB",
        file=out,
    )
    _wide(out, result["wide"])
    _memory(out, result["memory"])
    _traffic(out, result["traffic"])
    _flood(out, result["flood"])
    _goals(out, result["goals"])
    _machine(out, result["machine"])
    if result["quick"]:
        print("quick: few sizes, few rounds; the figures are rough", file=out)
