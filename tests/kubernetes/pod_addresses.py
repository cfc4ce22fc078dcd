"""Addresses of pods that no node gives one: on loopback, where their sidecars listen at the ports that all pods have."""

import os


def pod_address(number: int) -> str:
    """Of one of this process' pods, from 0 to 253; of another process, which may run beside this one, is no such pod."""
    process = os.getpid()
    return f"127.{64 + (process >> 8) % 128}.{process & 255}.{number + 1}"
