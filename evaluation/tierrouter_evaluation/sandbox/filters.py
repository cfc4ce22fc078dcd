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

# Machine name: its audit number, calls that need a look at their arguments, calls that are refused.
_MACHINES: Final[dict[str, tuple[int, dict[str, int], tuple[int, ...]]]] = {
    "x86_64": (
        0xC000003E,
        {"clone": 56, "clone3": 435, "kill": 62, "tgkill": 234, "prlimit64": 302},
        (
            *(57, 58, 59, 322),  # fork, vfork, execve, execveat
            *(41, 425),  # socket, io_uring_setup
            *(101, 310, 311, 200, 129, 297, 434, 424, 438),  # ptrace, other processes' memory, signals, pidfds
            160,  # setrlimit
            *(272, 308, 161, 155, 165, 166, 428, 429, 430, 442),  # namespaces and mounts
            *(90, 91, 268, 452, 92, 93, 94, 260, 188, 189, 190),  # modes, owners, attributes
            *(29, 64, 68, 240),  # System V memory, semaphores, messages; POSIX message queues
            *(321, 298, 323, 248, 250, 304),  # bpf, perf_event_open, userfaultfd, keys, open_by_handle_at
            *(175, 313, 246, 169, 170, 171, 164, 227, 163),  # modules, reboot, names, clocks, accounting
        ),
    ),
    "aarch64": (
        0xC00000B7,
        {"clone": 220, "clone3": 435, "kill": 129, "tgkill": 131, "prlimit64": 261},
        (
            *(221, 281),
            *(198, 425),
            *(117, 270, 271, 130, 138, 240, 434, 424, 438),
            164,
            *(97, 268, 51, 41, 40, 39, 428, 429, 430, 442),
            *(52, 53, 452, 54, 55, 5, 6, 7),
            *(194, 190, 186, 180),
            *(280, 241, 282, 217, 219, 265),
            *(105, 273, 104, 142, 161, 162, 170, 112, 89),
        ),
    ),
}


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def program_for(machine: str, pid: int) -> bytes:
    """The filter's instructions; raises OSError for a machine whose system calls are not known here.

    Args:
        pid: the process that may signal itself, as ``abort`` does.
    """
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"the system calls of {machine} are not known here")
    audit, looked_at, refused = _MACHINES[machine]
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
