# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices by their WireGuard keys: addresses follow the key, and a peer that nobody named waits."""

import base64
import contextlib
import ipaddress
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import probe
import wire
from cases.story import ANYTHING, VERSIONS
from policy import allow, policy
from world import end, wait_until

PC = "windows-machine"
# "*" is every approved device: who is pending is none.
POLICY = policy(
    allow(PC, "imac:3000"), allow("imac", f"{PC}:3389"), allow("*", "vps:8080"),
    tests=[{"src": PC, "accept": ["imac:3000"], "deny": ["imac:22"]}],
)  # fmt: skip
HANG_SECONDS = 10
QUIET = 3002  # where nobody listens before


def _pid(world):
    """Of the router's wireguard-go; None where the kernel does it."""
    file = pathlib.Path("/run/aclgate-network") / world.prefix / "router.pid"
    return int(file.read_text()) if file.exists() else None


def _wrapper(world):
    """wireguard-go's socket is only to be seen from its own mount namespace."""
    pid = _pid(world)
    return ["nsenter", f"--mount=/proc/{pid}/ns/mnt", "--"] if pid else []


def _key(world, name):
    return world.wg(name, "show", "wg0", "public-key").strip()


def _inventory(world, **devices):
    """The PC, the router, and these; whoever is not here is nobody."""
    return {
        "devices": {
            PC: {"addresses": world.windows.addresses, "interface": "lan0"},
            "router": {"addresses": world.router.addresses, "self": True},
        }
        | devices
    }


def _by_key(world, *names):
    return {name: {"publicKey": _key(world, name)} for name in names}


def _load(world, inventory, loaded=POLICY):
    """What the load said."""
    if not world.gate:
        return ""
    result = world.try_load(loaded, inventory, wrapper=_wrapper(world))
    assert result.returncode == 0, result.stderr
    return result.stderr


def _devices(world):
    """{name or key: entry} of `aclctl devices`."""
    result = world.aclctl("devices", "--json", wrapper=_wrapper(world))
    assert result.returncode == 0, f"{result.returncode}: {result.stderr}"
    told = json.loads(result.stdout)
    assert told["schema_version"] == 1
    return {one["name"] or one["peer"]["key"]: one for one in told["devices"]}


def _allowed(world, report, what, source, target, port):
    for version in VERSIONS:
        with report.case(f"identity: {what}: {source} -> {target}:{port} IPv{version}"):
            host, address = world.hosts[source], world.hosts[target].address(version)
            probe.exchange(host.netns, address, port, size=100_000)


def _refused(world, report, what, *tries):
    """tries: (from, to, [(protocol, port), ...])."""
    refusals = [
        probe.Refusal(world.hosts[source], world.hosts[target], protocol, port, version)
        for source, target, services in tries
        for protocol, port in services
        for version in VERSIONS
    ]
    for refusal in probe.try_all(refusals):
        report.judge(f"identity: {what}: {refusal} is refused", refusal.problem)


def _check_keys(world, report):
    """T1 and T6, with nothing but keys."""
    _load(world, _inventory(world, **_by_key(world, "imac", "vps")))
    _allowed(world, report, "by key", "windows", "imac", 3000)
    _allowed(world, report, "by key", "imac", "vps", 8080)
    _refused(
        world, report, "by key", ("imac", "windows", [("tcp", 22), ("udp", 135)]),
        ("vps", "windows", ANYTHING), ("windows", "imac", [("tcp", 22)]),
    )  # fmt: skip
    _refused(
        world, report, "nobody's peer", ("aspire", "vps", ANYTHING), ("aspire", "windows", ANYTHING),
        ("azure", "imac", ANYTHING), ("azure", "router", ANYTHING),
    )  # fmt: skip
    if not world.gate:
        return
    with report.case("identity: what it sends is counted as unapproved"):
        with world.counts(device="unknown", reason="unapproved"):
            probe.ping(world.aspire.netns, world.vps.address(4), timeout=0.3)


