# SPDX-License-Identifier: GPL-2.0-or-later
"""acld's two processes: what the one that listens may do, and what it stands."""

import array
import contextlib
import ctypes
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import time

import probe
from world import ACLD_PORT, AS_NOBODY, BUILD, LOGS, POLICIES, end, wait_until

CROWD = 1000
# It takes a tenth of that on a machine that does nothing else.
ANSWER_SECONDS = 3.0
MEMORY_KB = 48 * 1024
ENDED_FOR_ANOTHER = 75  # EX_TEMPFAIL


# ---------------------------------------------------------------- processes


def _children(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _exporter(world):
    """The pid of the exporter that acld started by hand has; waits for it to be there."""
    wait_until(lambda: _children(world.acld.pid), "acld has a child", 5)
    return _children(world.acld.pid)[0]


def _status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _is_gone(pid):
    try:
        return _status(pid)["State"].startswith("Z")
    except OSError:
        return True


def _socket_inodes(pid):
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(entry.path)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    return inodes


# The column of the inode in each table of /proc/net.
TABLES = {"tcp": 9, "tcp6": 9, "udp": 9, "udp6": 9, "raw": 9, "raw6": 9, "packet": 8}


def _network_sockets(pid):
    """Those of its sockets that a packet can reach, by table."""
    mine = _socket_inodes(pid)
    found = []
    for table, column in TABLES.items():
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            if line.split()[column] in mine:
                found.append(table)
    return found


def _check_sandbox(world, report):
    exporter, keeper = _exporter(world), world.acld.pid
    with report.case("exporter: no capability, own user, no new privileges, seccomp"):
        status = _status(exporter)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name], 16) == 0, f"{name} {status[name]}"
        assert "0" not in status["Uid"].split(), f"Uid {status['Uid']}"
        assert "0" not in status["Gid"].split(), f"Gid {status['Gid']}"
        assert not status["Groups"], f"Groups {status['Groups']}"
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    with report.case("exporter: it listens, and the keeper has no network socket"):
        assert _network_sockets(exporter) == ["tcp"], _network_sockets(exporter)
        assert not _network_sockets(keeper), _network_sockets(keeper)
    with report.case("exporter: no descriptor of it can be written to but sockets and its log"):
        for entry in os.scandir(f"/proc/{exporter}/fd"):
            target = os.readlink(entry.path)
            if target.startswith("/") and target != "/dev/null":
                flags = pathlib.Path(f"/proc/{exporter}/fdinfo/{entry.name}").read_text()
                assert entry.name in "12" or "flags:\t0" in flags, f"{entry.name}: {target}"


def _check_deaths(world, report):
    with report.case("exporter: killed, it is back within two seconds"):
        before = _exporter(world)
        os.kill(before, signal.SIGKILL)
        start = time.monotonic()
        wait_until(lambda: _is_gone(before), "it is gone", 2)
        wait_until(world.acld_answers, "acld answers again", 2)
        assert time.monotonic() - start < 2
        assert _exporter(world) != before
    with report.case("exporter: the keeper killed, its exporter goes as well"):
        exporter = _exporter(world)
        end(world.acld, signal.SIGKILL)
        wait_until(lambda: _is_gone(exporter), "the exporter is gone", 1)
    with report.case("exporter: an address that is taken is an error"):
        with world.router.netns.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", ACLD_PORT))
            taken.listen()
            result = world.router.netns.run(
                BUILD / "daemon" / "acld", "--listen", f"127.0.0.1:{ACLD_PORT}",
                check=False, env=world.environment(), timeout=10,
            )  # fmt: skip
        assert result.returncode == 1, f"status {result.returncode}"
        assert "cannot listen" in result.stderr, result.stderr
    world.start_acld()


# ---------------------------------------------------------------- clients that mean harm


def _connect(world):
    connection = world.router.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(5)
    connection.connect(("127.0.0.1", ACLD_PORT))
    return connection


def _say(world, text):
    """Sends it, and reads what comes for a moment; bytes."""
    with _connect(world) as connection:
        connection.settimeout(0.3)
        answer = b""
        try:
            connection.sendall(text)
            while part := connection.recv(65536):
                answer += part
        except OSError:
            pass
        return answer


def _good_client(world):
    """Is answered soon, however many others there are; after how many seconds."""
    start = time.monotonic()
    status, _, text = world.http(ACLD_PORT, "/metrics")
    taken = time.monotonic() - start
    assert status == 200, f"status {status}"
    assert text.startswith("# HELP aclgate_build_info"), text[:200]
    assert "\naclgate_rule_bytes_total" in text and text.endswith("\n"), text[-200:]
    assert taken < ANSWER_SECONDS, f"answered after {taken:.2f} s"
    return taken


