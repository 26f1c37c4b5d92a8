# SPDX-License-Identifier: GPL-2.0-or-later
"""What is attached to an interface, as the kernel says, not aclctl."""

import ctypes
import os
import platform
import socket
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_DETACH, BPF_PROG_GET_FD_BY_ID, BPF_PROG_QUERY = 9, 13, 16
# Of enum bpf_attach_type; Debian 12's headers do not have them.
TCX_INGRESS, TCX_EGRESS = 46, 47
MAX = 64

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    return _libc.syscall(SYS_BPF[platform.machine()], command, buffer, len(buffer)), buffer.raw


def _tcx(ifindex, place):
    """The ids of the TCX programs there; None where the kernel has no TCX."""
    ids = (ctypes.c_uint32 * MAX)()
    attributes = struct.pack("=IIIIQI", ifindex, place, 0, 0, ctypes.addressof(ids), MAX)
    result, answer = _bpf(BPF_PROG_QUERY, attributes)
    if result < 0:
        return None
    return list(ids)[: struct.unpack_from("=I", answer, 24)[0]]


def detach(netns, interface, direction):
    """Takes off the first program, as somebody else would. Whether there was one."""
    place = {"ingress": TCX_INGRESS, "egress": TCX_EGRESS}[direction]
    with netns.entered():
        ifindex = socket.if_nametoindex(interface)
        programs = _tcx(ifindex, place)
        if not programs:
            netns.run("tc", "filter", "del", "dev", interface, direction)
            return
        program, _ = _bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("=III", programs[0], 0, 0))
        assert program >= 0, os.strerror(ctypes.get_errno())
        result, _ = _bpf(BPF_PROG_DETACH, struct.pack("=IIII", ifindex, program, place, 0))
        os.close(program)
        assert result == 0, os.strerror(ctypes.get_errno())


def count(netns, interface):
    """How many BPF programs judge what comes in, and what goes out."""
    with netns.entered():
        ifindex = socket.if_nametoindex(interface)
        found = [_tcx(ifindex, place) for place in (TCX_INGRESS, TCX_EGRESS)]
    if None not in found:
        return tuple(map(len, found))
    return tuple(
        netns.run("tc", "filter", "show", "dev", interface, side, check=False).stdout.count(" bpf ")
        for side in ("ingress", "egress")
    )
