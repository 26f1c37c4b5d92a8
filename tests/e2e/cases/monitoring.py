# SPDX-License-Identifier: GPL-2.0-or-later
"""acld, and Debian's Prometheus that scrapes it on the router."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import urllib.parse

import hooks
import wire
from report import Skip
from world import ACLD_PORT, LOGS, POLICIES, REPOSITORY, end, wait_until

PROMETHEUS_PORT = 9090
# scripts/test may have unpacked it here.
TOOLS = REPOSITORY / "build" / "prometheus" / "usr" / "bin"


def tool(name):
    path = shutil.which(name, path=f"{os.environ['PATH']}:{TOOLS}")
    if not path:
        raise Skip(f"{name} is not installed")
    return path


# ---------------------------------------------------------------- acld alone


def _check_before_load(world, report):
    """In a world of its own state: nothing has been loaded since the last unload."""
    with report.case("monitoring: acld starts before a load and answers"):
        result = world.aclctl("unload", "--open")
        assert result.returncode == 0, f"unload: {result.stderr}"
        world.start_acld()
        status, kind, _ = world.http(ACLD_PORT, "/metrics")
        assert status == 200
        assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
        enforced = world.metric("aclgate_interface_enforced")
        assert enforced == 0, f"aclgate_interface_enforced is {enforced}"


def _check_load_is_seen(world, report, name):
    with report.case(f"monitoring: acld shows {name}"):
        world.load(POLICIES / "t1.json")
        running = next(iter(_generations(world.status())))
        labels = {"generation": str(running)}
        wait_until(
            lambda: world.metric("aclgate_policy_info", **labels) == 1,
            f"aclgate_policy_info{labels} 1",
        )
        assert world.metric("aclgate_interface_enforced", interface="wg0") == 1, "wg0 not enforced"


def _generations(status):
    return [status["generation"]] if "generation" in status else [status["policy"]["generation"]]


def _drop_one(world, reason="acl"):
    """A real packet of the VPS that must not pass; by how much its counter grew."""
    labels = {"device": "vps", "direction": "ingress", "reason": reason}
    before = world.dropped(**labels)
    source, target = world.vps.address(4), world.windows.address(4)
    wire.send(world.vps.netns, wire.tcp(source, target, (1024, 3389), wire.SYN))
    wait_until(lambda: world.dropped(**labels) > before, f"a drop under {labels}", 3)
    return world.dropped(**labels) - before


def _check_survives(world, report):
    with report.case("monitoring: acld outlives an unload and shows it"):
        assert world.aclctl("unload", "--open").returncode == 0
        wait_until(
            lambda: world.metric("aclgate_interface_enforced") == 0, "nothing enforced", 5
        )
        assert world.aclctl("status").returncode == 3, "status does not exit 3"
    _check_load_is_seen(world, report, "the load after an unload")
    with report.case("monitoring: after unload and load it counts new drops"):
        assert _drop_one(world) == 1


def _check_guard(world, report):
    with report.case("monitoring: what the guard drops is counted"):
        kept_out = {"direction": "ingress"}
        before = world.metric("aclgate_guard_dropped_packets_total", **kept_out)
        hooks.detach(world.router.netns, "wg0", "ingress")
        source, target = world.vps.address(4), world.windows.address(4)
        wire.send(world.vps.netns, wire.tcp(source, target, (1024, 3389), wire.SYN))
        wait_until(
            lambda: world.metric("aclgate_guard_dropped_packets_total", **kept_out) == before + 1,
            "one more dropped", 3,
        )  # fmt: skip
        world.load(POLICIES / "t1.json")
    with report.case("monitoring: a guard that is gone is told"):
        world.aclctl("guard", "off")
        assert world.metric("aclgate_guard_up") == 0
        assert world.metric("aclgate_enforcing") == 0
        world.load(POLICIES / "t1.json")
        assert world.metric("aclgate_guard_up") == 1


def _check_promtool(world, report):
    with report.case("monitoring: promtool check metrics is content"):
        promtool = tool("promtool")
        text = world.http(ACLD_PORT, "/metrics")[2]
        result = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=20
        )
        complaints = result.stdout + result.stderr
        assert result.returncode == 0, f"exit {result.returncode}: {complaints}"
        assert not complaints.strip(), complaints


def _check_names(world, report):
    expected = [
        "packets_total", "bytes_total", "dropped_packets_total", "rule_packets_total", "flows",
        "flows_limit", "policy_info", "policy_load_timestamp_seconds", "interface_enforced",
        "build_info", "guard_up", "guard_dropped_packets_total",
    ]  # fmt: skip
    with report.case("monitoring: the metrics are all there, and no label is an address"):
        samples = world.metrics()
        names = {name for name, _, _ in samples}
        missing = [name for name in expected if f"aclgate_{name}" not in names]
        assert not missing, f"missing: {missing}"
        addresses = {address for host in world.hosts.values() for address in host.addresses}
        shown = {value for _, labels, _ in samples for value in labels.values()} & addresses
        assert not shown, f"addresses as labels: {shown}"


def _check_end(world, report):
    with report.case("monitoring: SIGTERM ends acld with status 0"):
        status = end(world.acld)
        assert status == 0, f"status {status}"
    with report.case("monitoring: acld starts after a load and answers"):
        world.start_acld()
        assert world.metric("aclgate_interface_enforced", interface="wg0") == 1
        assert end(world.acld) == 0


# ---------------------------------------------------------------- Prometheus

CONFIGURATION = f"""
global:
  scrape_interval: 500ms
