# SPDX-License-Identifier: GPL-2.0-or-later
"""A ruleset of the admin beside ours, and one backend after the other meanwhile."""

import re

import hooks
import probe
from cases.story import VERSIONS
from others.decides import (
    COPIES, RULES, apply, check_decides, check_refused, check_status, count_arrivals, listed, load,
    nft, removal, written,
)  # fmt: skip
from policy import allow, policy

ADMIN = """
table inet filter {
    set blocked {
        type inet_service
        elements = { 3001 }
    }
    chain input {
        type filter hook input priority filter; policy accept;
        ct state established,related counter accept
        iifname "lo" counter accept
        tcp dport 23 counter drop
        counter
    }
    chain forward {
        type filter hook forward priority filter; policy accept;
        ct state invalid counter drop
        udp dport @blocked counter drop
        counter comment "all else"
    }
    chain output {
        type filter hook output priority filter; policy accept;
        counter
    }
}
"""
ADMIN_TABLES = [("inet", "filter")]
OURS = {"bpf": "inet aclgate_guard", "nft": "inet aclgate"}


def _write_admin(world):
    """As nftables.service does where the file begins with the removal of its own table."""
    apply(world, removal(ADMIN_TABLES) + ADMIN)


def _forwarded(world):
    listed = nft(world, "list", "chain", *ADMIN_TABLES[0], "forward")
    return int(re.search(r'counter packets (\d+) bytes \d+ comment "all else"', listed).group(1))


def _tables(world):
    """The names of all tables of the router."""
    return {line.removeprefix("table ") for line in nft(world, "list", "tables").splitlines()}


def _check_tables(world, report, state):
    """The admin's, and those of the backend; of the other one nothing is left."""
    with report.case(f"{state}: the tables are the admin's and ours"):
        expected = {"inet filter", OURS[world.backend]}
        assert _tables(world) == expected, _tables(world)


def _check_untouched(world, report):
    before = listed(world, ADMIN_TABLES)
    steps = {
        "load": lambda: load(world),
        "a second load": lambda: load(world, policy(*RULES, allow("azure", "aspire:1"))),
        "guard on": lambda: world.aclctl("guard", "on", "--interface", "wg0"),
        "guard off": lambda: world.aclctl("guard", "off"),
        "load after guard off": lambda: load(world),
        "unload": lambda: world.aclctl("unload"),
        "load after unload": lambda: load(world),
        "unload --open": lambda: world.aclctl("unload", "--open"),
    }
    for name, step in steps.items():
        with report.case(f"ruleset: {name} leaves it as it is"):
            done = step()
            assert isinstance(done, str) or done.returncode == 0, done
            assert listed(world, ADMIN_TABLES) == before, listed(world, ADMIN_TABLES)
    with report.case("ruleset: after unload --open there is no other table"):
        assert _tables(world) == {"inet filter"}, _tables(world)


def _check_both_decide(world, report, state="ruleset"):
    """What one of them drops is dropped; what both allow passes, and both count it."""
    check_decides(world, report, state)
    tries = [probe.Refusal(world.windows, world.imac, "udp", 3001, version) for version in VERSIONS]
    check_refused(report, f"{state}: by the admin's rule", tries)
    with report.case(f"{state}: the same port by TCP passes, and the admin's rules count it"):
        before = _forwarded(world)
        for version in VERSIONS:
            probe.exchange(world.windows.netns, world.imac.address(version), 3001, size=1 << 16)
        assert _forwarded(world) > before, "they do not"


def _check_admin_rule(world, report):
    """Or else its refusals would show nothing."""
    for version in VERSIONS:
        with report.case(f"ruleset: without the admin's rule that port passes IPv{version}"):
            blocked = [*ADMIN_TABLES[0], "blocked", "{ 3001 }"]
            nft(world, "delete", "element", *blocked)
            try:
                probe.udp_round_trip(world.windows.netns, world.imac.address(version), 3001)
            finally:
                nft(world, "add", "element", *blocked)


def _check_admin_reload(world, report):
    before = listed(world, ADMIN_TABLES)
    with probe.connect(world.windows.netns, world.imac.address(4), 3000) as connection:
        _write_admin(world)
        with report.case("ruleset: loaded anew by the admin: an open connection goes on"):
            assert probe.token_arrives(connection, connection), "nothing comes back"
    check_status(world, report, "ruleset: loaded anew by the admin")
    _check_both_decide(world, report, "ruleset: loaded anew by the admin")
    with report.case("ruleset: loaded anew by the admin: it is there once"):
        assert listed(world, ADMIN_TABLES) == before, listed(world, ADMIN_TABLES)


def _count_refused(world):
    """Of what no rule of the policy allows, from each side, how much arrives."""
    return sum(
        count_arrivals(source, target, 445)
        for source, target in ((world.imac, world.windows), (world.guest, world.imac))
    )


def _check_flush(world, report):
    """A file that begins with "flush ruleset", as Debian's own does, takes our table along. The
    programs go on; of the nft backend nothing is left, which status tells."""
    state = "ruleset: flushed and loaded by the admin"
    apply(world, "flush ruleset\n" + ADMIN)
    check_status(world, report, state, 3)
    with report.case(f"{state}: our table is gone"):
        assert _tables(world) == {"inet filter"}, _tables(world)
    if world.backend == "bpf":
        _check_both_decide(world, report, state)
    else:
        print(f"# {state}: {_count_refused(world)} of {2 * COPIES} refused packets pass by the nft"
              " backend until the next load")  # fmt: skip
    before = listed(world, ADMIN_TABLES)
    load(world)
    state += ", and ours by the next load"
    check_status(world, report, state)
    _check_tables(world, report, state)
    _check_both_decide(world, report, state)
    with report.case(f"{state}: the admin's is untouched"):
        assert listed(world, ADMIN_TABLES) == before, listed(world, ADMIN_TABLES)


def check(world, report):
    with written(world, _write_admin, ADMIN_TABLES):
        _check_untouched(world, report)
        load(world)
        check_status(world, report, "ruleset")
        _check_both_decide(world, report)
        _check_admin_rule(world, report)
        _check_admin_reload(world, report)
        _check_flush(world, report)


# ---------------------------------------------------------------- one backend after the other


def _check_switched(world, report, state):
    with report.case(f"{state}: status and the kernel agree"):
        programs = hooks.count(world.router.netns, "wg0")
        assert programs == {"bpf": (1, 1), "nft": (0, 0)}[world.backend], programs
        assert world.status()["backend"] == world.backend, world.status()
    check_status(world, report, state)
    _check_tables(world, report, state)
    _check_both_decide(world, report, state)


def check_switch(world, report):
    with written(world, _write_admin, ADMIN_TABLES):
        before = listed(world, ADMIN_TABLES)
        load(world)
        with probe.connect(world.windows.netns, world.imac.address(4), 3000) as connection:
            for backend in ("nft", "bpf", "nft", "bpf"):
                world.backend = backend
                state = f"switched to {backend}"
                with report.case(f"{state}: an open connection goes on"):
                    load(world)
                    assert probe.token_arrives(connection, connection), "nothing comes back"
                _check_switched(world, report, state)
        with report.case("switched: the admin's ruleset is as it was"):
            assert listed(world, ADMIN_TABLES) == before, listed(world, ADMIN_TABLES)