def _check_list(world, report):
    with report.case("identity: devices lists key, addresses, handshake and traffic"):
        imac = _devices(world)["imac"]
        assert imac["state"] == "allowed" and imac["peer"]["key"] == _key(world, "imac"), imac
        assert set(imac["addresses"]) == set(world.imac.addresses), imac
        assert abs(time.time() - imac["peer"]["last_handshake"]) < 600, imac
        assert imac["peer"]["received_bytes"] > 100_000, imac
    with report.case("identity: ... drops"):
        assert _devices(world)["vps"]["dropped_packets"] > 0, _devices(world)["vps"]
    with report.case("identity: ... and who waits, since when"):
        aspire = _devices(world)[_key(world, "aspire")]
        assert aspire["state"] == "pending" and aspire["name"] is None, aspire
        assert set(aspire["addresses"]) == set(world.aspire.addresses), aspire
        assert abs(time.time() - aspire["since"]) < 600, aspire
    with report.case("identity: ... which a load does not change"):
        time.sleep(1.1)
        _load(world, _inventory(world, **_by_key(world, "imac", "vps")))
        assert _devices(world)[_key(world, "aspire")]["since"] == aspire["since"]
    with report.case("identity: the text has a line for each"):
        text = world.aclctl("devices", wrapper=_wrapper(world)).stdout
        assert f"{_key(world, 'azure')} 10.77.0.5,fd77::5" in text, text
        assert re.search(r" \d+ (s|min) ago ", text), text
        assert "pending since 2" in text and " allowed\n" in text, text
    with report.case("identity: can knows the addresses of what is loaded"):
        result = world.aclctl("can", PC, "imac:3000", wrapper=_wrapper(world))
        assert result.stdout.startswith("allow\t"), result
        result = world.aclctl("can", PC, "imac:22", wrapper=_wrapper(world))
        assert result.stdout.startswith("deny\tacl\t"), result
    with report.case("identity: a device that is not approved waits under its name"):
        inventory = _inventory(world, **_by_key(world, "imac", "vps", "aspire"))
        inventory["devices"]["aspire"]["approved"] = False
        _load(world, inventory)
        entry = _devices(world)["aspire"]
        assert entry["state"] == "pending" and entry["since"] == aspire["since"], entry
        assert _key(world, "azure") in _devices(world)


@contextlib.contextmanager
def _allowed_ips(world, name, *addresses):
    """The router routes these to a peer as well; afterwards everybody has their own again."""
    world.allow(name, *addresses)
    try:
        yield
    finally:
        for peer in world.peers:
            world.allow(peer)


def _check_route(world, report):
    """The pending peer's own address lies in what imac may bring."""
    inventory = _inventory(world, **_by_key(world, "imac", "vps"))
    networks = ["10.77.0.0/24", "fd77::/64"]
    with _allowed_ips(world, "imac", *networks):
        with report.case("identity: networks that the inventory does not name are told"):
            said = _load(world, inventory)
            for network in networks:
                words = f'WireGuard routes {network} to "imac", which does not name it under "routes"'
                assert not world.gate or words in said, said
        inventory["devices"]["imac"]["routes"] = networks
        with report.case("identity: ... and those that it names are not"):
            said = _load(world, inventory)
            assert "warning" not in said, said
        _allowed(world, report, "with a route", "imac", "vps", 8080)
        _refused(
            world, report, "inside the route of another", ("aspire", "vps", [("tcp", 8080)]),
            ("aspire", "windows", [("tcp", 3389)]),
        )  # fmt: skip


def _forged_arrives(world, version):
    """Does a SYN of the VPS with the iMac's address get to the PC?"""
    source, target = world.imac.address(version), world.windows.address(version)
    port = 50000 + int(time.monotonic() * 100) % 10000
    with world.windows.watch() as watch:
        wire.send(world.vps.netns, wire.tcp(source, target, (port, 3389), wire.SYN))
        time.sleep(0.5)
        return any(packet.source_port == port for packet in watch.packets())


