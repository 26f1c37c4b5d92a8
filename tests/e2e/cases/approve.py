# SPDX-License-Identifier: GPL-2.0-or-later
"""T6: a peer that nobody approved reaches nothing. `aclctl approve` admits it at once, changes
nothing else, and does so wholly or not at all."""

import base64
import contextlib
import os
import signal
import subprocess
import time

import probe
from cases.reload import _identity
from cases.story import ANYTHING, VERSIONS, ports
from denied import WITHOUT_MAPS
from policy import allow, policy
from world import BUILD, end

PORT = 3000
POLICY = policy(
    allow("windows-machine", f"imac:{PORT}"), allow("vps", f"imac:{PORT}"), interfaces=["wg0"]
)
INVENTORY = """// Who is who. { "devices": {} }
{
	"Devices": {
		"windows-machine": { "addresses": ["192.168.77.10", "fd00:77::10"], "interface": "lan0" },
		"imac": { "addresses": ["10.77.0.2", "fd77::2"] }, // "approved": false
		"azure": { "addresses": ["10.77.0.5", "fd77::5"], "publicKey": "%s", /* false */ },
		"vps": {
			"publicKey": /* "approved": false, */ "%s",
			"approved": false, // since it joined
			"addresses": ["10.77.0.3", "fd77::3"],
		},
		// the last one
	},
	"hosts": { "printer": "192.168.77.20" },
}
"""


def _new_key():
    """Of a peer that nobody knows. Any 32 bytes are one."""
    return base64.b64encode(os.urandom(32)).decode()


class Case:
    """A policy with an inventory where the VPS waits for approval."""

    def __init__(self, world):
        self.world = world
        self.keys = {
            name: world.wg(name, "show", "wg0", "public-key").strip() for name in ("vps", "azure")
        }
        self.text = INVENTORY % (self.keys["azure"], self.keys["vps"])
        self.approved = self.text.replace('"approved": false, //', '"approved": true, //')
        assert self.approved != self.text
        self.file = world.file("approve-inventory.json", self.text)
        self.policy = world.file("approve-policy.json", POLICY)

    def reset(self, **sections):
        """As it was at the beginning; sections: more of the policy."""
        self.world.file("approve-policy.json", POLICY | sections)
        self.file.write_text(self.text)
        self.world.load(self.policy, self.file)

    def approve(self, *arguments, file=None, **options):
        arguments = *arguments, "--inventory", file or self.file
        return self.world.aclctl("approve", *arguments, **options)

    def must_approve(self, *arguments, **options):
        result = self.approve(*arguments, **options)
        assert result.returncode == 0, f"exit {result.returncode}: {result.stderr}"
        return result.stdout


def _refusals(world, tries):
    return [
        probe.Refusal(world.hosts[source], world.hosts[target], protocol, port, version)
        for source, target, all_ports in tries
        for protocol, port in all_ports
        for version in VERSIONS
    ]


def _check_refused(world, report, when, *tries):
    for refusal in probe.try_all(_refusals(world, tries)):
        report.judge(f"approve: {when} {refusal} is refused", refusal.problem)


@contextlib.contextmanager
def _conversations(world, report):
    """Of another device, over an approval."""
    pairs = {}
    with contextlib.ExitStack() as stack:
        for version in VERSIONS:
            address = world.imac.address(version)
            pairs[version] = probe.connect_pair(
                world.windows.netns, world.imac.netns, address, PORT
            )
            for one in pairs[version]:
                stack.enter_context(one)
        yield
        for version, (near, far) in pairs.items():
            with report.case(f"approve: a connection of another device goes on IPv{version}"):
                assert probe.token_arrives(near, far), "nothing arrives at imac"
                assert probe.token_arrives(far, near), "nothing arrives at windows"


# ---------------------------------------------------------------- what it does


def _check_admitted(world, report, case):
    case.reset()
    with _conversations(world, report):
        with world.serve("imac", "windows", "vps", ports=[22, PORT + 1]):
            _check_refused(world, report, "before:", ("vps", "imac", ANYTHING))
            with report.case("approve: ... and counted as unapproved"):
                assert world.drops(device="vps", reason="unapproved")
            case.must_approve(case.keys["vps"], "--name", "vps")
            for version in VERSIONS:
                with report.case(f"approve: at once it may do what the rules allow IPv{version}"):
                    pair = probe.connect_pair(
                        world.vps.netns, world.imac.netns, world.imac.address(version), PORT
                    )
                    with pair[0], pair[1]:
                        assert probe.token_arrives(*pair), "nothing arrives"
            _check_refused(
                world, report, "after:",
                ("vps", "imac", ports(22, PORT + 1)),
                ("vps", "windows", ANYTHING),
                ("imac", "vps", ANYTHING),
            )  # fmt: skip
    with report.case("approve: of the file one word is another"):
        assert case.file.read_text() == case.approved, case.file.read_text()
    with report.case("approve: what runs is what is stored"):
        assert world.status()["stored"] and world.status()["enforced"]


