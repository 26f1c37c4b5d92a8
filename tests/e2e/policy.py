# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies as the tests need them: a few rules, and the interfaces that are guarded."""

BOTH = ("wg0", "lan0")


def allow(source, *destinations, **rest):
    """A rule."""
    return {"action": "accept", "src": [source], "dst": list(destinations)} | rest


def policy(*rules, interfaces=BOTH, **settings):
    return {"interfaces": list(interfaces), "acls": list(rules)} | settings
