# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of somebody else on the guarded interfaces: TCX, clsact and XDP."""

import contextlib
import re

import hooks
import probe
from others.decides import (
    COPIES, RULES, check_decides, check_status, count_arrivals, listed, load, nft, send,
)  # fmt: skip
from policy import BOTH, policy

HOOKS = [(interface, direction) for interface in BOTH for direction in ("ingress", "egress")]
VERDICTS = {"TC_ACT_OK": hooks.TC_OK, "TCX_NEXT": hooks.TCX_NEXT}


@contextlib.contextmanager
def _foreign(world, verdict, where, places=None):
    """The same program of somebody else on each of these hooks: {hook: program}."""
    netns = world.router.netns
    with contextlib.ExitStack() as stack:
        yield {
            place: stack.enter_context(hooks.foreign_tcx(netns, *place, verdict, where))
            for place in places or HOOKS
        }


def _seen(foreign):
    return {hook: program.packets() for hook, program in foreign.items()}


def _check_runs(world, report, state, foreign):
    with report.case(f"{state}: the other program runs"):
        before = _seen(foreign)
        probe.udp_round_trip(world.windows.netns, world.imac.address(4), 3000)
        grown = {hook: seen - before[hook] for hook, seen in _seen(foreign).items()}
        assert min(grown.values()) >= 3, f"packets that it saw: {grown}"


def _check_not_reached(world, report, state, foreign):
    """What ours drops, nobody behind it sees."""
    with report.case(f"{state}: the other program sees nothing of what is refused"):
        program = foreign["wg0", "ingress"]
        before = program.packets()
        send(world.imac, world.windows, 445)
        assert program.packets() - before < COPIES, f"{program.packets() - before} packets"


def _check_attached(world, report, state, foreign, place):
    """place: how many programs are before it."""
    with report.case(f"{state}: the other program is still attached"):
        found = {hook: hooks.position(world.router.netns, *hook, program)
                 for hook, program in foreign.items()}  # fmt: skip
        assert set(found.values()) == {place}, found


def _check_behind(world, report):
    for name, verdict in VERDICTS.items():
        state = f"{name} behind ours"
        load(world)
        with _foreign(world, verdict, hooks.BEHIND) as foreign:
            check_status(world, report, state)
            check_decides(world, report, state)
            _check_runs(world, report, state, foreign)
            _check_not_reached(world, report, state, foreign)
            load(world)
            _check_attached(world, report, f"{state}, loaded again", foreign, 1)
            world.aclctl("unload", "--open")
            _check_attached(world, report, f"{state}, after unload", foreign, 0)
            _check_runs(world, report, f"{state}, after unload", foreign)


def _check_drops_behind(world, report):
    state = "TC_ACT_SHOT behind ours"
    load(world)
    with report.case(f"{state}: what is allowed is dropped by the other one"):
        assert count_arrivals(world.windows, world.imac, 3000), "nothing arrives without it"
        with _foreign(world, hooks.TC_SHOT, hooks.BEHIND, [("lan0", "ingress")]):
            arrived = count_arrivals(world.windows, world.imac, 3000)
            assert not arrived, f"{arrived} packets arrived"
    check_status(world, report, f"{state}, gone")


def _check_load_in_front(world, report, state, foreign):
    load(world)
    state = f"{state}, loaded again"
    check_status(world, report, state)
    _check_attached(world, report, state, foreign, 1)
    check_decides(world, report, state)
    _check_runs(world, report, state, foreign)


def _check_in_front(world, report):
    """One that leaves the verdict to those behind it."""
    state = "TCX_NEXT in front of ours"
    with _foreign(world, hooks.TCX_NEXT, hooks.FRONT) as foreign:
        check_status(world, report, state, 3)
        _check_attached(world, report, state, foreign, 0)
        check_decides(world, report, state)
        _check_load_in_front(world, report, state, foreign)


def _check_accepts_ingress(world, report):
    """One that skips ours where packets come in: they have no verdict, and the guard drops them."""
    state = "TC_ACT_OK in front of ours, ingress of wg0"
    with _foreign(world, hooks.TC_OK, hooks.FRONT, [("wg0", "ingress")]) as foreign:
        check_status(world, report, state, 3)
        for port, word in ((80, "allowed"), (445, "refused")):
            with report.case(f"{state}: what is {word} from there does not pass"):
                arrived = count_arrivals(world.imac, world.windows, port)
                assert not arrived, f"{arrived} packets arrived"
        with report.case(f"{state}: the guard counts it as unjudged"):
            before = _unjudged(world)
            send(world.imac, world.windows, 80)
            assert _unjudged(world) - before >= COPIES, f"{_unjudged(world) - before} packets"
        load(world)
        check_status(world, report, f"{state}, loaded again")
        check_decides(world, report, f"{state}, loaded again")
        _check_attached(world, report, f"{state}, loaded again", foreign, 1)


