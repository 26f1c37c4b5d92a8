# SPDX-License-Identifier: GPL-2.0-or-later
"""Can the checks fail? With no gate, whatever the others expect to be stopped must get through.

Runs first, before anything is loaded.
"""

import probe
import wire
from cases import story, takeover
from cases.story import VERSIONS


def _check_refusals(world, report):
    for name, one in story.STORIES.items():
        refusals = probe.try_all(story.refusals(world, one), silence=0.8)
        with report.case(f"control: all {len(refusals)} tries that {name} refuses get through"):
            silent = [str(refusal) for refusal in refusals if not refusal.problem]
            assert not silent, f"came to nothing: {', '.join(silent)}"


def _check_one_way(world, report):
    """A victim that cannot answer: the refusal check must see the packet at its door."""
    netns = world.windows.netns
    netns.run("nft", "add table inet mute; add chain inet mute out"
              " { type filter hook output priority 0; policy drop; }")  # fmt: skip
    refusals = [
        probe.Refusal(world.imac, world.windows, protocol, 445, version)
        for protocol in ("tcp", "udp", "icmp")
        for version in VERSIONS
    ]
    probe.try_all(refusals, silence=0.8)
    netns.run("nft", "delete table inet mute")
    for refusal in refusals:
        with report.case(f"control: without an answer, {refusal} is seen to arrive"):
            assert refusal.problem and refusal.problem.startswith("arrived"), refusal.problem


def _check_scans(world, report):
    for name, process in takeover.scan_all(world.vps, world.windows):
        with report.case(f"control: {name} of windows from vps sees through"):
            states = takeover.scan_results(process)
            assert takeover.found(states), f"nothing but silence: {states}"


def _arrives(world, forgery):
    """This very packet: the kernel of the VPS may send others, about what the PC answers."""
    sent = wire.parse(forgery.packet)
    arrived = takeover.deliver(world, forgery, wait=0.02)
    return any((one.protocol, one.payload) == (sent.protocol, sent.payload) for one in arrived)


def _check_forgeries(world, report, version):
    some = [forgery for forgery in takeover.forgeries(world, version) if forgery.carried]
    with report.case(f"control: all {len(some)} forged packets of vps arrive IPv{version}"):
        missing = [forgery.name for forgery in some if not _arrives(world, forgery)]
        assert not missing, f"missing: {', '.join(missing)}"


def run(world, report):
    with world.serve():
        _check_refusals(world, report)
        _check_one_way(world, report)
    with world.serve("windows"):
        _check_scans(world, report)
        for version in VERSIONS:
            _check_forgeries(world, report, version)
