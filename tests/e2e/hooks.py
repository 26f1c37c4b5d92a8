# SPDX-License-Identifier: GPL-2.0-or-later
"""What is attached to an interface, as the kernel says, not aclctl."""

import ctypes
import platform
import socket
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_QUERY = 16
# Of enum bpf_attach_type; Debian 12's headers do not have them.
TCX_INGRESS, TCX_EGRESS = 46, 47
MAX = 64

_libc = ctypes.CDLL(None, use_errno=True)


def _count_tcx(ifindex, place):
    """How many TCX programs run there; None where the kernel has no TCX."""
    ids = (ctypes.c_uint32 * MAX)()
    attributes = struct.pack("=IIIIQI", ifindex, place, 0, 0, ctypes.addressof(ids), MAX)
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = _libc.syscall(SYS_BPF[platform.machine()], BPF_PROG_QUERY, buffer, len(buffer))
    if result < 0:
        return None
    return struct.unpack_from("=I", buffer.raw, 24)[0]


def count(netns, interface):
    """How many BPF programs judge what comes in, and what goes out."""
    with netns.entered():
        ifindex = socket.if_nametoindex(interface)
        found = [_count_tcx(ifindex, place) for place in (TCX_INGRESS, TCX_EGRESS)]
    if None not in found:
        return tuple(found)
    return tuple(
        netns.run("tc", "filter", "show", "dev", interface, side, check=False).stdout.count(" bpf ")
        for side in ("ingress", "egress")
    )
