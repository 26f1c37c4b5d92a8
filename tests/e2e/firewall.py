# SPDX-License-Identifier: GPL-2.0-or-later
"""nftables on a box: NAT, and rules that make the kernel track connections."""

import contextlib

# Tracking makes the kernel put fragments together, and take them apart again.
TRACKING = "chain forward { type filter hook forward priority 0; ct state new counter accept; }"


def masquerade(interface):
    """What leaves there has the address of this box."""
    return (
        "chain post { type nat hook postrouting priority 100;"
        f' oifname "{interface}" masquerade; }}'
    )


def publish(interface, ports, host):
    """What comes in there for one of these ports {asked: served} goes to the host instead."""
    lines = [
        f'iifname "{interface}" meta nfproto ipv{version} meta l4proto {{ tcp, udp }}'
        f" th dport {asked} dnat {family} to {address}:{served};"
        for version, family, address in (
            (4, "ip", host.address(4)),
            (6, "ip6", f"[{host.address(6)}]"),
        )
        for asked, served in ports.items()
    ]
    return f"chain pre {{ type nat hook prerouting priority -100; {' '.join(lines)} }}"


@contextlib.contextmanager
def nftables(netns, *chains):
    """These chains, as long as the block lasts."""
    netns.run("nft", "-f", "-", input=f"table inet e2e {{ {'; '.join(chains)}; }}")
    try:
        yield
    finally:
        netns.run("nft", "delete", "table", "inet", "e2e")
