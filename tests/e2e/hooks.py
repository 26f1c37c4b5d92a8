# SPDX-License-Identifier: GPL-2.0-or-later
"""What is attached to an interface, as the kernel says, not aclctl. And programs of others."""

import contextlib
import ctypes
import os
import platform
import socket
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_MAP_CREATE, BPF_MAP_LOOKUP_ELEM, BPF_PROG_LOAD, BPF_PROG_ATTACH = 0, 1, 5, 8
BPF_PROG_DETACH, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY = 9, 13, 15, 16
BPF_LINK_CREATE = 28
# Of enum bpf_attach_type; Debian 12's headers do not have them.
TCX_INGRESS, TCX_EGRESS = 46, 47
PLACES = {"ingress": TCX_INGRESS, "egress": TCX_EGRESS}
XDP = 37
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
    place = PLACES[direction]
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
        netns.run("tc", "filter", "show", "dev", interface, side, check=False).stdout.count(" handle ")
        for side in ("ingress", "egress")
    )


# ---------------------------------------------------------------- of somebody else

MAP_OF_ONE = struct.pack("=IIII", 2, 4, 8, 1)  # BPF_MAP_TYPE_ARRAY, a u64
SCHED_CLS, XDP_TYPE = 3, 6  # of enum bpf_prog_type
TC_OK, TC_SHOT, TCX_NEXT, XDP_PASS = 0, 2, -1, 2
# Of BPF_PROG_ATTACH: in front of all others, and behind them.
FRONT, BEHIND = 1 << 3, 1 << 4
XDP_GENERIC, XDP_DRIVER = 1 << 1, 1 << 2


def _must(command, attributes):
    result, answer = _bpf(command, attributes)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf({command}): {os.strerror(error)}")
    return result, answer


def _instruction(code, registers, number):
    """registers: the destination, and 16 times the source."""
    return struct.pack("=BBhi", code, registers, 0, number)


class Foreign:
    """A program that counts its packets and always returns the same verdict."""

    def __init__(self, kind, verdict):
        self._map, _ = _must(BPF_MAP_CREATE, MAP_OF_ONE)
        instructions = ctypes.create_string_buffer(
            _instruction(0x18, 0x21, self._map) + _instruction(0, 0, 0)  # r1 = the number
            + _instruction(0xB7, 0x02, 1)  # r2 = 1
            + _instruction(0xDB, 0x21, 0)  # lock *r1 += r2
            + _instruction(0xB7, 0x00, verdict) + _instruction(0x95, 0, 0)  # return the verdict
        )  # fmt: skip
        licence = ctypes.create_string_buffer(b"GPL")
        pointers = ctypes.addressof(instructions), ctypes.addressof(licence)
        count = len(instructions) // 8
        self.program, _ = _must(BPF_PROG_LOAD, struct.pack("=IIQQ", kind, count, *pointers))

    def close(self):
        os.close(self.program)
        os.close(self._map)

    def packets(self):
        """How many it has seen."""
        key, value = ctypes.c_uint32(0), ctypes.c_uint64(0)
        pointers = ctypes.addressof(key), ctypes.addressof(value)
        _must(BPF_MAP_LOOKUP_ELEM, struct.pack("=IIQQ", self._map, 0, *pointers))
        return value.value

    def id(self):
        info = (ctypes.c_uint32 * 2)()
        size, pointer = ctypes.sizeof(info), ctypes.addressof(info)
        _must(BPF_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", self.program, size, pointer))
        return info[1]


def has_tcx(netns, interface):
    with netns.entered():
        return _tcx(socket.if_nametoindex(interface), TCX_INGRESS) is not None


@contextlib.contextmanager
def foreign_tcx(netns, interface, direction, verdict, where):
    """Somebody else's program, in FRONT of all that are there now or BEHIND them."""
    with contextlib.closing(Foreign(SCHED_CLS, verdict)) as foreign:
        with netns.entered():
            place = socket.if_nametoindex(interface), foreign.program, PLACES[direction]
            _must(BPF_PROG_ATTACH, struct.pack("=IIII", *place, where))
        try:
            yield foreign
        finally:
            with netns.entered():
                _must(BPF_PROG_DETACH, struct.pack("=IIII", *place, 0))


@contextlib.contextmanager
def foreign_xdp(netns, interface, mode):
    """Somebody else's XDP program, which passes everything; it goes with its link."""
    with contextlib.closing(Foreign(XDP_TYPE, XDP_PASS)) as foreign:
        with netns.entered():
            place = socket.if_nametoindex(interface), XDP, mode
            link, _ = _must(BPF_LINK_CREATE, struct.pack("=IIII", foreign.program, *place))
        try:
            yield foreign
        finally:
            os.close(link)


def position(netns, interface, direction, foreign):
    """How many programs packets meet before this one; None where it is not attached."""
    with netns.entered():
        programs = _tcx(socket.if_nametoindex(interface), PLACES[direction])
    return programs.index(foreign.id()) if foreign.id() in programs else None
