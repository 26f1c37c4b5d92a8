# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking: trace says what happens to real packets and changes nothing, flows and monitor show
what does happen."""

import contextlib
import json
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import time

import probe
import wire
from cases.drops import BORROWED, drops
from cases.story import VERSIONS
from policy import allow, policy
from world import BUILD, INVENTORY, POLICIES, end, wait_until

ALLOWED, DENIED, USAGE, UNENFORCED, PRIVILEGE = range(5)
POLICY = POLICIES / "t3.json"  # windows-machine may reach vps:22 and vps:8080
RULE_LINE = 10


def trace(world, *arguments):
    """The answers, as JSON tells them, and the exit status."""
    result = world.aclctl("trace", "--json", *arguments)
    assert result.stdout, f"trace {' '.join(map(str, arguments))}: {result.stderr}"
    document = json.loads(result.stdout)
    assert set(document) == {"schema_version", "packets", "answered", "allowed"}, document
    assert document["schema_version"] == 1, document
    for answer in document["packets"]:
        assert set(answer) - {"number", "time", "note"} == ANSWER, answer
    return document["packets"], result.returncode


def trace_packet(world, packet, direction, *more, interface="wg0"):
    (answer,), status = trace(
        world, "--packet", packet.hex(), "--interface", interface, "--direction", direction, *more
    )
    assert status == (ALLOWED if answer["allowed"] else DENIED), f"{answer}: exit status {status}"
    return answer


# What the JSON of trace and flows is documented to hold (cli/verdict.h, cli/flows.c).
ANSWER = {
    "packet", "interface", "direction", "allowed", "reason", "rule", "device", "flow", "reply",
    "link", "audited",
}  # fmt: skip
FLOW = {
    "protocol", "opener", "other", "state", "kind", "rule", "generation", "current",
    "idle_seconds", "left_seconds",
}  # fmt: skip


def flows(world, *arguments):
    result = world.aclctl("flows", "--json", *arguments)
    assert result.returncode == 0, f"flows: {result.returncode}: {result.stderr}"
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1, document
    for flow in document["flows"]:
        assert set(flow) - {"echo"} == FLOW, flow
    return document["flows"]


def flow_of(world, connection):
    """The one of a connection of ours, by its source port."""
    port = connection.getsockname()[1]
    found = [one for one in flows(world) if one["opener"].get("port") == port]
    assert len(found) == 1, f"{len(found)} flows from port {port}"
    return found[0]


# ---------------------------------------------------------------- trace says what happens


def _check_same_as_real(world, report, version):
    """Each packet that the gate drops for a reason: trace is told of it, and gives that reason."""
    for drop in drops(world, version):
        wanted = drop.labels["reason"]
        direction = drop.labels["direction"]
        with report.case(f"trace: {drop.name} is told as {wanted} IPv{version}"):
            came = ["--from", "lan0"] if direction == "egress" else []
            answer = trace_packet(world, drop.packet, direction, *came)
            assert answer["reason"] == wanted, answer
            device = drop.labels.get("device")
            assert device in (None, "unknown", answer["device"]), answer
            before = world.dropped(**drop.labels)
            wire.send(drop.sender.netns, drop.packet)
            wait_until(lambda: world.dropped(**drop.labels) == before + 1, f"counted as {wanted}")


# SRC, DST, options, allowed, reason, where
ENDS = [
    ("windows-machine", "vps:22", [], True, "allowed", "egress"),
    ("windows-machine", "vps:22", ["--ack"], True, "allowed", "egress"),
    ("windows-machine", "vps:22", ["--rst"], False, "no_state", "egress"),
    ("windows-machine", "vps:22", ["--syn", "--ack"], False, "no_state", "egress"),
    ("windows-machine", "vps:22", ["--frag", "first"], True, "allowed", "egress"),
    ("windows-machine", "vps:22", ["--frag", "later"], False, "fragment", "egress"),
    ("windows-machine", "vps:22/udp", [], True, "allowed", "egress"),
    ("windows-machine", "vps:3000", [], False, "acl", "egress"),
    ("windows-machine", "vps/gre", [], False, "acl", "egress"),
    ("vps", "windows-machine:445", [], False, "acl", "ingress"),
    ("vps", "windows-machine:445", ["--fin"], False, "no_state", "ingress"),
    ("imac", "vps:22", ["--from", "lan0"], False, "spoofed_source", "egress"),
    ("windows-machine", "vps:22", ["--from", "wg0"], False, "spoofed_source", "ingress"),
    ("router", "vps:22", [], False, "acl", "egress"),
    ("router", "vps:22", ["--from", "lan0"], False, "nat_unidentified", "egress"),
    ("192.168.77.99", "vps:22", [], False, "unknown_source", "egress"),
]  # fmt: skip


def _check_ends(world, report):
    for source, target, options, allowed, reason, direction in ENDS:
        with report.case(f"trace: {source} {target} {' '.join(options)}: {reason}"):
            answers, status = trace(world, source, target, *options)
            assert len(answers) == (1 if "." in source else 2), answers
            for answer in answers:
                assert answer["allowed"] == allowed and answer["reason"] == reason, answer
                assert answer["direction"] == direction and answer["interface"] == "wg0", answer
                rule = {"rule": "acls[0]", "line": RULE_LINE}
                assert not allowed or rule.items() <= answer["rule"].items(), answer
            assert status == (ALLOWED if allowed else DENIED), f"exit status {status}"


def _check_refusals(world, report):
    for arguments, told in (
        (["windows-machine", "router:22"], "never meets the gate: neither end is behind"),
        (["nobody", "vps:22"], 'unknown device "nobody"'),
        (["vps", "imac:22/udp", "--syn"], "only TCP has"),
        (["vps", "imac:22", "--from", "eth7"], 'no interface "eth7"'),
        (["--packet", "4", "--interface", "wg0", "--direction", "ingress"], "two hexadecimal"),
        (["--packet", "45", "--interface", "lan0", "--direction", "ingress"], '"lan0" is not gua'),
    ):
        with report.case(f"trace: {' '.join(arguments)} is refused"):
            result = world.aclctl("trace", *arguments)
            assert result.returncode == USAGE and told in result.stderr, result
    with report.case("trace: text says rule, place and device"):
        text = world.aclctl("trace", "10.77.0.3", "192.168.77.10:445").stdout
        assert re.match(r"verdict  deny\nreason   acl\npacket   tcp 10\.77\.0\.3:49152 > 192", text)
        text = world.aclctl("trace", "192.168.77.10", "10.77.0.3:22").stdout
        assert re.search(rf"^rule     acls\[0\]  .*policy\.json:{RULE_LINE}$", text, re.M), text
        assert re.search(r"^device   windows-machine$", text, re.M), text


def _check_flow(world, report, version):
    """A connection that is there: its packets, the answers, and what others send into it."""
    vps, imac = world.vps.address(version), world.imac.address(version)
    windows = world.windows.address(version)
    with contextlib.closing(probe.connect(world.windows.netns, vps, 22)) as connection:
        ports = 22, connection.getsockname()[1]
        for name, packet, wanted in (
            ("an answer", wire.tcp(vps, windows, ports, wire.ACK), (True, True, "allowed")),
            ("a SYN against it", wire.tcp(vps, windows, ports, wire.SYN),
             (False, True, "no_state")),
            ("another's packet", wire.tcp(imac, windows, ports, wire.ACK),
             (False, False, "no_state")),
        ):  # fmt: skip
            with report.case(f"trace: {name} of a flow IPv{version}"):
                answer = trace_packet(world, packet, "ingress")
                got = answer["allowed"], answer["flow"] and answer["reply"], answer["reason"]
                assert got == wanted, answer
        forward = wire.tcp(windows, vps, ports[::-1], wire.ACK)
        with report.case(f"trace: a packet of the opener is part of the flow IPv{version}"):
            answer = trace_packet(world, forward, "egress")
            assert answer["flow"] and not answer["reply"] and answer["allowed"], answer
        with report.case(f"flows: a connection, its ends and its rule IPv{version}"):
            flow = flow_of(world, connection)
            assert flow["opener"] == {
                "address": windows, "port": ports[1], "device": "windows-machine"
            }, flow  # fmt: skip
            assert flow["other"] == {"address": vps, "port": 22, "device": "vps"}, flow
            assert flow["protocol"] == "tcp" and flow["state"] == "established", flow
            assert flow["rule"]["rule"] == "acls[0]" and flow["current"], flow
            assert flow["idle_seconds"] <= 2 and 86390 <= flow["left_seconds"] <= 86400, flow
        with report.case(f"flows: --device selects IPv{version}"):
            assert flow in flows(world, "--device", "vps")
            assert flow not in flows(world, "--device", "imac")


# ---------------------------------------------------------------- trace changes nothing


def _everything(world):
    """What the gate has counted and remembers, without what the router itself sends now and then
    (neighbour discovery), and without times."""
    text = world.aclctl("status").stdout
    lines = [line for line in text.splitlines() if " router " not in line]
    known = [{**flow, "idle_seconds": 0, "left_seconds": 0} for flow in flows(world)]
    return lines, sorted(map(str, known))


def _all_traces(world):
    other = world.file("other.json", {"acls": []})
    vps, windows = world.vps.address(4), world.windows.address(4)
    trace(world, "windows-machine", "vps:22")
    trace(world, "windows-machine", "vps:8080", "--frag", "first")
    trace(world, "vps", "windows-machine:1")
    trace(world, "--policy", other, "--inventory", INVENTORY, "windows-machine", "vps:22")
    trace_packet(world, wire.tcp(vps, windows, (1, 2), wire.RST), "ingress")


def _check_no_effect(world, report):
    state = pathlib.Path(world.environment()["ACLGATE_STATE_DIR"])
    files = {path: path.read_bytes() for path in state.iterdir()}
    vps = world.vps.address(4)
    with contextlib.closing(probe.connect(world.windows.netns, vps, 22)) as connection:
        with report.case("trace: counters, flows and files are as before"):
            before = _everything(world)
            _all_traces(world)
            assert _everything(world) == before
            now = {path: path.read_bytes() for path in state.iterdir()}
            assert now == files, "the state directory changed"
        with report.case("trace: RST and FIN of a flow leave it established"):
            ports = connection.getsockname()[1], 22
            for flags in (wire.RST, wire.FIN | wire.ACK, wire.SYN):
                packet = wire.tcp(world.windows.address(4), vps, ports, flags)
                assert trace_packet(world, packet, "egress")["allowed"]
            assert flow_of(world, connection)["state"] == "established"


def _check_other_policy(world, report):
    """Of a policy that is not loaded; the one that is goes on."""
    empty = world.file("empty.json", {"acls": []})
    moved = {"acls": [{"action": "accept", "src": ["vps"], "dst": ["windows-machine:445"]}]}
    moved = world.file("moved.json", moved)
    there = "--inventory", INVENTORY, "--policy"
    vps = world.vps.address(4)
    with contextlib.closing(probe.connect(world.windows.netns, vps, 22)) as connection:
        with report.case("trace --policy: what it allows, with its own place"):
            answers, status = trace(world, *there, moved, "vps", "windows-machine:445")
            assert status == ALLOWED and answers[0]["rule"]["file"] == str(moved), answers
        with report.case("trace --policy: a flow that it would revoke"):
            ports = connection.getsockname()[1], 22
            packet = wire.tcp(world.windows.address(4), vps, ports, wire.ACK)
            answer = trace_packet(world, packet, "egress", *there, empty)
            assert answer["reason"] == "revoked", answer
        with report.case("trace --policy: the live one and its flows go on"):
            assert trace(world, "windows-machine", "vps:22")[1] == ALLOWED
            assert flow_of(world, connection)["current"]
            connection.sendall(b"still there?")
            assert connection.recv(100) == b"still there?"
        with report.case("trace --policy: a load afterwards is right"):
            world.load(moved)
            assert trace(world, "vps", "windows-machine:445")[1] == ALLOWED
            assert trace(world, "windows-machine", "vps:22")[1] == DENIED
            world.load(POLICY)
            assert trace(world, "vps", "windows-machine:445")[1] == DENIED
    with report.case("trace --policy: an interface that is not guarded"):
        both = world.file("both.json", {"acls": [], "interfaces": ["lan0"]})
        result = world.aclctl("trace", *there, both, "vps", "windows-machine:445")
        assert result.returncode == USAGE or result.returncode == DENIED, result
        assert 'guards "lan0", which is not guarded now' in result.stderr, result.stderr


# ---------------------------------------------------------------- Ethernet

BOTH_SIDES = policy(
    allow("imac", "windows-machine:445"),
    allow("router", "windows-machine:135"),
    allow("windows-machine", "router:22"),
)
# SRC, DST, where, allowed
ON_LAN = [
    ("windows-machine", "router:22", ("lan0", "ingress"), True),
    ("windows-machine", "imac:22", ("lan0", "ingress"), False),
    ("router", "windows-machine:135", ("lan0", "egress"), True),
    ("imac", "windows-machine:445", ("wg0", "ingress"), True),
    ("192.168.88.10", "windows-machine:445", ("lan0", "egress"), False),
]
ARP = bytes.fromhex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001") + bytes(20)


def _check_ethernet(world, report):
    for source, target, where, allowed in ON_LAN:
        with report.case(f"trace: {source} {target} with both sides guarded"):
            answers, _ = trace(world, source, target)
            for answer in answers:
                assert (answer["interface"], answer["direction"]) == where, answer
                assert answer["allowed"] == allowed, answer
    imac, windows = world.imac.address(4), world.windows.address(4)
    header = bytes(12) + b"\x08\x00"
    frames = [header + wire.tcp(imac, windows, (1, port), wire.SYN) for port in (445, 1)]
    for name, frame, direction, options, wanted in (
        ("ARP", ARP, "ingress", [], (True, True, "allowed")),
        ("a VLAN tag", bytes(12) + b"\x81\x00\x00\x01" + frames[0][12:], "ingress", [],
         (False, False, "not_ip")),
        ("judged at wg0", frames[0], "egress", ["--from", "wg0", "--judged"],
         (True, False, "allowed")),
        ("judged at wg0, as the policy says of its source", frames[0], "egress", [],
         (True, False, "allowed")),
        ("from wg0, without the mark", frames[0], "egress", ["--from", "wg0"],
         (True, False, "allowed")),
        ("from wg0, without the mark, not allowed", frames[1], "egress", ["--from", "wg0"],
         (False, False, "acl")),
        ("another's source", frames[0], "ingress", [], (False, False, "spoofed_source")),
    ):  # fmt: skip
        with report.case(f"trace: a frame on lan0: {name}"):
            answer = trace_packet(world, frame, direction, *options, interface="lan0")
            assert (answer["allowed"], answer["link"], answer["reason"]) == wanted, answer
    with report.case("trace --pcap: raw packets as frames of lan0"):
        path = world.file("raw.pcap", "")
        path.write_bytes(_pcap(101, [frame[14:] for frame in frames]))
        arguments = "--interface", "lan0", "--direction", "egress", "--from", "wg0"
        answers, status = trace(world, "--pcap", path, *arguments)
        assert [one["reason"] for one in answers] == ["allowed", "acl"] and status == 0, answers


# ---------------------------------------------------------------- captures


def _pcap(link, packets, missing=0):
    """The classic format: pcap-savefile(5). @missing: bytes that the capture left out."""
    parts = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)]
    for number, packet in enumerate(packets):
        there = packet[: len(packet) - missing] if missing else packet
        parts.append(struct.pack("=IIII", 1700000000, number, len(there), len(packet)) + there)
    return b"".join(parts)


@contextlib.contextmanager
def _captured(world, path):
    """What tcpdump writes of the router's wg0 meanwhile."""
    process = world.router.netns.start(
        "tcpdump", "-i", "wg0", "--immediate-mode", "-U", "-w", path, "port", "22",
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stderr.readline()  # "listening on"
    yield
    time.sleep(0.5)
    end(process, signal.SIGINT)


def _pcap_lines(world, path, *arguments):
    result = world.aclctl("trace", "--pcap", path, "--interface", "wg0", *arguments)
    return [line.split("\t") for line in result.stdout.splitlines()], result


def _check_capture(world, report):
    path = world.file("real.pcap", "")
    vps, windows = world.vps.address(4), world.windows.address(4)
    with report.case("trace --pcap: what tcpdump captured of a connection"):
        with _captured(world, path):
            with contextlib.closing(probe.connect(world.windows.netns, vps, 22)) as connection:
                connection.sendall(bytes(20000))
                got = 0
                while got < 20000:
                    got += len(connection.recv(65536))
        lines, result = _pcap_lines(world, path, "--direction", "egress", "--from", "lan0")
        assert result.returncode == 0 and len(lines) > 6, result
        forward = [line for line in lines if f"tcp {windows}:" in line[2]]
        assert forward and all(line[3] == "allow" for line in forward), forward
        assert all(line[5] == "acls[0]" for line in forward), forward
        back = [line for line in lines if f"tcp {vps}:" in line[2]]
        assert back and all(line[3] == "deny" for line in back), "vps is not on lan0"
        lines, result = _pcap_lines(world, path, "--direction", "ingress")
        back = [line for line in lines if f"tcp {vps}:" in line[2]]
        assert back and all(line[3] == "allow" for line in back), back


LINKS = {"raw": (101, b""), "Ethernet": (1, bytes(12) + b"\x08\x00"),
         "cooked": (113, bytes(14) + b"\x08\x00"),
         "cooked, version 2": (276, b"\x08\x00" + bytes(18))}  # fmt: skip


def _check_links(world, report):
    vps, windows = world.vps.address(4), world.windows.address(4)
    packets = [
        wire.tcp(windows, vps, (BORROWED, 22), wire.SYN),
        wire.tcp(windows, vps, (BORROWED, 3000), wire.SYN),
        wire.udp(windows, vps, (BORROWED, 22), bytes(9000)),
    ]
    for name, (link, header) in LINKS.items():
        path = world.file("made.pcap", "")
        with report.case(f"trace --pcap: {name}"):
            path.write_bytes(_pcap(link, [header + packet for packet in packets]))
            lines, result = _pcap_lines(world, path, "--direction", "egress")
            assert [line[4] for line in lines] == ["allowed", "acl", "allowed"], lines
            assert result.returncode == 0, result
    with report.case("trace --pcap: truncated packets are told, and answered where they can be"):
        path.write_bytes(_pcap(101, packets[2:], missing=8000))
        lines, result = _pcap_lines(world, path, "--direction", "egress")
        assert lines[0][4] == "allowed" and lines[0][-1] == "truncated", lines
        path.write_bytes(_pcap(101, packets[:1], missing=15))
        lines, result = _pcap_lines(world, path, "--direction", "egress")
        assert lines[0][3] == "error" and "truncated" in lines[0][4], lines
        assert result.returncode == USAGE, result
    with report.case("trace --pcap: JSON"):
        path.write_bytes(_pcap(101, packets))
        arguments = "--pcap", path, "--interface", "wg0", "--direction", "egress"
        answers, status = trace(world, *arguments)
        assert [one["number"] for one in answers] == [1, 2, 3] and status == 0, answers
        assert answers[0]["time"] == 1700000000, answers[0]
    with report.case("trace --pcap: another link type, and no capture at all"):
        for content, told in ((_pcap(105, packets), "link type"), (b"nonsense" * 9, "format")):
            path.write_bytes(content)
            _, result = _pcap_lines(world, path, "--direction", "egress")
            assert result.returncode == USAGE and told in result.stderr, result


# ---------------------------------------------------------------- monitor


class Monitor:
    """aclctl monitor, and the lines that it has printed."""

    def __init__(self, world, *arguments):
        self.process = world.router.netns.start(
            BUILD / "cli" / "aclctl", "monitor", *arguments, env=world.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        lock = pathlib.Path(world.environment()["ACLGATE_RUN_DIR"]) / "monitor"
        wait_until(lambda: lock.exists() and self._listens(), "the monitor listens")
        self._text = b""

    def _listens(self):
        assert self.process.poll() is None, self.process.stderr.read().decode()
        maps = f"/proc/{self.process.pid}/maps"
        with open(maps, encoding="utf-8") as lines:
            return any("anon_inode:bpf-map" in line for line in lines)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        end(self.process, signal.SIGKILL)
        self.process.stdout.close()
        self.process.stderr.close()

    def _read(self, seconds):
        """Whether there was more."""
        if not select.select([self.process.stdout], [], [], max(seconds, 0))[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        assert data, f"the monitor ended: {self.process.stderr.read().decode()}"
        self._text += data
        return True

    def lines(self):
        """Those that were printed so far, without what the router itself sends now and then."""
        while self._read(0):
            pass
        return [line for line in self._text.decode().splitlines() if " router " not in line]

    def until(self, wanted, seconds=1.0):
        """The first line with that in it."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self._text.decode().splitlines():
                if re.search(wanted, line):
                    return line
            more = self._read(deadline - time.monotonic())
            assert more, f"nothing like {wanted!r} within {seconds} s: {self._text.decode()!r}"


def _drop_one(world, port=445):
    vps, windows = world.vps.address(4), world.windows.address(4)
    wire.send(world.vps.netns, wire.tcp(vps, windows, (BORROWED, port), wire.SYN))


def _check_monitor(world, report):
    vps = world.vps.address(4)
    _drop_one(world, 135)  # before it listens
    with Monitor(world) as monitor:
        with report.case("monitor: what is dropped, within a second"):
            _drop_one(world)
            line = monitor.until(r" dropped .*:445 SYN")
            assert re.search(r" ingress wg0  vps .* acl$", line), line
        with report.case("monitor: what is opened, within a second, with its rule"):
            probe.connect(world.windows.netns, vps, 22).close()
            line = monitor.until(r" opened .*10\.77\.0\.3:22 SYN")
            wanted = rf" egress  wg0  windows-machine .*acls\[0\] .*policy\.json:{RULE_LINE}$"
            assert re.search(wanted, line), line
        with report.case("monitor: what was before it is not told"):
            assert ":135 " not in monitor._text.decode()
        with report.case("trace: monitor hears nothing of it"):
            seen = monitor.lines()
            _all_traces(world)
            time.sleep(0.5)
            assert monitor.lines() == seen
        with report.case("monitor: a second one is refused"):
            result = world.aclctl("monitor")
            assert result.returncode == DENIED and "another aclctl monitor" in result.stderr, result
        with report.case("monitor: a rule of a policy that is loaded meanwhile"):
            rule = {"action": "accept", "src": ["vps"], "dst": ["windows-machine:446"], "name": "n"}
            world.load({"acls": [{**rule}]})
            time.sleep(0.6)
            _drop_one(world, 446)
            monitor.until(r" opened .*:446 SYN  n .*policy\.json:\d+$")
            world.load(POLICY)
        with report.case("monitor: ends on SIGTERM"):
            assert end(monitor.process, signal.SIGTERM) == 0


def _check_monitor_options(world, report):
    with Monitor(world, "--json", "--count", "2", "--device", "vps") as monitor:
        with report.case("monitor: --json, --device and --count"):
            probe.connect(world.windows.netns, world.vps.address(4), 22).close()
            _drop_one(world, 445)
            _drop_one(world, 446)
            assert monitor.process.wait(5) == 0
            lines = [json.loads(line) for line in monitor.process.stdout.read().splitlines()]
            assert [one["packet"]["dport"] for one in lines] == [445, 446], lines
            for one in lines:
                assert one["schema_version"] == 1 and one["device"] == "vps", one
                assert one["event"] == "dropped" and one["reason"] == "acl", one
                assert abs(one["time"] - time.time()) < 10, one
    with Monitor(world) as monitor:
        with report.case("monitor: tells that events were lost"):
            for _ in range(400):
                _drop_one(world)
            time.sleep(1)
            end(monitor.process, signal.SIGINT)
            told = monitor.process.stderr.read().decode()
            assert re.search(r"\d+ events lost", told), told
    with Monitor(world) as monitor:
        with report.case("monitor: ends where the gate is unloaded, with exit status 3"):
            world.aclctl("unload", "--open")
            assert monitor.process.wait(5) == UNENFORCED
            assert "unloaded" in monitor.process.stderr.read().decode()


def _check_nothing_loaded(world, report):
    for command in (["flows"], ["monitor"], ["trace", "windows-machine", "vps:22"]):
        with report.case(f"trace: {command[0]} where nothing is loaded"):
            result = world.aclctl(*command)
            assert result.returncode == UNENFORCED, result
            assert "nothing is loaded" in result.stderr, result


def _check_nobody(world, report):
    for command in (["flows"], ["monitor"], ["trace", "windows-machine", "vps:22"]):
        with report.case(f"trace: {command[0]} without privilege"):
            result = world.aclctl_as_nobody(*command)
            assert result.returncode == PRIVILEGE, result
            assert result.stderr.startswith("aclctl: "), result


def run(world, report):
    world.load(POLICY)
    world.start_acld()
    try:
        with world.serve():
            for version in VERSIONS:
                _check_same_as_real(world, report, version)
                _check_flow(world, report, version)
            _check_ends(world, report)
            _check_refusals(world, report)
            _check_no_effect(world, report)
            _check_other_policy(world, report)
            _check_capture(world, report)
            _check_links(world, report)
            world.load(BOTH_SIDES, world.inventory())
            _check_ethernet(world, report)
            world.load(POLICY)
            _check_monitor(world, report)
            _check_nobody(world, report)
            _check_monitor_options(world, report)
            _check_nothing_loaded(world, report)
    finally:
        end(world.acld)
