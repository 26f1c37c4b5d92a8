# SPDX-License-Identifier: GPL-2.0-or-later
"""What our units are allowed to, as they run."""

import pathlib

import gate

UNITS = ["aclgate-guard", "acld", "acld-exporter"]
EXPOSURE = 20  # in tenths
# CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF
KEEPER_MAY = 1 << 12 | 1 << 21 | 1 << 38 | 1 << 39


def process(unit):
    """The main process of a unit: its id, and the fields of /proc/ID/status."""
    pid = int(gate.show(unit, "MainPID"))
    assert pid, f"{unit} does not run"
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return pid, dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def capabilities(status):
    return {name: int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def check_exporter(report):
    with report.case("the exporter has no capability"):
        _, status = process("acld-exporter")
        assert not any(capabilities(status).values()), capabilities(status)
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    with report.case("... nor the uid or a group of root"):
        _, status = process("acld-exporter")
        numbers = f"{status['Uid']}\t{status['Gid']}\t{status['Groups']}".split()
        assert "0" not in numbers, numbers
    with report.case("... and /metrics answers, of the tunnel too"):
        code, text = gate.metrics()
        assert code == 200
        assert 'aclgate_interface_enforced{interface="wg0"} 1' in text, text[:300]


def check_keeper(report):
    with report.case("the keeper has four capabilities"):
        _, status = process("acld")
        found = capabilities(status)
        assert not any(value & ~KEEPER_MAY for value in found.values()), found
        assert found["Eff"] == KEEPER_MAY, found
    with report.case("... and no network socket"):
        pid, _ = process("acld")
        sockets = gate.run("ss", "-Hanptuw").stdout
        assert f"pid={pid}," not in sockets, sockets


def check(report):
    for unit in UNITS:
        with report.case(f"{unit} is enabled and active"):
            gate.run("systemctl", "is-enabled", unit)
            gate.run("systemctl", "is-active", unit)
        with report.case(f"systemd-analyze security {unit}: at most {EXPOSURE / 10}"):
            analyze = ["systemd-analyze", "security", "--no-pager", f"--threshold={EXPOSURE}"]
            gate.run(*analyze, f"{unit}.service")
    check_exporter(report)
    check_keeper(report)
