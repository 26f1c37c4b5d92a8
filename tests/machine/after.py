# SPDX-License-Identifier: GPL-2.0-or-later
"""The second boot: what came through before the policy was back; then the package goes."""

import pathlib

import gate
from before import BACK, FLOOD, check_allowed, check_flood, check_refused, nothing_arrives
from cases import story
from stream import Stream

STATE = pathlib.Path("/var/lib/aclgate")
PINS = pathlib.Path("/sys/fs/bpf/aclgate")
CONFIGURATION = pathlib.Path("/etc/aclgate/inventory.json")


def check_boot(town, report):
    """The flood began before there was a network."""
    with report.case("reboot: the guard stood before wg-quick began"):
        guard = int(gate.show("aclgate-guard", "ActiveEnterTimestampMonotonic"))
        tunnel = int(gate.show("wg-quick@wg0", "InactiveExitTimestampMonotonic"))
        assert 0 < guard < tunnel, (guard, tunnel)
    with report.case("reboot: the flood is at the door"):
        gate.wait_until(lambda: town.received() > FLOOD, "packets out of wg0", 60)
    with report.case("reboot: the policy is back"):
        gate.wait_until(gate.enforced, "status exits 0", BACK)
    check_flood(town, report, "reboot")
    with report.case("reboot: nothing came through since the machine began"):
        assert not any(town.reached().values()), town.reached()


def check_goes_on(town, report, what, stream):
    with report.case(f"{what}: an allowed connection goes on"):
        assert stream.goes_on(), stream.problem
    check_flood(town, report, what)


def check_remove(town, report):
    """README.Debian: opens nothing, shuts nothing, until the next reboot."""
    CONFIGURATION.parent.mkdir(exist_ok=True)
    CONFIGURATION.write_text(gate.INVENTORY.read_text())
    with nothing_arrives(town, report, "remove"), Stream(town.windows, town.imac, 3000) as stream:
        with report.case("remove: dpkg -r says that the gate is not opened"):
            said = gate.run("dpkg", "-r", "aclgate").stderr
            assert "NOT opened" in said, said
        check_goes_on(town, report, "remove", stream)
        with report.case("remove: no unit of ours runs"):
            said = gate.run("systemctl", "list-units", "--plain", "--no-legend", "acl*").stdout
            assert not said, said
        with report.case("remove: the stored policy stays"):
            assert (STATE / "policy.json").exists()


def check_install_again(town, report):
    with nothing_arrives(town, report, "install again"):
        with report.case("install again: dpkg -i"):
            gate.run("dpkg", "-i", gate.PACKAGES / "aclgate.deb")
        with report.case("install again: status exits 0"):
            assert gate.enforced(), gate.status()
        check_flood(town, report, "install again")


def check_purge(town, report):
    with nothing_arrives(town, report, "purge"), Stream(town.windows, town.imac, 3000) as stream:
        with report.case("purge: dpkg -P"):
            gate.run("dpkg", "-P", "aclgate")
        with report.case("purge: the state and the pins are gone, /etc/aclgate is not"):
            assert not STATE.exists() and not PINS.exists() and CONFIGURATION.exists()
        check_goes_on(town, report, "purge", stream)
        with report.case("purge: a tunnel that is made anew"):
            gate.run("wg-quick", "down", "wg0")
            gate.run("wg-quick", "up", "wg0")
        check_flood(town, report, "purge, the tunnel made anew")
    check_refused(
        town, report, "purge, the tunnel made anew", ("windows", "imac", story.ports(3000))
    )


def run(town, report):
    check_boot(town, report)
    gate.run("systemctl", "disable", "--now", "machine-flood")
    with town.serve():
        check_allowed(town, report, "reboot", "windows", "imac", story.ports(3000))
        check_remove(town, report)
        check_install_again(town, report)
        check_purge(town, report)
