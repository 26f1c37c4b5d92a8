# SPDX-License-Identifier: GPL-2.0-or-later
"""Docker on the router: a container behind a bridge that nobody guards, with published ports."""

import contextlib
import shutil

import probe
from boxes import Host
from cases.nft import Named
from netns import Netns
from others.decides import (
    ROUTER, RULES, apply, check_decides, check_refused, check_status, listed, load, nft, removal,
    written,
)  # fmt: skip
from policy import policy

CONTAINER = "172.17.0.2"
# {asked: served}: the policy allows the PC the first one.
PUBLISHED = {8080: 80, 8022: 22}


def _each_published(line):
    return "\n".join(
        line.format(protocol=protocol, asked=asked, served=served)
        for protocol in ("tcp", "udp")
        for asked, served in PUBLISHED.items()
    )


# What dockerd writes through iptables-nft, with two ports published. The first rule in DOCKER-USER
# is the admin's: without it the router forwards for containers only.
DOCKER = f"""
table ip nat {{
    chain DOCKER {{
        iifname "docker0" counter return
        {_each_published('iifname != "docker0" {protocol} dport {asked} counter'
                         f' dnat to {CONTAINER}:{{served}}')}
    }}
    chain PREROUTING {{
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local counter jump DOCKER
    }}
    chain OUTPUT {{
        type nat hook output priority -100; policy accept;
        ip daddr != 127.0.0.0/8 fib daddr type local counter jump DOCKER
    }}
    chain POSTROUTING {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade
        {_each_published(f'ip saddr {CONTAINER} ip daddr {CONTAINER} {{protocol}} dport {{served}}'
                         ' counter masquerade')}
    }}
}}
table ip filter {{
    chain DOCKER {{
        {_each_published(f'iifname != "docker0" oifname "docker0" ip daddr {CONTAINER}'
                         ' {protocol} dport {served} counter accept')}
    }}
    chain DOCKER-ISOLATION-STAGE-2 {{
        oifname "docker0" counter drop
        counter return
    }}
    chain DOCKER-ISOLATION-STAGE-1 {{
        iifname "docker0" oifname != "docker0" counter jump DOCKER-ISOLATION-STAGE-2
        counter return
    }}
    chain DOCKER-USER {{
        iifname {{ "wg0", "lan0", "eth1" }} oifname {{ "wg0", "lan0", "eth1" }} counter accept
        counter return
    }}
    chain FORWARD {{
        type filter hook forward priority filter; policy drop;
        counter jump DOCKER-USER
        counter jump DOCKER-ISOLATION-STAGE-1
        oifname "docker0" ct state related,established counter accept
        oifname "docker0" counter jump DOCKER
        iifname "docker0" oifname != "docker0" counter accept
        iifname "docker0" oifname "docker0" counter accept
    }}
}}
"""
DOCKER_TABLES = [("ip", "nat"), ("ip", "filter")]
GUARDED_OR_NOT = ("wg0", "lan0", "eth1")
# The same for iptables-nft-restore(8): matches and targets of xtables inside rules of nftables.
DOCKER_IPTABLES = f"""
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
{_each_published(f'-A POSTROUTING -s {CONTAINER}/32 -d {CONTAINER}/32 -p {{protocol}}'
                 ' -m {protocol} --dport {served} -j MASQUERADE')}
-A DOCKER -i docker0 -j RETURN
{_each_published('-A DOCKER ! -i docker0 -p {protocol} -m {protocol} --dport {asked}'
                 f' -j DNAT --to-destination {CONTAINER}:{{served}}')}
COMMIT
*filter
:INPUT ACCEPT
:FORWARD DROP
:OUTPUT ACCEPT
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
{_each_published(f'-A DOCKER -d {CONTAINER}/32 ! -i docker0 -o docker0 -p {{protocol}}'
                 ' -m {protocol} --dport {served} -j ACCEPT')}
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
{chr(10).join(f"-A DOCKER-USER -i {one} -o {other} -j ACCEPT"
              for one in GUARDED_OR_NOT for other in GUARDED_OR_NOT)}
-A DOCKER-USER -j RETURN
COMMIT
"""


def _write_docker(world):
    apply(world, removal(DOCKER_TABLES) + DOCKER)


def _write_docker_by_iptables(world):
    apply(world, removal(DOCKER_TABLES))
    world.router.netns.run("iptables-nft-restore", input=DOCKER_IPTABLES)