scrape_configs:
  - job_name: aclgate
    static_configs:
      - targets: ["127.0.0.1:{ACLD_PORT}"]
"""


@contextlib.contextmanager
def _prometheus(world):
    program = tool("prometheus")
    configuration = world.file("prometheus.yml", CONFIGURATION)
    folder = pathlib.Path(configuration).parent / "prometheus"
    with open(LOGS / "prometheus.log", "ab") as log:
        process = world.router.netns.start(
            program, f"--config.file={configuration}", f"--storage.tsdb.path={folder}",
            f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}", stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        end(process, timeout=10)


def _query(world, expression):
    """The value of an instant query; None while there is none."""
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        status, _, text = world.http(PROMETHEUS_PORT, path)
    except OSError:
        return None  # still starting
    if status != 200:
        return None
    result = json.loads(text)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def _check_seen_by_prometheus(world, report, sender, target, labels, packet):
    """One packet more is refused, and Prometheus says so under the right labels."""
    selector = ",".join(f'{name}="{value}"' for name, value in labels.items())
    expression = f"sum(aclgate_dropped_packets_total{{{selector}}})"
    with report.case(f"monitoring: a drop shows up in Prometheus as {{{selector}}}"):
        before = world.dropped(**labels)
        wire.send(sender.netns, packet)
        wait_until(
            lambda: _query(world, expression) == before + 1, f"{expression} is {before + 1:.0f}"
        )


def _check_prometheus(world, report):
    with report.case("monitoring: Debian's Prometheus scrapes acld"):
        wait_until(lambda: _query(world, 'up{job="aclgate"}') == 1, "the target is up", 20)
    vps, windows, imac = world.vps, world.windows, world.imac
    _check_seen_by_prometheus(
        world, report, vps, windows,
        {"device": "vps", "direction": "ingress", "reason": "acl"},
        wire.tcp(vps.address(4), windows.address(4), (1025, 445), wire.SYN),
    )  # fmt: skip
    _check_seen_by_prometheus(
        world, report, vps, windows,
        {"device": "vps", "direction": "ingress", "reason": "no_state"},
        wire.tcp(vps.address(6), windows.address(6), (1025, 445), wire.RST),
    )  # fmt: skip
    _check_seen_by_prometheus(
        world, report, windows, imac,
        {"device": "windows-machine", "direction": "egress", "reason": "acl"},
        wire.tcp(windows.address(6), imac.address(6), (1025, 22), wire.SYN),
    )  # fmt: skip


def run(world, report):
    _check_before_load(world, report)
    _check_load_is_seen(world, report, "a load that came later")
    _check_names(world, report)
    _check_promtool(world, report)
    _check_survives(world, report)
    _check_guard(world, report)
    try:
        with _prometheus(world):
            _check_prometheus(world, report)
    except Skip as reason:
        report.skip("monitoring: Debian's Prometheus scrapes acld", reason)
    _check_end(world, report)
