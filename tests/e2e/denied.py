# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that refuses one system call: wrappers for world.aclctl(wrapper=...)."""

import errno
import platform
import struct
import sys

NUMBERS = {
    "x86_64": {"socket": 41, "bpf": 321},
    "aarch64": {"socket": 198, "bpf": 280},
}[platform.machine()]

LOAD, UNLESS_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET
REFUSE, ALLOW = 0x00050000, 0x7FFF0000  # SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW
ARGUMENTS = 16  # where they begin in struct seccomp_data, eight bytes each

RUN = """
import ctypes, os, struct, sys
program = bytes.fromhex(sys.argv[1])
filters = ctypes.create_string_buffer(program)
header = struct.pack("@HP", len(program) // 8, ctypes.addressof(filters))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(22, 2, header, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[2], sys.argv[2:])
"""


def refusing(call, arguments, error):
    """The call fails with this error where its arguments {index: value} are these."""
    tests = [(0, NUMBERS[call])]
    tests += [(ARGUMENTS + 8 * index, value) for index, value in arguments.items()]
    program = b""
    for number, (offset, value) in enumerate(tests):
        left = 2 * (len(tests) - number - 1) + 1
        program += struct.pack("=HBBI", LOAD, 0, 0, offset)
        program += struct.pack("=HBBI", UNLESS_EQUAL, 0, left, value)
    program += struct.pack("=HBBI", RETURN, 0, 0, REFUSE | error)
    program += struct.pack("=HBBI", RETURN, 0, 0, ALLOW)
    return [sys.executable, "-c", RUN, program.hex()]


# socket(AF_NETLINK, …, NETLINK_NETFILTER) of a kernel without nfnetlink
WITHOUT_NETFILTER = refusing("socket", {0: 16, 2: 12}, errno.EPROTONOSUPPORT)
# bpf(BPF_MAP_CREATE, …)
WITHOUT_MAPS = refusing("bpf", {0: 0}, errno.ENOMEM)
# bpf(BPF_PROG_LOAD, …)
WITHOUT_PROGRAMS = refusing("bpf", {0: 5}, errno.EPERM)
# bpf(BPF_PROG_ATTACH, …)
WITHOUT_ATTACHING = refusing("bpf", {0: 8}, errno.ENOMEM)