def _check_moved(world, report):
    inventory = _inventory(world, **_by_key(world, "imac", "vps"))
    inventory["devices"]["imac"]["addresses"] = world.imac.addresses
    with report.case("identity: addresses that WireGuard has as the inventory says are not told"):
        said = _load(world, inventory)
        assert "warning" not in said, said
    _allowed(world, report, "key and addresses", "imac", "windows", 3389)
    with _allowed_ips(world, "vps", *world.imac.addresses):
        for version in VERSIONS:
            with report.case(f"identity: moved to the VPS, it speaks for the iMac IPv{version}"):
                assert _forged_arrives(world, version), "the test itself: nothing arrives"
        with report.case("identity: ... until a load finds out, and says so"):
            said = _load(world, inventory)
            for address in world.imac.addresses:
                words = f'WireGuard routes {address} to "vps", and not to "imac"'
                assert not world.gate or words in said, said
        for version in VERSIONS:
            with report.case(f"identity: ... and then no longer IPv{version}"):
                assert not _forged_arrives(world, version), "the forged packet arrives"
        _refused(world, report, "moved", ("windows", "imac", [("tcp", 3000)]))
    with report.case("identity: moved back"):
        said = _load(world, inventory)
        assert "warning" not in said, said
    _allowed(world, report, "moved back", "windows", "imac", 3000)


def _chosen_addresses():
    """Whose words differ in their high bits only: a hash that loses these finds 17 at a time alike."""
    for first in range(0, 256, 8):
        for second in range(0, 17 * 8, 8):
            words = (0xFD99, 0, 0, first, 0, second, 0, second | 1)
            yield str(ipaddress.IPv6Address(b"".join(word.to_bytes(2, "big") for word in words)))


def _check_chosen(world, report):
    """Who may change peers, and knows how we hash, must not keep the next load from working."""
    inventory = _inventory(world, **_by_key(world, "imac", "vps"))
    inventory["devices"]["imac"]["addresses"] = world.imac.addresses
    with _allowed_ips(world, "aspire", *_chosen_addresses()):
        with report.case("identity: addresses of a peer that were chosen to collide: it loads"):
            _load(world, inventory)
        with _allowed_ips(world, "vps", *world.imac.addresses):
            with report.case("identity: ... and what was moved meanwhile is found out"):
                _load(world, inventory)
                assert not _forged_arrives(world, 4), "the forged packet arrives"
    with report.case("identity: ... and afterwards all is as before"):
        _load(world, inventory)
    _allowed(world, report, "after the chosen ones", "windows", "imac", 3000)


def _check_absent(world, report):
    inventory = _inventory(world, **_by_key(world, "imac", "vps"))
    key, addresses = _key(world, "imac"), ",".join(world.imac.addresses)
    world.wg("router", "set", "wg0", "peer", key, "remove")
    try:
        with report.case("identity: a peer that is gone keeps no policy from being loaded"):
            said = _load(world, inventory)
            assert 'no WireGuard interface has the key of "imac"' in said, said
            assert "tests are left out: WireGuard has no address" in said, said
        with report.case("identity: ... and is listed so"):
            assert _devices(world)["imac"]["state"] == "no peer", _devices(world)["imac"]
    finally:
        world.wg(
            "router", "set", "wg0", "peer", key, "allowed-ips", addresses,
            "endpoint", "198.51.100.2:51820",
        )  # fmt: skip
    _load(world, inventory)
    _allowed(world, report, "a peer that is back", "windows", "imac", 3000)


def _check_hung(world, report):
    """A daemon that does not answer holds up no load, and is not taken for one without peers."""
    pid = _pid(world)
    if not pid:
        return
    inventory = _inventory(world, **_by_key(world, "imac", "vps"))
    inventory["devices"]["imac"]["addresses"] = world.imac.addresses
    os.kill(pid, signal.SIGSTOP)
    try:
        with report.case("identity: a daemon that hangs is told, and waited for a moment only"):
            start = time.monotonic()
            said = _load(world, inventory)
            assert 'cannot read the peers of "wg0"' in said, said
            assert time.monotonic() - start < HANG_SECONDS
        with report.case("identity: ... and who waited is still in the list"):
            file = pathlib.Path(world.environment()["ACLGATE_STATE_DIR"]) / "pending"
            assert _key(world, "aspire") in file.read_text(), file.read_text()
    finally:
        os.kill(pid, signal.SIGCONT)