def _check_new(world, report, case):
    """Its addresses are what WireGuard says; here only what is written, and that it is loaded."""
    key = _new_key()
    case.reset()
    with _conversations(world, report), report.case("approve: a new peer stands behind the others"):
        before = world.status()["generation"]
        assert '"phone"' in case.must_approve(key, "--name", "phone")
        added = '\t\t"phone": {\n\t\t\t"publicKey": "%s",\n\t\t},\n' % key
        wanted = case.text.replace("\t\t// the last one", added + "\t\t// the last one")
        assert case.file.read_text() == wanted, case.file.read_text()
        assert world.status()["generation"] == before + 1
    with report.case("approve: once more, with and without its name, changes nothing"):
        before = _identity(world.status())
        for name in (("--name", "phone"), ()):
            assert "already" in case.must_approve(key, *name)
        assert case.file.read_text() == wanted and _identity(world.status()) == before


def _check_files(world, report, case):
    case.reset()
    with report.case("approve: mode, owner and a symbolic link stay"):
        link = case.file.with_name("link.json")
        link.unlink(missing_ok=True)
        link.symlink_to(case.file.name)
        case.file.chmod(0o604)
        os.chown(case.file, 12, 34)
        case.must_approve(case.keys["vps"], file=link)
        status = case.file.stat()
        assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o604, 12, 34), status
        assert link.is_symlink() and case.file.read_text() == case.approved
    with report.case("approve: devices may stand in the policy itself"):
        whole = '{ "acls": [],' + case.text[case.text.index('\n\t"Devices"') :]
        path = world.file("whole.json", whole)
        result = world.aclctl("load", path)
        assert result.returncode == 0, result.stderr
        case.must_approve(case.keys["vps"], file=path)
        assert path.read_text() == whole.replace("false, // since", "true, // since")
        assert world.status()["stored"]
    with report.case("approve: where no policy is loaded only the file changes, and that is told"):
        world.aclctl("unload", "--open")
        case.file.write_text(case.text)
        assert "no policy is loaded" in case.must_approve(case.keys["vps"])
        assert case.file.read_text() == case.approved
        assert world.aclctl("status").returncode == 3


# ---------------------------------------------------------------- what it refuses

FAILS_THEN = [{"src": "vps", "deny": [f"imac:{PORT}"]}]


def _wrong(case):
    """(what, arguments, exit code, what is told)"""
    key, known = _new_key(), case.keys["vps"]
    yield "no name for a new peer", (key,), 2, "--name"
    yield "what is no key", (key[:-2], "--name", "x"), 2, "public key"
    yield "a name that is an address", (key, "--name", "10.0.0.1"), 2, "address"
    yield "a name with a quote", (key, "--name", 'a"b'), 2, '"'
    yield "the name of a device", (key, "--name", "imac"), 1, f"{case.file}:5:3: error"
    yield "the name of a host", (key, "--name", "printer"), 1, f"{case.file}:14:13: error"
    yield "another name than it has", (known, "--name", "x"), 1, f"{case.file}:7:3: error"
    yield "another one of an approved peer", (case.keys["azure"], "--name", "x"), 1, ":6:3: error"
    yield "a test that fails then", (known,), 1, "test failed"


def _check_unchanged(world, report, case, what, attempt):
    """attempt: the arguments, exit code, what is told"""
    arguments, code, told, options = attempt
    with report.case(f"approve: {what}: exit {code}, nothing is changed"):
        before = _identity(world.status()), case.file.read_bytes(), case.file.stat()
        result = case.approve(*arguments, **options)
        after = _identity(world.status()), case.file.read_bytes(), case.file.stat()
        assert result.returncode == code, f"exit {result.returncode}: {result.stderr}"
        assert told in result.stderr, result.stderr
        assert before[:2] == after[:2], "something is changed"
        assert before[2].st_mtime_ns == after[2].st_mtime_ns, "the file was written"
        left = [one.name for one in case.file.parent.glob(f"{case.file.name}.*")]
        assert not left, f"left behind: {left}"


def _check_wrong(world, report, case):
    case.reset(tests=FAILS_THEN)
    for what, arguments, code, told in _wrong(case):
        _check_unchanged(world, report, case, what, (arguments, code, told, {}))
    known = (case.keys["vps"],)
    case.file.write_text(case.text + "// an edit that nobody has loaded\n")
    _check_unchanged(world, report, case, "a file that is not what is loaded",
                     (known, 1, "load it first", {}))  # fmt: skip
    _check_unchanged(world, report, case, "what is no file",
                     (known, 1, "no regular file", {"file": case.file.parent}))  # fmt: skip
    for folder in ("run", "state"):
        case.file.parent.joinpath(folder).chmod(0o700)
    with report.case("approve: without privilege: exit 4"):
        result = world.aclctl_as_nobody("approve", *known, "--inventory", case.file)
        assert result.returncode == 4, f"exit {result.returncode}: {result.stderr}"
    with world.serve("imac"):
        _check_refused(world, report, "after all these", ("vps", "imac", ports(PORT)))