def _garbage():
    dice = random.Random(7)
    host = b"Host: x\r\n\r\n"
    return {
        "random bytes": dice.randbytes(100_000),
        "random bytes behind a method": b"GET " + dice.randbytes(100_000),
        "a huge header": b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n" + host,
        "a million headers": b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 200_000,
        "an endless request line": b"GET /" + b"a" * 1_000_000,
        "NULs": b"\0" * 100_000,
        "pipelining": b"GET /metrics HTTP/1.1\r\n" + host + 999 * (b"GET / HTTP/1.1\r\n" + host),
        "a body without end": b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999\r\n"
        + host + b"a" * 1_000_000,
        "a negative length": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n" + host,
        "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + host,
        "chunks that are none": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + host
        + b"zz\r\n" + dice.randbytes(10_000),
        "a chunk of 2^64": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + host
        + b"ffffffffffffffff\r\n" + b"a" * 100_000,
        "a version that is none": b"GET /metrics HTTP/9.9\r\n" + host,
        "an upgrade": b"GET /metrics HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + host,
        "TLS": bytes.fromhex("16030100c8010000c40303") + dice.randbytes(200),
    }  # fmt: skip


def _check_garbage(world, report):
    exporter = _exporter(world)
    for name, text in _garbage().items():
        with report.case(f"exporter: {name}: it goes on"):
            _say(world, text)
            _good_client(world)
            assert _exporter(world) == exporter, "it was started again"
    with report.case("exporter: other methods are refused, other paths not found"):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"):
            answer = _say(world, f"{method} /metrics HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 405"), f"{method}: {answer[:40]}"
        for path in ("/metric", "/../metrics", "//metrics", "/metrics/"):
            answer = _say(world, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 404"), f"{path}: {answer[:40]}"
    with report.case("exporter: HEAD has a head only"):
        answer = _say(world, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n"), answer[:80]


@contextlib.contextmanager
def _crowd(world, first_words):
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            connection = stack.enter_context(
                world.router.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
            )
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", ACLD_PORT))
            if first_words:
                with contextlib.suppress(OSError):
                    connection.send(first_words)
        yield


# What each of the crowd says; none of them reads, and none hangs up.
CROWDS = {
    "that say nothing": b"",
    "that begin a request": b"GET /metrics HTTP/1.1\r\nX: ",
    "that never read the metrics": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
}


def _load_many(world, count):
    """Metrics of some megabytes: more than fits on the way to a client that does not read."""
    devices = {
        f"device-{number}": {
            "addresses": [f"10.78.{number // 256}.{number % 256}"], "interface": "wg0"
        }
        for number in range(count)
    }  # fmt: skip
    policy = {"acls": [{"action": "accept", "src": ["*"], "dst": ["device-1:80"]}]}
    inventory = world.file("many-inventory.json", world.inventory(**devices))
    world.load(world.file("many.json", policy), inventory)


def _check_crowds(world, report):
    exporter = _exporter(world)
    descriptors = len(os.listdir(f"/proc/{exporter}/fd"))
    for name, words in CROWDS.items():
        with report.case(f"exporter: {CROWD} connections {name} keep nobody out"):
            with _crowd(world, words):
                slowest = max(_good_client(world) for _ in range(5))
                print(f"# slowest answer: {slowest:.2f} s", flush=True)
                held = len(os.listdir(f"/proc/{exporter}/fd"))
                assert held < 400, f"{held} descriptors"
    with report.case("exporter: after all that it is the same one, and has no descriptor more"):
        assert _exporter(world) == exporter, "it was started again"
        wait_until(
            lambda: len(os.listdir(f"/proc/{exporter}/fd")) <= descriptors,
            f"{descriptors} descriptors", 15,
        )  # fmt: skip
    with report.case("exporter: and its memory was bounded"):
        for pid in (exporter, world.acld.pid):
            peak = int(_status(pid)["VmHWM"].split()[0])
            print(f"# VmHWM of {_status(pid)['Name']}: {peak} kB", flush=True)
            assert peak < MEMORY_KB, f"VmHWM {peak} kB"


def _check_dribble(world, report):
    """A byte now and then keeps a connection from being idle; it must not keep its place."""
    with report.case("exporter: clients that send a byte at a time keep nobody out"):
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(_connect(world)) for _ in range(200)]
            for byte in b"GET /metrics":
                for connection in crowd:
                    with contextlib.suppress(OSError):
                        connection.send(bytes([byte]))
                _good_client(world)


# ---------------------------------------------------------------- apart from each other


@contextlib.contextmanager
def _started(world, *arguments):
    with open(LOGS / "acld.log", "ab") as log:
        process = world.router.netns.start(
            BUILD / "daemon" / "acld", *arguments, env=world.environment(), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        end(process, signal.SIGKILL)


def _path(world):
    return pathlib.Path(world.environment()["ACLGATE_RUN_DIR"]) / "exporter.sock"


@contextlib.contextmanager
def _keeper(world):
    """For everybody: the group that the socket is for may not exist here."""
    with _started(world, "--keeper") as keeper:
        wait_until(lambda: keeper.poll() is not None or _answers(world), "the keeper listens", 5)
        _path(world).chmod(0o666)
        yield keeper


def _answers(world):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        return client.connect_ex(str(_path(world))) == 0


def _try_http(world):
    try:
        return world.http(ACLD_PORT, "/metrics")
    except OSError:
        return 0, "", ""


def _check_apart(world, report):
    with _started(world, "--exporter", "--listen", f"127.0.0.1:{ACLD_PORT}") as exporter:
        with report.case("exporter: without a keeper it says so, and stays"):
            wait_until(lambda: _try_http(world)[0], "it answers", 5)
            status, _, text = world.http(ACLD_PORT, "/metrics")
            assert status == 503 and "keeper is not there" in text, f"{status} {text}"
            assert exporter.poll() is None
        with _keeper(world) as keeper:
            with report.case("exporter: a keeper that comes later is found"):
                wait_until(lambda: _try_http(world)[0] == 200, "it has metrics", 3)
            with report.case("exporter: a second keeper does not take the place of the first"):
                with _started(world, "--keeper") as second:
                    assert second.wait(5) == 1
                assert world.http(ACLD_PORT, "/metrics")[0] == 200
            with report.case("exporter: a keeper that hangs is told within two seconds"):
                os.kill(keeper.pid, signal.SIGSTOP)
                time.sleep(0.2)  # what was read a moment ago may still be served
                start = time.monotonic()
                status, _, text = world.http(ACLD_PORT, "/metrics")
                taken = time.monotonic() - start
                os.kill(keeper.pid, signal.SIGCONT)
                assert status == 503 and "does not answer" in text, f"{status} {text}"
                assert taken < 2, f"{taken:.1f} s"
                wait_until(lambda: _try_http(world)[0] == 200, "it has metrics again", 3)
            with report.case("exporter: a keeper that is gone ends it, to be started anew"):
                end(keeper, signal.SIGKILL)
                assert exporter.wait(5) == ENDED_FOR_ANOTHER, f"status {exporter.returncode}"


# ---------------------------------------------------------------- the socket of the keeper

HEAD = struct.Struct("<IIQ20s4x")
MAGIC = 0x61636C64
BPF_MAP_LOOKUP, BPF_MAP_UPDATE = 1, 2
SYS_BPF = 321  # x86-64
ANSWER_BYTES = 65536


@contextlib.contextmanager
def _client(world):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(_path(world)))  # waits while others are being accepted
        client.settimeout(3)
        yield client


def _build_of_keeper(world):
    with _client(world) as client:
        client.send(HEAD.pack(MAGIC, 0, 1, b"another build"))
        answer = client.recv(ANSWER_BYTES)
        assert len(answer) == HEAD.size, f"{len(answer)} bytes for another build"
        assert client.recv(ANSWER_BYTES) == b"", "it was not dropped"
        return HEAD.unpack(answer)[3]


def _ask(client, build, number=1):
    """The answer, and the descriptors that came with it."""
    client.send(HEAD.pack(MAGIC, 0, number, build))
    fds = array.array("i")
    answer, control, _, _ = client.recvmsg(ANSWER_BYTES, socket.CMSG_SPACE(253 * 4))
    for _, _, part in control:
        fds.frombytes(part[: len(part) - len(part) % 4])
    return answer, list(fds)


def _bpf(command, fd, size):
    """0 or errno of a lookup or update of element 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(size)
    attributes = struct.pack("<IxxxxQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0)
    buffer = ctypes.create_string_buffer(attributes)
    done = libc.syscall(SYS_BPF, command, buffer, len(attributes))
    return ctypes.get_errno() if done < 0 else 0


def _check_descriptors(world, report, build):
    with report.case("exporter: what the keeper hands over can be read, and not be written"):
        with _client(world) as client:
            _, fds = _ask(client, build)
        try:
            kinds = [os.readlink(f"/proc/self/fd/{fd}") for fd in fds]
            assert kinds[0].endswith("/ids"), kinds
            assert len(kinds) >= 3 and set(kinds[1:]) == {"anon_inode:bpf-map"}, kinds
            assert os.pread(fds[0], 6, 0) == b"device"
            try:
                os.write(fds[0], b"x")
                raise AssertionError("the ids can be written")
            except OSError:
                pass
            for fd in fds[1:]:
                assert _bpf(BPF_MAP_LOOKUP, fd, 1 << 20) == 0, "a map that cannot be read"
                assert _bpf(BPF_MAP_UPDATE, fd, 1 << 20) == 1, "not EPERM"
        finally:
            for fd in fds:
                os.close(fd)


def _check_server(world, report, build, keeper):
    with report.case("exporter: a client of the keeper that sends garbage is dropped"):
        for text in (b"x", b"\0" * HEAD.size, os.urandom(HEAD.size), os.urandom(60000)):
            with _client(world) as client:
                client.send(text)
                while client.recv(ANSWER_BYTES):
                    pass
    with report.case("exporter: one that asks without end gets ten answers a second"):
        with _client(world) as client:
            start, answers = time.monotonic(), 0
            while time.monotonic() - start < 1:
                answer, fds = _ask(client, build, answers)
                assert HEAD.unpack(answer[: HEAD.size])[2] == answers
                answers += 1
                for fd in fds:
                    os.close(fd)
            assert 5 <= answers <= 12, f"{answers} answers"
    with report.case("exporter: those that do not read, and too many of them, keep nobody waiting"):
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(_client(world)) for _ in range(6)]
            for client in crowd:
                client.settimeout(0)
                with contextlib.suppress(OSError):
                    while True:
                        client.send(HEAD.pack(MAGIC, 0, 1, build))
            with _client(world) as good:
                assert _ask(good, build)[0]
                _, fds = _ask(good, build)
                for fd in fds:
                    os.close(fd)
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(_client(world)) for _ in range(20)]
            wait_until(lambda: len(_socket_inodes(keeper.pid)) < 20, "most were sent away", 3)
        wait_until(lambda: len(_socket_inodes(keeper.pid)) < 5, "they are forgotten", 3)
        with _client(world) as good:
            _, fds = _ask(good, build)
            for fd in fds:
                os.close(fd)
    with report.case("exporter: the socket of the keeper is not for everybody"):
        _path(world).chmod(0o660)
        code = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
            "sys.exit(s.connect_ex(sys.argv[1]))"
        )
        result = subprocess.run(
            [*AS_NOBODY, "python3", "-c", code, _path(world)], check=False, timeout=10
        )
        assert result.returncode == 13, f"connect as nobody: {result.returncode}"


def _check_protocol(world, report):
    with _keeper(world) as keeper:
        with report.case("exporter: one of another build is told so, and no more"):
            build = _build_of_keeper(world)
        _check_descriptors(world, report, build)
        _check_server(world, report, build, keeper)
        with report.case("exporter: the keeper has no network socket"):
            assert not _network_sockets(keeper.pid)


# ---------------------------------------------------------------- what is served


def _check_backends(world, report):
    with report.case("exporter: where nothing is loaded there is a scrape, and nothing enforced"):
        world.aclctl("unload", "--open")
        world.start_acld()
        names = {name for name, _, _ in world.metrics()}
        assert {"aclgate_build_info", "aclgate_repairs_total"} <= names, names
        assert "aclgate_packets_total" not in names, names
        assert world.metric("aclgate_enforcing") == 0
    for backend in ("nft", "bpf"):
        with world.using(backend), report.case(f"exporter: counters of the backend {backend}"):
            world.load(POLICIES / "t1.json")
            world.settle()
            refusal = probe.Refusal(world.vps, world.windows, "tcp", 445, 4)
            probe.try_all([refusal], silence=0.3)
            assert world.dropped(reason="acl") >= 1
            assert world.metric("aclgate_interface_enforced", interface="wg0") == 1
            assert world.metric("aclgate_packets_total", device="vps", verdict="drop") >= 1
            kinds = {labels["kind"] for name, labels, _ in world.metrics()
                     if name == "aclgate_repairs_total"}  # fmt: skip
            assert kinds == {"attach", "guard", "table", "refresh"}, kinds


def run(world, report):
    _check_backends(world, report)
    world.load(POLICIES / "t1.json")
    _check_sandbox(world, report)
    _check_garbage(world, report)
    _load_many(world, 10000)
    _check_crowds(world, report)
    _check_dribble(world, report)
    world.load(POLICIES / "t1.json")
    _check_deaths(world, report)
    assert end(world.acld) == 0
    _check_apart(world, report)
    _check_protocol(world, report)