# Answers for wg0 where only its callers see it: an answer, again and again where it has no end.
FAKE = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/wireguard/wg0.sock")
listener.listen()
print("ready", flush=True)
answer = sys.argv[1].encode()
while True:
    caller, _ = listener.accept()
    caller.recv(100)
    try:
        caller.sendall(answer)
        while not answer.endswith(b"errno=0\\n\\n"):
            caller.sendall(answer * 100)
    except OSError:
        pass
    caller.close()
"""


@contextlib.contextmanager
def _fake(world, answer, *enter):
    """A daemon that is none, with /run/wireguard to itself; how to call aclctl there."""
    script = "mount -t tmpfs tmpfs /run/wireguard && exec \"$@\""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    process = subprocess.Popen(
        [*command, *enter, sys.executable, "-c", FAKE, answer], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        yield ["nsenter", f"--mount=/proc/{process.pid}/ns/mnt", "--"]
    finally:
        process.kill()
        process.wait()


def _check_fake(world, report):
    """Its folder is shared by all namespaces; what is there may belong to somebody else's wg0."""
    if not _pid(world):
        return
    key = base64.b64decode(_key(world, "imac")).hex()
    answer = f"public_key={key}\nallowed_ip=10.77.0.99/32\nerrno=0\n\n"
    inventory = _inventory(world, **_by_key(world, "imac", "vps"))
    inside = ["nsenter", f"--net={world.router.netns.path}", "--"]
    with report.case("identity: a socket of another namespace's interface is not asked"):
        with _fake(world, answer) as wrapper:
            said = world.try_load(POLICY, inventory, wrapper=wrapper).stderr
            assert "known to WireGuard alone, which did not tell" in said, said
    with report.case("identity: ... and the same in our own is"):
        with _fake(world, answer, *inside) as wrapper:
            assert world.try_load(POLICY, inventory, wrapper=wrapper).returncode == 0
            result = world.aclctl("devices", "--json", wrapper=wrapper)
            assert '"addresses":["10.77.0.99"]' in result.stdout, result
    for what, text in (("never ends", "listen_port=1\n"), ("is none", "\n"), ("is a line", "x")):
        with report.case(f"identity: an answer that {what}"):
            with _fake(world, text, *inside) as wrapper:
                start = time.monotonic()
                said = world.try_load(POLICY, inventory, wrapper=wrapper).stderr
                assert 'cannot read the peers of "wg0"' in said, said
                assert time.monotonic() - start < HANG_SECONDS


FOLLOWS = 2.0  # seconds after a change in WireGuard


def _follows(world, condition, what):
    wait_until(condition, what, FOLLOWS)


def _try(world, source, target, port):
    """Whether a connection can be opened now."""
    address = world.hosts[target].address(4)
    with contextlib.suppress(AssertionError):
        with probe.connect(world.hosts[source].netns, address, port, 0.3):
            return True
    return False


@contextlib.contextmanager
def _conversation(world, report):
    """A connection of other devices, which goes on."""
    address = world.imac.address(6)
    near, far = probe.connect_pair(world.windows.netns, world.imac.netns, address, QUIET)
    with near, far:
        yield
        with report.case("identity: acld: a connection of another device goes on"):
            assert probe.token_arrives(near, far), "nothing arrives"
            assert probe.token_arrives(far, near), "no answer"