def _check_full(world, report, case):
    """RLIMIT_FSIZE is a full disk, just when the file is written."""
    case.reset()
    limited = "prlimit", "--fsize=64", "env", "--ignore-signal=XFSZ"
    _check_unchanged(world, report, case, "a full disk",
                     ((case.keys["vps"],), 1, "too large", {"wrapper": limited}))  # fmt: skip


def _check_failed_load(world, report, case):
    """Everything is checked, the file is written, and then the kernel makes no maps."""
    case.reset()
    before = _identity(world.status())
    with report.case("approve: a load that fails leaves what was loaded, and says so"):
        result = case.approve(case.keys["vps"], wrapper=WITHOUT_MAPS)
        assert result.returncode == 1, f"exit {result.returncode}: {result.stderr}"
        assert "goes on" in result.stderr, result.stderr
        assert _identity(world.status()) == before, "status differs"
        assert case.file.read_text() == case.approved
    with world.serve("imac"):
        _check_refused(world, report, "after that", ("vps", "imac", ports(PORT)))
        with report.case("approve: ... the same command again does the rest"):
            case.must_approve(case.keys["vps"])
            for version in VERSIONS:
                probe.udp_round_trip(world.vps.netns, world.imac.address(version), PORT)


def _check_other_running(world, report, case):
    """Copies of what is not running, as a disk that was full leaves them."""
    case.reset()
    other = case.text.replace("azure", "azzure")
    case.file.parent.joinpath("state", "inventory.json").write_text(other)
    case.file.write_text(other)
    _check_unchanged(world, report, case, "the running policy is another one than the stored",
                     ((case.keys["vps"],), 1, "running policy", {}))  # fmt: skip


# ---------------------------------------------------------------- several at once


def _start(case, *arguments):
    return case.world.router.netns.start(
        BUILD / "cli" / "aclctl", "approve", *arguments, "--inventory", case.file,
        env=case.world.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _check_parallel(world, report, case):
    case.reset()
    with report.case("approve: six at the same time are all admitted"):
        keys = {f"peer{number}": _new_key() for number in range(6)}
        started = [_start(case, key, "--name", name) for name, key in keys.items()]
        failed = [one.args for one in started if one.wait(timeout=30) != 0]
        assert not failed, f"failed: {failed}"
        text = case.file.read_text()
        assert all(text.count(key) == 1 for key in keys.values()), text
        assert world.status()["stored"]


# ---------------------------------------------------------------- killed

KILLS = 20


def _kill_one(world, case, delay):
    """Whether the new file was there."""
    case.reset()
    process = _start(case, case.keys["vps"])
    time.sleep(delay)
    end(process, signal.SIGKILL)
    text = case.file.read_text()
    assert text in (case.text, case.approved), f"killed after {delay:.3f} s: {text}"
    assert world.status()["enforced"], f"killed after {delay:.3f} s: not enforced"
    for version in VERSIONS:
        probe.udp_round_trip(world.windows.netns, world.imac.address(version), PORT, count=1)
    case.must_approve(case.keys["vps"], "--name", "vps")
    assert case.file.read_text() == case.approved
    for version in VERSIONS:
        probe.udp_round_trip(world.vps.netns, world.imac.address(version), PORT, count=1)
    return text == case.approved


def _check_killed(world, report, case):
    case.reset()
    start = time.monotonic()
    case.must_approve(case.keys["vps"])
    taken = time.monotonic() - start
    name = "approve: killed at any moment it has changed the file or not, and the next one does it"
    with world.serve("imac"), report.case(name):
        found = [_kill_one(world, case, 1.1 * taken * number / KILLS) for number in range(KILLS)]
        assert True in found and False in found, f"all kills met the same file: {found[0]}"


def _check_as_loaded(world, report, case):
    """Backend and interface of the command line are not forgotten."""
    with report.case("approve: nftables goes on enforcing what it enforced"):
        with world.using("nft"):
            case.reset()
            case.must_approve(case.keys["vps"], "--name", "vps")
            assert world.status()["backend"] == "nft", world.status()
    with report.case("approve: --interface of the load is kept"):
        case.reset()
        world.file("approve-policy.json", POLICY | {"interfaces": ["lan0"]})
        arguments = "load", case.policy, "--inventory", case.file, "--interface", "wg0"
        assert world.aclctl(*arguments).returncode == 0
        case.must_approve(case.keys["vps"], "--name", "vps")
        guarded = [one["name"] for one in world.status()["interfaces"]]
        assert guarded == ["wg0"], guarded


def run(world, report):
    case = Case(world)
    try:
        _check_admitted(world, report, case)
        _check_new(world, report, case)
        _check_wrong(world, report, case)
        _check_full(world, report, case)
        _check_failed_load(world, report, case)
        _check_other_running(world, report, case)
        _check_parallel(world, report, case)
        _check_killed(world, report, case)
        _check_files(world, report, case)
        _check_as_loaded(world, report, case)
    finally:
        world.aclctl("unload", "--open")
