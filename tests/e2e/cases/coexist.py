# SPDX-License-Identifier: GPL-2.0-or-later
"""Others who put rules and programs on the router: Docker, wg-quick, an admin with a ruleset,
programs on the same interfaces. They keep working and ours decides; or status exits 3."""

from cases.nft import Named
from others import docker, programs, ruleset, wg_quick

BACKENDS = ("bpf", "nft")


def run(world, report):
    with world.serve():
        for name in BACKENDS:
            with world.using(name):
                titled = Named(report, f"coexist: {name}")
                docker.check(world, titled)
                wg_quick.check(world, titled)
                programs.check(world, titled)
                ruleset.check(world, titled)
        with world.using("bpf"):
            ruleset.check_switch(world, Named(report, "coexist"))