def _join_container(world, name):
    run = world.router.netns.run
    run("ip", "link", "add", "docker0", "type", "bridge")
    run("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
    run("ip", "link", "add", "veth0", "master", "docker0", "type", "veth",
        "peer", "name", "eth0", "netns", name)  # fmt: skip
    run("ip", "link", "set", "veth0", "up")
    run("ip", "link", "set", "docker0", "up")
    for command in ("link set lo up", "link set eth0 up", f"addr add {CONTAINER}/16 dev eth0",
                    "route add default via 172.17.0.1"):  # fmt: skip
        run("ip", "-n", name, *command.split())


@contextlib.contextmanager
def _container(world):
    """A box behind the bridge docker0 of the router, which nobody guards."""
    name = f"{world.prefix}container"
    # So that it goes with the network, whatever happens.
    with open(f"/run/aclgate-network/{world.prefix}/names", "a", encoding="utf-8") as names:
        print(name, file=names)
    world.router.netns.run("ip", "netns", "add", name)
    netns = Netns(name)
    try:
        _join_container(world, name)
        yield Host("container", netns, "eth0", [CONTAINER])
    finally:
        world.router.netns.run("ip", "link", "del", "docker0", check=False)
        netns.close()
        world.router.netns.run("ip", "netns", "del", name)


def _check_published(world, report, container):
    """Who may ask for a published port: the policy says so of guarded devices, of others nobody."""
    for name in ("windows", "guest", "router"):
        with report.case(f"{name} reaches the published port"):
            netns, address = world.hosts[name].netns, ROUTER.get(name, ROUTER["windows"])
            probe.exchange(netns, address, 8080, size=1 << 18)
            probe.udp_round_trip(netns, address, 8080)
    refusals = [
        probe.Refusal(world.hosts[name], container, protocol, port, 4, ROUTER[name])
        for name, port in (("windows", 8022), ("imac", 8080), ("imac", 8022))
        for protocol in ("tcp", "udp")
    ]
    check_refused(report, "published", refusals)


def _check_container(world, report, container):
    with report.case("the container reaches the guest by masquerade"):
        probe.exchange(container.netns, world.guest.address(4), 3000, size=1 << 18)
        probe.udp_round_trip(container.netns, world.guest.address(4), 3000)
        with world.guest.watch() as arrivals:
            assert probe.ping(container.netns, world.guest.address(4)), "no answer"
            seen = {one.source for one in arrivals.packets()}
            assert seen == {ROUTER["guest"]}, f"the guest sees {seen}"
    # With 22 it could use what the router may, whose address it has behind the NAT.
    refusals = [
        probe.Refusal(container, target, protocol, port, 4)
        for target in (world.windows, world.imac, world.vps)
        for protocol, port in (("tcp", 22), ("udp", 22), ("tcp", 3000), ("icmp", 0))
    ]
    with report.case("what the container opens is counted as nat_unidentified"):
        with world.counts(reason="nat_unidentified"):
            check_refused(report, "opened", refusals)


def _check_router_may(world, report):
    """What the container does not get by the router's address, the router gets."""
    for host in (world.windows, world.imac):
        with report.case(f"the router itself reaches {host.name}"):
            probe.exchange(world.router.netns, host.address(4), 22, size=1 << 16)


def _published_pair(world, container):
    return probe.connect_pair(world.windows.netns, container.netns, ROUTER["windows"], 8080,
                              (CONTAINER, 80))  # fmt: skip


def _check_published_lives(world, report, container, write):
    near, far = _published_pair(world, container)
    with near, far:
        with report.case("a connection to the published port survives a load"):
            load(world)
            assert probe.token_arrives(near, far) and probe.token_arrives(far, near), "dead"
        with report.case("... and the restart of dockerd, which makes its rules anew"):
            write(world)
            assert probe.token_arrives(near, far) and probe.token_arrives(far, near), "dead"
        with report.case("... and dies with its rule"):
            load(world, policy(*RULES[1:]))
            assert not probe.token_arrives(far, near, timeout=0.4), "the PC is reached"
            assert not probe.token_arrives(near, far, timeout=0.4), "the container is reached"
    load(world)


def _check_docker_drops(world, report, write):
    """Docker forwards for containers only, until the admin says more."""
    with report.case("what the policy allows and FORWARD drops does not pass"):
        nft(world, "flush", "chain", "ip", "filter", "DOCKER-USER")
        refusal = probe.Refusal(world.windows, world.imac, "udp", 3000, 4)
        probe.try_all([refusal], silence=0.4)
        assert not refusal.problem, refusal.problem
    with report.case("... and passes where the admin forwards it"):
        write(world)
        probe.udp_round_trip(world.windows.netns, world.imac.address(4), 3000)


def _check_docker(world, report, write):
    """write: makes Docker's tables, or makes them anew."""
    with _container(world) as container, written(world, write, DOCKER_TABLES):
        before = listed(world, DOCKER_TABLES)
        with container.serve([22, 80]):
            load(world)
            check_status(world, report, "loaded")
            check_decides(world, report, "loaded")
            _check_published(world, report, container)
            _check_container(world, report, container)
            _check_router_may(world, report)
        with report.case("its rules are as they were"):
            assert listed(world, DOCKER_TABLES) == before, listed(world, DOCKER_TABLES)
        if world.gate:
            _check_published_lives(world, report, container, write)
        _check_docker_drops(world, report, write)
        with report.case("... also after unload"):
            world.aclctl("unload", "--open")
            assert listed(world, DOCKER_TABLES) == before, listed(world, DOCKER_TABLES)


def check(world, report):
    _check_docker(world, Named(report, "docker"), _write_docker)
    if shutil.which("iptables-nft-restore"):
        _check_docker(world, Named(report, "docker by iptables-nft"), _write_docker_by_iptables)
    else:
        report.skip("docker by iptables-nft", "iptables-nft is not installed")
