# SPDX-License-Identifier: GPL-2.0-or-later
"""What was aimed at, beside what was measured. Of several sizes the worst counts, and is named."""

import packets

_LARGE = (100_000, 10_000)


def _goal(name, figure, limit, at_least=False, note=""):
    met = figure >= limit if at_least else figure <= limit
    return {
        "goal": name,
        "figure": figure,
        "limit": limit,
        "at_least": at_least,
        "met": met,
        "off_by": figure / limit - 1,
        "note": note,
    }


def _size(row):
    return row["rules"], row["devices"]


def _name(size):
    return f"{size[0]} rules, {size[1]} devices"


def adds(row, variant):
    """What a variant adds to the way of a packet: for one that is refused, to its arrival alone."""
    if variant not in row:
        return None
    return row[variant] - row["drop" if row["case"] == packets.REFUSED else "none"]


def _of_programs(rows):
    """`-many` is over many flows in turn, which do not stay in the nearest cache."""
    for many in ("", "-many"):
        floor, established = f"floor{many}", f"established{many}"
        ratios = [
            (row[established] / row[floor], _size(row))
            for row in rows
            if floor in row and established in row
        ]
        if ratios:
            ratio, size = max(ratios)
            yield _goal(f"{established} / {floor}, programs alone", ratio, 1.6, note=_name(size))
    new = {_size(row): row["new"] for row in rows if "new" in row}
    yield from _drift("programs alone", new)


_AXES = (  # of a size: which of its numbers, from, to
    ("1k to 100k rules", 0, 1_000, 100_000),
    ("10 to 10k devices", 1, 10, 10_000),
)


def _spans(sizes, axis, first, last):
    """Pairs of sizes that differ along one axis only; where there are none, along both."""
    pairs = [(a, b) for a in sizes for b in sizes if (a[axis], b[axis]) == (first, last)]
    return [(a, b) for a, b in pairs if a[1 - axis] == b[1 - axis]] or [
        (a, b) for a, b in pairs if a[1 - axis] <= b[1 - axis]
    ]


def _drift(title, cost, other=None):
    """cost: size → ns of a new flow; other: the same of nft, to be told beside it."""
    for axis, number, first, last in _AXES:
        spans = _spans(cost, number, first, last)
        if not spans:
            continue
        low, high = max(spans, key=lambda span: cost[span[1]] / cost[span[0]])
        note = f"{_name(low)}: {cost[low]:.0f} ns; {_name(high)}: {cost[high]:.0f} ns"
        if other:
            note += f"; nft {other[low]:.0f}, {other[high]:.0f} ns"
        yield _goal(f"new flow, {title}, {axis}", cost[high] / cost[low], 1.25, note=note)


def _of_packets(interface, rows):
    for case in packets.CASES:
        ratio, row = max(
            ((adds(row, "gate") / adds(row, "nft set"), row) for row in rows if row["case"] == case),
            key=lambda pair: pair[0],
        )
        programs = adds(row, "no guard") / adds(row, "nft set")
        name = f"{case}, {interface}: gate adds / nft set adds"
        yield _goal(name, ratio, 0.5, note=f"{_name(_size(row))}; without the guard {programs:.3f}")


def _of_traffic(rows):
    for row in rows:
        yield _goal(f"{row['figure']}: gate / none", row["gate"] / row["none"], 0.97, at_least=True)


def _of_loading(rows):
    for row in rows:
        if _size(row) != _LARGE or row["policy"] != "exact":
            continue
        nft = row["nft"]
        for step, name in (("load", "file to enforced"), ("reload", "... in place of another")):
            note = f"nft -f {nft['seconds']:.3f} s"
            yield _goal(f"{name}, 100k rules, s", row[step]["seconds"], 0.5, note=note)
        yield _goal("memory of load, MB", row["load"]["mb"], 100, note=f"nft -f {nft['mb']:.0f} MB")


def _of_flood(flood):
    if "xdp" not in flood:
        return
    generator, ours = 1 / flood["trivial XDP drop"], 1 / flood["xdp"]
    name = "flood: time of our drop / time of generator and least drop"
    yield _goal(name, (ours - generator) / generator, 1.0, note="below 1 the generator is slower")


def judge(result):
    goals = list(_of_programs(result["programs"] or []))
    new = [row for row in result["packets"]["wg0"] if row["case"] == packets.NEW]
    gate, nft = ({_size(row): adds(row, v) for row in new} for v in ("gate", "nft set"))
    goals += _drift("what the gate adds", gate, nft)
    for interface, rows in result["packets"].items():
        goals += _of_packets(interface, rows)
    goals += _of_traffic(result["traffic"])
    goals += _of_loading(result["loading"])
    change = result["change"]
    note = f"nft add element {change['nft']['seconds']:.3f} s"
    goals.append(_goal("one rule more, 100k rules, s", change["gate"]["seconds"], 0.05, note=note))
    goals += _of_flood(result["flood"])
    return goals
