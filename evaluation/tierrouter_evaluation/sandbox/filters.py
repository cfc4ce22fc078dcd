"""A filter of system calls (seccomp) for the process that runs tests, which every user may set for their own processes.

What it lets through still has to be enough for Python: threads, files, pipes. What it refuses with EPERM: starting
processes and programs, sockets, signals to others, lifting limits, namespaces, mounts, owners and modes of files.
"""

import ctypes
import errno
import os
import platform
import struct
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_AT_LEAST: Final = 0x35
_JUMP_IF_SET: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_X32: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000

_NUMBER_AT: Final = 0
_MACHINE_AT: Final = 4
_ARGUMENT_AT: Final = 16
"""Of struct seccomp_data; each argument has eight bytes, the lower half first."""

AUDIT_NUMBERS: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machines whose calls are known here, and what a filter sees of them."""
LOOKED_AT: Final[dict[str, tuple[int, int]]] = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
}
"""Calls that are allowed by their arguments. Numbers of x86_64 and of aarch64."""
REFUSED: Final[dict[str, tuple[int | None, int | None]]] = {
    # Starting processes and programs.
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    # Network; and a way to do anything unseen.
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # Other processes: looking into them, their memory, signals.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    # Lifting limits.
    "setrlimit": (160, 164),
    # Namespaces and mounts.
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    # Modes, owners and attributes of files.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    # What outlives the process: shared memory, semaphores, queues.
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # Parts of the kernel that have had many defects, keys, files by handle.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "open_by_handle_at": (304, 265),
    # The machine itself.
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "acct": (163, 89),
}
"""Calls that are refused. None where a machine does not have one."""


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def program_for(machine: str, pid: int) -> bytes:
    """The filter's instructions; raises OSError for a machine whose system calls are not known here.

    Args:
        pid: the process that may signal itself, as ``abort`` does.
    """
    if machine not in AUDIT_NUMBERS:
        raise OSError(errno.ENOSYS, f"the system calls of {machine} are not known here")
    audit, column = AUDIT_NUMBERS[machine], list(AUDIT_NUMBERS).index(machine)
    looked_at = {name: numbers[column] for name, numbers in LOOKED_AT.items()}
    refused = [number for numbers in REFUSED.values() if (number := numbers[column]) is not None]
    allow, refuse = _instruction(_RETURN, _ALLOW), _instruction(_RETURN, _ERRNO | errno.EPERM)
    parts = [
        _instruction(_LOAD, _MACHINE_AT),
        _instruction(_JUMP_IF_EQUAL, audit, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER_AT),
        _instruction(_JUMP_IF_AT_LEAST, _X32, 0, 1),
        _instruction(_RETURN, _KILL),
    ]

    def when(number: int, body: list[bytes]) -> None:
        parts.append(_instruction(_JUMP_IF_EQUAL, number, 0, len(body)))
        parts.extend(body)

    # The C library takes clone where clone3 is unknown; only of that can the flags be seen.
    when(looked_at["clone3"], [_instruction(_RETURN, _ERRNO | errno.ENOSYS)])
    is_thread = _instruction(_JUMP_IF_SET, _CLONE_THREAD, 0, 1)
    when(looked_at["clone"], [_instruction(_LOAD, _ARGUMENT_AT), is_thread, allow, refuse])
    for name in ("kill", "tgkill"):
        is_self = _instruction(_JUMP_IF_EQUAL, pid, 0, 1)
        when(looked_at[name], [_instruction(_LOAD, _ARGUMENT_AT), is_self, allow, refuse])
    # Reading limits is allowed: the new ones, the third argument, are null.
    low, high = _ARGUMENT_AT + 16, _ARGUMENT_AT + 20
    reads = [
        _instruction(_LOAD, low),
        _instruction(_JUMP_IF_EQUAL, 0, 0, 3),
        _instruction(_LOAD, high),
        _instruction(_JUMP_IF_EQUAL, 0, 0, 1),
        allow,
        refuse,
    ]
    when(looked_at["prlimit64"], reads)
    for number in refused:
        when(number, [refuse])
    parts.append(allow)
    return b"".join(parts)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


_CAPABILITY_VERSION: Final = 0x20080522


def drop_capabilities() -> None:
    """Root's rights, for ever: a suite in a container may well run as root. What root owns stays root's.

    Raises:
        OSError: the kernel does not let it.
    """
    library = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    if library.capset(header, none):
        raise OSError(ctypes.get_errno(), "capset: " + os.strerror(ctypes.get_errno()))


def refuse_calls() -> None:
    """From now on, for this process and for ever.

    Raises:
        OSError: the kernel, a container's own filter, or an unknown machine does not let it.
    """
    code = program_for(platform.machine(), os.getpid())
    library = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if library.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "seccomp: " + os.strerror(ctypes.get_errno()))