def _unjudged(world):
    listed = nft(world, "list", "counter", "inet", "aclgate_guard", "unjudged")
    return int(re.search(r"packets (\d+)", listed).group(1))


def _check_accepts_egress(world, report):
    """One that skips ours where packets go out: what came in through a guarded interface was judged
    there. What else leaves is as open as its verdict says, and told."""
    state = "TC_ACT_OK in front of ours, egress of lan0"
    with _foreign(world, hooks.TC_OK, hooks.FRONT, [("lan0", "egress")]) as foreign:
        check_status(world, report, state, 3)
        with report.case(f"{state}: what a peer may not send does not pass"):
            arrived = count_arrivals(world.imac, world.windows, 445)
            assert not arrived, f"{arrived} packets arrived"
        with report.case(f"{state}: what a peer may send passes"):
            assert count_arrivals(world.imac, world.windows, 80), "nothing arrives"
        print(f"# {state}: {count_arrivals(world.guest, world.windows, 445)} of {COPIES} packets"
              " of the guest leave until the next load")  # fmt: skip
        load(world)
        check_status(world, report, f"{state}, loaded again")
        check_decides(world, report, f"{state}, loaded again")
        _check_attached(world, report, f"{state}, loaded again", foreign, 1)


@contextlib.contextmanager
def _clsact(world, priority, verdict):
    """A filter of somebody else, in classic BPF, on every hook."""
    run = world.router.netns.run
    for interface in BOTH:
        run("tc", "qdisc", "add", "dev", interface, "clsact")
    for hook in HOOKS:
        run("tc", "filter", "add", "dev", *hook, "prio", priority, "protocol", "all",
            "bpf", "da", "bytecode", f"1,6 0 0 {verdict},")  # fmt: skip
    try:
        yield
    finally:
        for interface in BOTH:
            run("tc", "qdisc", "del", "dev", interface, "clsact")


def _count_filters(world):
    return sum(
        world.router.netns.run("tc", "filter", "show", "dev", *hook).stdout.count("bytecode")
        for hook in HOOKS
    )


def _check_clsact(world, report):
    """TCX runs before clsact, whatever the priority."""
    for priority in (1, 49000):
        state = f"clsact with priority {priority}"
        load(world)
        with _clsact(world, priority, hooks.TC_OK):
            check_status(world, report, state)
            check_decides(world, report, state)
            load(world)
            check_status(world, report, f"{state}, loaded again")
            with report.case(f"{state}, loaded again: the filters are still there"):
                assert _count_filters(world) == len(HOOKS), f"{_count_filters(world)}"
        with report.case(f"{state}: its drop is one"):
            assert count_arrivals(world.windows, world.imac, 3000), "nothing arrives without it"
            with _clsact(world, priority, hooks.TC_SHOT):
                arrived = count_arrivals(world.windows, world.imac, 3000)
                assert not arrived, f"{arrived} packets arrived"


def _check_xdp(world, report):
    early = policy(*RULES, interfaces=["wg0", {"name": "lan0", "xdp": True}])
    for name, mode in (("generic", hooks.XDP_GENERIC), ("native", hooks.XDP_DRIVER)):
        state = f"another XDP program, {name}"
        load(world)
        with hooks.foreign_xdp(world.router.netns, "lan0", mode) as foreign:
            with report.case(f'{state}: "xdp": true warns'):
                said = load(world, early)
                assert "another XDP program" in said, said
            check_status(world, report, state)
            check_decides(world, report, state)
            with report.case(f"{state}: it runs"):
                before = foreign.packets()
                probe.udp_round_trip(world.windows.netns, world.imac.address(4), 3000)
                assert foreign.packets() - before >= 3, f"{foreign.packets() - before} packets"


def _check_beside_nft(world, report):
    """Programs that pass everything, and a policy that is enforced behind them."""
    state = "TC_ACT_OK on every hook"
    load(world)
    with _foreign(world, hooks.TC_OK, hooks.FRONT) as foreign:
        check_status(world, report, state)
        check_decides(world, report, state)
        _check_runs(world, report, state, foreign)
        load(world)
        _check_attached(world, report, f"{state}, loaded again", foreign, 0)


def check(world, report):
    if not hooks.has_tcx(world.router.netns, "lan0"):
        report.skip("other programs", "this kernel has no TCX")
    elif world.backend == "nft":
        _check_beside_nft(world, report)
    else:
        _check_behind(world, report)
        _check_drops_behind(world, report)
        _check_in_front(world, report)
        if world.gate:
            _check_accepts_ingress(world, report)
            _check_accepts_egress(world, report)
        _check_clsact(world, report)
        _check_xdp(world, report)
