# SPDX-License-Identifier: GPL-2.0-or-later
"""Others who put rules and programs on the router: Docker, wg-quick, an admin with a ruleset,
programs on the same interfaces. They keep working and ours decides; or status exits 3."""

import contextlib

from cases.nft import Named
from others import docker, programs, ruleset, wg_quick

BACKENDS = ("bpf", "nft")


@contextlib.contextmanager
def _backend(world, name):
    world.backend = name
    try:
        yield
    finally:
        world.backend = "auto"
        world.aclctl("unload", "--open")


def run(world, report):
    with world.serve():
        for name in BACKENDS:
            with _backend(world, name):
                titled = Named(report, f"coexist: {name}")
                docker.check(world, titled)
                wg_quick.check(world, titled)
                programs.check(world, titled)
                ruleset.check(world, titled)
        with _backend(world, "bpf"):
            ruleset.check_switch(world, Named(report, "coexist"))