def _check_followed(world, report):
    """What a load takes into account acld notices by itself."""
    loaded = POLICY | {"acls": [*POLICY["acls"], allow(PC, f"imac:{QUIET}")]}
    file = world.file("followed.json", _inventory(world, **_by_key(world, "imac", "vps")))
    policy_file = world.file("policy.json", loaded)
    arguments = "load", policy_file, "--inventory", file
    assert world.aclctl(*arguments, wrapper=_wrapper(world)).returncode == 0
    world.start_acld(wrapper=_wrapper(world))
    with _conversation(world, report):
        with report.case("identity: acld: an address that WireGuard gives away is refused in 2 s"):
            assert _try(world, "vps", "vps", 8080) and _try(world, "imac", "vps", 8080)
            with _allowed_ips(world, "azure", world.imac.address(4)):
                _follows(world, lambda: not _try(world, "windows", "imac", 3000), "it is refused")
                assert _devices(world)["imac"]["addresses"] == [world.imac.address(6)]
        with report.case("identity: acld: ... and allowed in 2 s once it is back"):
            _follows(world, lambda: _try(world, "windows", "imac", 3000), "it is allowed")
        with report.case("identity: acld: who waits is counted"):
            assert world.metric("aclgate_devices_pending") == 2
        with report.case("identity: acld: ... in 2 s"):
            key = base64.b64encode(os.urandom(32)).decode()
            world.wg("router", "set", "wg0", "peer", key, "allowed-ips", "10.77.0.99/32")
            _follows(world, lambda: world.metric("aclgate_devices_pending") == 3, "three wait")
            world.wg("router", "set", "wg0", "peer", key, "remove")
            _follows(world, lambda: world.metric("aclgate_devices_pending") == 2, "two wait")
        with report.case("identity: acld: T6: nobody approved it, and it reaches nothing"):
            assert not _try(world, "azure", "vps", 8080), "it reaches the VPS"
        with report.case("identity: acld: ... approved by its key, it may do what all may"):
            arguments = _key(world, "azure"), "--name", "azure", "--inventory", file
            result = world.aclctl("approve", *arguments, wrapper=_wrapper(world))
            assert result.returncode == 0, result.stderr
            assert _try(world, "azure", "vps", 8080), "it does not reach the VPS"
            assert not _try(world, "azure", "imac", 3000), "it reaches the iMac"
            _follows(world, lambda: world.metric("aclgate_devices_pending") == 1, "one waits")
    _check_blind(world, report)
    end(world.acld)
    world.acld = None


def _check_blind(world, report):
    """A load while the daemon hangs believes what is written, and only until the daemon is back."""
    pid = _pid(world)
    if not pid:
        return
    inventory = _inventory(world, **_by_key(world, "imac", "vps"))
    inventory["devices"]["imac"] |= {"addresses": world.imac.addresses, "interface": "wg0"}
    with _allowed_ips(world, "vps", *world.imac.addresses):
        _load(world, inventory)
        time.sleep(2 * FOLLOWS)  # it has seen all that there is to see
        os.kill(pid, signal.SIGSTOP)
        try:
            _load(world, inventory)
        finally:
            os.kill(pid, signal.SIGCONT)
        with report.case("identity: acld: a load that could not ask WireGuard is made good"):
            wait_until(lambda: not _forged_arrives(world, 4), "its address is refused", 10)


def _check_nft(world, report):
    with world.using("nft"):
        _load(world, _inventory(world, **_by_key(world, "imac", "vps")))
        _allowed(world, report, "by nftables", "windows", "imac", 3000)
        _allowed(world, report, "by nftables", "imac", "vps", 8080)
        _refused(
            world, report, "by nftables", ("aspire", "vps", [("tcp", 8080)]),
            ("imac", "windows", [("tcp", 22)]),
        )  # fmt: skip


def run(world, report):
    with world.serve():
        _check_keys(world, report)
        if world.gate:
            _check_list(world, report)
        _check_route(world, report)
        _check_moved(world, report)
        if world.gate:
            _check_chosen(world, report)
            _check_absent(world, report)
            _check_hung(world, report)
            _check_fake(world, report)
            _check_followed(world, report)
            _check_nft(world, report)
    if world.gate:
        with report.case("identity: after unload nobody waits"):
            _load(world, _inventory(world, **_by_key(world, "imac", "vps")))
            file = pathlib.Path(world.environment()["ACLGATE_STATE_DIR"]) / "pending"
            assert file.exists()
            world.aclctl("unload", "--open")
            assert not file.exists()
        with report.case("identity: devices without a policy exits 3"):
            assert world.aclctl("devices").returncode == 3
