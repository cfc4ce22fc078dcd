"""Confines what a process writes to one folder (Landlock, Linux 5.13 and later), and TCP to nowhere (6.7 and later)."""

import ctypes
import os
from typing import Final

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on every machine."""
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_WRITE_FILE: Final = 1 << 1
_REMOVE_AND_MAKE: Final = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_BIND_AND_CONNECT: Final = 0b11
_PR_SET_NO_NEW_PRIVS: Final = 38


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def confine_writes(folder: str) -> None:
    """From now on, for this process and for ever: files are made, changed and removed below ``folder`` alone.

    Raises:
        OSError: the kernel does not know how, or may not.
    """
    library = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: object) -> int:
        result = int(library.syscall(number, *arguments))
        if result < 0:
            raise OSError(ctypes.get_errno(), "Landlock: " + os.strerror(ctypes.get_errno()))
        return result

    version = call(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    files = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    network = _BIND_AND_CONNECT if version >= 4 else 0
    ruleset = _Ruleset(files, network)
    size = ctypes.sizeof(ruleset) if version >= 4 else 8
    rules = call(_CREATE, ctypes.byref(ruleset), ctypes.c_size_t(size), 0)
    truncating = _TRUNCATE if version >= 3 else 0
    for path, allowed in ((folder, files), (os.devnull, _WRITE_FILE | truncating)):
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        call(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(_Beneath(allowed, opened)), 0)
        os.close(opened)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    call(_RESTRICT_SELF, rules, 0)
    os.close(rules)
